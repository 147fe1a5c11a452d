// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Ruleset

/// Writes expressions into the message of a rule: known expressions with libnftnl, opaque ones unchanged.
enum ExpressionEncoder {
  /// The maximum size of data in bytes, in the kernel and in libnftnl.
  static let dataLimit = Int(NFT_DATA_VALUE_MAXLEN)

  /// Appends an element of `NFTA_RULE_EXPRESSIONS` to the message at `offset`. Returns false if its data is
  /// longer than a register, or a name longer than the limit.
  static func append(_ expression: Expression, to buffer: inout MessageBuffer, message offset: Int) -> Bool {
    let nest = buffer.beginNest(UInt16(NFTA_LIST_ELEM.rawValue))
    if case .opaque(let name, let data) = expression {
      buffer.append(UInt16(NFTA_EXPR_NAME.rawValue), text: name.utf8)
      if !data.isEmpty {
        let inner = buffer.beginNest(UInt16(NFTA_EXPR_DATA.rawValue))
        data.withUnsafeBytes { buffer.append(raw: $0) }
        buffer.endNest(inner)
      }
    } else {
      guard let built = build(expression) else { return false }
      buffer.extend(offset) { nftnl_expr_build_payload($0, built.pointer) }
    }
    buffer.endNest(nest)
    return true
  }

  private static func build(_ expression: Expression) -> Nftnl.Expression? {
    guard isExpressible(expression), let built = Nftnl.Expression(name(of: expression)) else { return nil }
    switch expression {
    case .meta(let key, let destination):
      built.set(NFTNL_EXPR_META_KEY, key)
      built.set(NFTNL_EXPR_META_DREG, destination)
    case .metaSet(let key, let source):
      built.set(NFTNL_EXPR_META_KEY, key)
      built.set(NFTNL_EXPR_META_SREG, source)
    case .payload(let base, let offset, let length, let destination):
      built.set(NFTNL_EXPR_PAYLOAD_BASE, base)
      built.set(NFTNL_EXPR_PAYLOAD_OFFSET, offset)
      built.set(NFTNL_EXPR_PAYLOAD_LEN, length)
      built.set(NFTNL_EXPR_PAYLOAD_DREG, destination)
    case .ct(let key, let direction, let destination):
      built.set(NFTNL_EXPR_CT_KEY, key)
      if let direction { built.set(NFTNL_EXPR_CT_DIR, byte: direction) }
      built.set(NFTNL_EXPR_CT_DREG, destination)
    case .fib(let result, let flags, let destination):
      built.set(NFTNL_EXPR_FIB_RESULT, result)
      built.set(NFTNL_EXPR_FIB_FLAGS, flags)
      built.set(NFTNL_EXPR_FIB_DREG, destination)
    case .compare(let operation, let source, let data):
      built.set(NFTNL_EXPR_CMP_SREG, source)
      built.set(NFTNL_EXPR_CMP_OP, operation)
      built.set(NFTNL_EXPR_CMP_DATA, data)
    case .range(let operation, let source, let from, let to):
      built.set(NFTNL_EXPR_RANGE_SREG, source)
      built.set(NFTNL_EXPR_RANGE_OP, operation)
      built.set(NFTNL_EXPR_RANGE_FROM_DATA, from)
      built.set(NFTNL_EXPR_RANGE_TO_DATA, to)
    case .bitwise(let source, let destination, let mask, let xor):
      built.set(NFTNL_EXPR_BITWISE_SREG, source)
      built.set(NFTNL_EXPR_BITWISE_DREG, destination)
      built.set(NFTNL_EXPR_BITWISE_LEN, UInt32(mask.count))
      built.set(NFTNL_EXPR_BITWISE_MASK, mask)
      built.set(NFTNL_EXPR_BITWISE_XOR, xor)
    case .lookup(let set, let source, let destination, let inverted):
      built.set(NFTNL_EXPR_LOOKUP_SET, set)
      built.set(NFTNL_EXPR_LOOKUP_SREG, source)
      if let destination { built.set(NFTNL_EXPR_LOOKUP_DREG, destination) }
      if inverted == .inverted { built.set(NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV.rawValue) }
    case .immediate(let destination, let data):
      built.set(NFTNL_EXPR_IMM_DREG, destination)
      built.set(NFTNL_EXPR_IMM_DATA, data)
    case .verdict(let verdict):
      built.set(NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT.rawValue)
      built.set(NFTNL_EXPR_IMM_VERDICT, UInt32(bitPattern: verdict.number))
      if let chain = verdict.chain { built.set(NFTNL_EXPR_IMM_CHAIN, chain) }
    case .object(let type, let name):
      built.set(NFTNL_EXPR_OBJREF_IMM_TYPE, type)
      built.set(NFTNL_EXPR_OBJREF_IMM_NAME, name)
    case .objectMap(let set, let source):
      built.set(NFTNL_EXPR_OBJREF_SET_SREG, source)
      built.set(NFTNL_EXPR_OBJREF_SET_NAME, set)
    case .reject(let type, let code):
      built.set(NFTNL_EXPR_REJECT_TYPE, type)
      built.set(NFTNL_EXPR_REJECT_CODE, byte: code)
    case .limit(let rate, let unit, let burst):
      built.set(NFTNL_EXPR_LIMIT_RATE, long: rate)
      built.set(NFTNL_EXPR_LIMIT_UNIT, long: unit)
      built.set(NFTNL_EXPR_LIMIT_BURST, burst)
      built.set(NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS.rawValue)
    case .log(let prefix, let group, let captured):
      built.set(NFTNL_EXPR_LOG_PREFIX, prefix)
      built.set(NFTNL_EXPR_LOG_GROUP, short: group)
      built.set(NFTNL_EXPR_LOG_SNAPLEN, captured)
    case .counter, .notrack, .opaque: break
    }
    return built
  }

  /// The kernel's name of the expression. It identifies a missing module: `fib` is in `nft_fib` and related
  /// modules.
  package static func name(of expression: Expression) -> String {
    switch expression {
    case .meta, .metaSet: "meta"
    case .payload: "payload"
    case .ct: "ct"
    case .fib: "fib"
    case .compare: "cmp"
    case .range: "range"
    case .bitwise: "bitwise"
    case .lookup: "lookup"
    case .immediate, .verdict: "immediate"
    case .counter: "counter"
    case .object, .objectMap: "objref"
    case .reject: "reject"
    case .notrack: "notrack"
    case .limit: "limit"
    case .log: "log"
    case .opaque(let name, _): name
    }
  }

  /// Whether the expression's data fits into libnftnl's memory, and its names into a message.
  private static func isExpressible(_ expression: Expression) -> Bool {
    switch expression {
    case .compare(_, _, let data), .immediate(_, let data): data.count <= dataLimit
    case .range(_, _, let one, let two), .bitwise(_, _, let one, let two):
      one.count <= dataLimit && two.count <= dataLimit
    case .lookup(let name, _, _, _), .object(_, let name), .objectMap(let name, _):
      name.utf8.count < Int(NFT_NAME_MAXLEN)
    case .verdict(let verdict): (verdict.chain?.utf8.count ?? 0) < Int(NFT_NAME_MAXLEN)
    case .log(let prefix, _, _): prefix.utf8.count <= DropLog.prefixLimit
    case .meta, .metaSet, .payload, .ct, .fib, .counter, .reject, .notrack, .limit, .opaque: true
    }
  }
}
