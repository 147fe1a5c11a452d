// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import Ruleset

/// Decodes the attributes of an expression, or stores them unchanged.
///
/// A known expression with an attribute or a value that its case cannot represent is decoded as `.opaque`, so
/// that nothing is lost. The kernel reports registers in the same form as the model (`nft_dump_register` of
/// `net/netfilter/nf_tables_api.c`).
enum ExpressionDecoder {
  /// Decodes the attributes of an element of `NFTA_RULE_EXPRESSIONS`. Nil if it has no name.
  static func decode(_ attributes: AttributeList) -> Expression? {
    var name: String?
    var data = UnsafeRawBufferPointer(start: nil, count: 0)
    for attribute in attributes {
      switch attribute.type {
      case NFTA_EXPR_NAME: name = attribute.text
      case NFTA_EXPR_DATA: data = attribute.payload
      default: break
      }
    }
    guard let name else { return nil }
    return known(name, AttributeList(data)) ?? .opaque(name: name, data: Array(data))
  }

  private static func known(_ name: String, _ list: AttributeList) -> Expression? {
    switch name {
    case "meta": meta(list)
    case "cmp": compare(list)
    case "payload": payload(list)
    case "lookup": lookup(list)
    case "immediate": immediate(list)
    case "counter": counter(list)
    case "objref": object(list)
    case "ct": connection(list)
    case "bitwise": bitwise(list)
    case "fib": fib(list)
    case "range": range(list)
    case "reject": reject(list)
    case "limit": limit(list)
    case "log": log(list)
    case "notrack": list.unread == 0 ? .notrack : nil
    default: nil
    }
  }

  private static func meta(_ list: AttributeList) -> Expression? {
    var (key, destination, source): (UInt32?, UInt32?, UInt32?)
    for attribute in list {
      switch attribute.type {
      case NFTA_META_KEY: key = attribute.u32
      case NFTA_META_DREG: destination = attribute.u32
      case NFTA_META_SREG: source = attribute.u32
      default: return nil
      }
    }
    switch (key, destination, source) {
    case (let key?, let destination?, nil): return .meta(key: key, destination: destination)
    case (let key?, nil, let source?): return .metaSet(key: key, source: source)
    default: return nil
    }
  }

  private static func payload(_ list: AttributeList) -> Expression? {
    var (base, offset, length, destination): (UInt32?, UInt32?, UInt32?, UInt32?)
    for attribute in list {
      switch attribute.type {
      case NFTA_PAYLOAD_BASE: base = attribute.u32
      case NFTA_PAYLOAD_OFFSET: offset = attribute.u32
      case NFTA_PAYLOAD_LEN: length = attribute.u32
      case NFTA_PAYLOAD_DREG: destination = attribute.u32
      default: return nil
      }
    }
    guard let base, let offset, let length, let destination else { return nil }
    return .payload(base: base, offset: offset, length: length, destination: destination)
  }

  private static func connection(_ list: AttributeList) -> Expression? {
    var (key, destination, direction): (UInt32?, UInt32?, UInt8?)
    for attribute in list {
      switch attribute.type {
      case NFTA_CT_KEY: key = attribute.u32
      case NFTA_CT_DREG: destination = attribute.u32
      case NFTA_CT_DIRECTION: direction = attribute.u8
      default: return nil
      }
    }
    guard let key, let destination else { return nil }
    return .ct(key: key, direction: direction, destination: destination)
  }

  private static func fib(_ list: AttributeList) -> Expression? {
    var (result, flags, destination): (UInt32?, UInt32?, UInt32?)
    for attribute in list {
      switch attribute.type {
      case NFTA_FIB_RESULT: result = attribute.u32
      case NFTA_FIB_FLAGS: flags = attribute.u32
      case NFTA_FIB_DREG: destination = attribute.u32
      default: return nil
      }
    }
    guard let result, let flags, let destination else { return nil }
    return .fib(result: result, flags: flags, destination: destination)
  }

  private static func compare(_ list: AttributeList) -> Expression? {
    var (operation, source, data): (UInt32?, UInt32?, [UInt8]?)
    for attribute in list {
      switch attribute.type {
      case NFTA_CMP_OP: operation = attribute.u32
      case NFTA_CMP_SREG: source = attribute.u32
      case NFTA_CMP_DATA: data = attribute.dataValue
      default: return nil
      }
    }
    guard let operation, let source, let data else { return nil }
    return .compare(operation: operation, source: source, data: data)
  }

  private static func range(_ list: AttributeList) -> Expression? {
    var (operation, source): (UInt32?, UInt32?)
    var (from, to): ([UInt8]?, [UInt8]?)
    for attribute in list {
      switch attribute.type {
      case NFTA_RANGE_OP: operation = attribute.u32
      case NFTA_RANGE_SREG: source = attribute.u32
      case NFTA_RANGE_FROM_DATA: from = attribute.dataValue
      case NFTA_RANGE_TO_DATA: to = attribute.dataValue
      default: return nil
      }
    }
    guard let operation, let source, let from, let to else { return nil }
    return .range(operation: operation, source: source, from: from, to: to)
  }

  private static func bitwise(_ list: AttributeList) -> Expression? {
    var (source, destination, length): (UInt32?, UInt32?, UInt32?)
    var (mask, xor): ([UInt8]?, [UInt8]?)
    for attribute in list {
      switch attribute.type {
      case NFTA_BITWISE_SREG: source = attribute.u32
      case NFTA_BITWISE_DREG: destination = attribute.u32
      case NFTA_BITWISE_LEN: length = attribute.u32
      case NFTA_BITWISE_MASK: mask = attribute.dataValue
      case NFTA_BITWISE_XOR: xor = attribute.dataValue
      case NFTA_BITWISE_OP where attribute.u32 == NFT_BITWISE_MASK_XOR.rawValue: break
      default: return nil
      }
    }
    guard let source, let destination, let length, let mask, let xor, mask.count == Int(length),
      xor.count == mask.count
    else { return nil }
    return .bitwise(source: source, destination: destination, mask: mask, xor: xor)
  }

  private static func lookup(_ list: AttributeList) -> Expression? {
    var (set, source, destination): (String?, UInt32?, UInt32?)
    var inverted = Inversion.plain
    for attribute in list {
      switch attribute.type {
      case NFTA_LOOKUP_SET: set = attribute.text
      case NFTA_LOOKUP_SREG: source = attribute.u32
      case NFTA_LOOKUP_DREG:
        guard let register = attribute.u32 else { return nil }
        destination = register
      case NFTA_LOOKUP_FLAGS where attribute.u32 == 0: break
      case NFTA_LOOKUP_FLAGS where attribute.u32 == NFT_LOOKUP_F_INV.rawValue: inverted = .inverted
      default: return nil
      }
    }
    guard let set, let source else { return nil }
    return .lookup(set: set, source: source, destination: destination, inverted: inverted)
  }

  private static func immediate(_ list: AttributeList) -> Expression? {
    var (destination, data, verdict): (UInt32?, [UInt8]?, VerdictCode?)
    for attribute in list {
      switch attribute.type {
      case NFTA_IMMEDIATE_DREG: destination = attribute.u32
      case NFTA_IMMEDIATE_DATA:
        data = attribute.dataValue
        verdict = attribute.dataVerdict
      default: return nil
      }
    }
    switch (destination, data, verdict) {
    case (NFT_REG_VERDICT.rawValue, nil, let verdict?): return .verdict(verdict)
    case (let destination?, let data?, nil) where destination != NFT_REG_VERDICT.rawValue:
      return .immediate(destination: destination, data: data)
    default: return nil
    }
  }

  private static func counter(_ list: AttributeList) -> Expression? {
    for attribute in list {
      switch attribute.type {
      case NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS, NFTA_COUNTER_PAD: break
      default: return nil
      }
    }
    return .counter
  }

  private static func object(_ list: AttributeList) -> Expression? {
    var (type, name, set, source): (UInt32?, String?, String?, UInt32?)
    for attribute in list {
      switch attribute.type {
      case NFTA_OBJREF_IMM_TYPE: type = attribute.u32
      case NFTA_OBJREF_IMM_NAME: name = attribute.text
      case NFTA_OBJREF_SET_NAME: set = attribute.text
      case NFTA_OBJREF_SET_SREG: source = attribute.u32
      default: return nil
      }
    }
    switch (type, name, set, source) {
    case (let type?, let name?, nil, nil): return .object(type: type, name: name)
    case (nil, nil, let set?, let source?): return .objectMap(set: set, source: source)
    default: return nil
    }
  }

  /// Decodes a plain packet limit; other limits (of bytes, inverted) stay opaque.
  private static func limit(_ list: AttributeList) -> Expression? {
    var (rate, unit, burst): (UInt64?, UInt64?, UInt32?)
    for attribute in list {
      switch attribute.type {
      case NFTA_LIMIT_RATE: rate = attribute.u64
      case NFTA_LIMIT_UNIT: unit = attribute.u64
      case NFTA_LIMIT_BURST: burst = attribute.u32
      case NFTA_LIMIT_TYPE where attribute.u32 == NFT_LIMIT_PKTS.rawValue: break
      case NFTA_LIMIT_FLAGS where attribute.u32 == 0: break
      case NFTA_LIMIT_PAD: break
      default: return nil
      }
    }
    guard let rate, let unit, let burst else { return nil }
    return .limit(rate: rate, unit: unit, burst: burst)
  }

  /// Decodes a log expression for NFLOG with exactly the attributes that wgfence writes; others stay opaque.
  private static func log(_ list: AttributeList) -> Expression? {
    var (prefix, group, captured): (String?, UInt16?, UInt32?)
    for attribute in list {
      switch attribute.type {
      case NFTA_LOG_PREFIX: prefix = attribute.exactText
      case NFTA_LOG_GROUP: group = attribute.u16
      case NFTA_LOG_SNAPLEN: captured = attribute.u32
      default: return nil
      }
    }
    guard let prefix, let group, let captured else { return nil }
    return .log(prefix: prefix, group: group, captured: captured)
  }

  private static func reject(_ list: AttributeList) -> Expression? {
    var (type, code): (UInt32?, UInt8?)
    for attribute in list {
      switch attribute.type {
      case NFTA_REJECT_TYPE: type = attribute.u32
      case NFTA_REJECT_ICMP_CODE: code = attribute.u8
      default: return nil
      }
    }
    guard let type else { return nil }
    return .reject(type: type, code: code ?? 0)  // a TCP reset has no code
  }
}

extension NetlinkAttribute {
  /// The bytes of the nested `NFTA_DATA_VALUE`; nil if there is any other attribute.
  var dataValue: [UInt8]? {
    var value: [UInt8]?
    for attribute in nested {
      switch attribute.type {
      case NFTA_DATA_VALUE: value = attribute.bytes
      default: return nil
      }
    }
    return value
  }

  /// The verdict of the nested `NFTA_DATA_VERDICT`; nil if there is any other attribute.
  var dataVerdict: VerdictCode? {
    var verdict: VerdictCode?
    for attribute in nested {
      switch attribute.type {
      case NFTA_DATA_VERDICT: verdict = VerdictCode(attributes: attribute.nested)
      default: return nil
      }
    }
    return verdict
  }
}
