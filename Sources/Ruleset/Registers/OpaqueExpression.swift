// SPDX-License-Identifier: GPL-3.0-or-later

/// An expression that the model keeps as raw bytes (`Expression.opaque`), decoded: what it does, and which
/// registers it reads and writes.
package enum OpaqueExpression: Sendable {
  /// `match`: a match of iptables, as a C structure.
  case match(name: String, revision: UInt32, info: [UInt8])
  /// `target`
  case target(name: String, revision: UInt32, info: [UInt8])
  /// `limit`, `quota`, `connlimit`
  case limit(RuleLimit)
  /// `nat`, `masq`, `redir`, by name and with their attributes.
  case translation(String, AttributeBytes)
  /// `byteorder`: swaps whole numbers of `size` bytes in `length` bytes.
  case byteOrder(source: UInt32, destination: UInt32, length: Int, size: Int)
  /// `ct` that sets a property of the connection; `key` is an `nft_ct_keys`.
  case connectionSet(key: UInt32?, source: UInt32)
  /// `dynset`: adds to a set, updates or deletes an element.
  case dynamicSet(DynamicSet)
  /// `exthdr` that loads an extension header, an IP option or a TCP option.
  case headerLoad(HeaderLoad)
  /// `exthdr` that writes a TCP option, which no rule sees. It ends the rule for packets of other protocols.
  case headerWrite(source: UInt32)
  /// `payload` that writes bytes of a header.
  case payloadWrite(HeaderBytes, source: UInt32)
  /// `queue` with the numbers of its queues.
  case queue(UserQueue)
  /// Has an effect that is not evaluated: it may change the packet, keep it or send it elsewhere.
  case effect(String)
  /// Has no effect that a rule can see, and reads no register whose effect matters.
  case passing
  /// Not evaluated; it may match or not. `destination` is the register that it writes, nil if it writes none.
  case loads(String, sources: [UInt32], destination: UInt32)
  /// Not evaluated, and unknown what it reads and writes.
  case unknown(String)

  /// An extension header or an option in a packet.
  package struct HeaderLoad: Sendable, Hashable {
    /// `nft_exthdr_op`
    package let operation: UInt32
    /// The number of the header or option.
    package let type: UInt8
    /// Which bytes of it are loaded.
    package let bytes: Range<Int>
    /// What is loaded: whether it is there, or bytes of it.
    package let result: Result
    package let destination: UInt32

    package enum Result: Sendable { case presence, bytes }
  }

  /// Decodes an expression by its name and its data attribute.
  package init(_ name: String, _ data: [UInt8]) {
    self = Self.decode(name, AttributeBytes(data)) ?? .unknown(name)
  }

  private static func decode(_ name: String, _ attributes: AttributeBytes) -> OpaqueExpression? {
    switch name {
    case "match", "target":
      guard let own = attributes.text(NFT.Attribute.compatName) else { return nil }
      let revision = attributes.u32(NFT.Attribute.compatRevision) ?? 0
      let info = attributes.value(NFT.Attribute.compatInfo) ?? []
      return name == "match"
        ? .match(name: own, revision: revision, info: info)
        : .target(name: own, revision: revision, info: info)
    case "limit", "quota", "connlimit": return RuleLimit(name, attributes).map { .limit($0) }
    case "nat", "masq", "redir": return .translation(name, attributes)
    case "byteorder":
      guard let source = attributes.u32(NFT.Attribute.byteOrderSource),
        let destination = attributes.u32(NFT.Attribute.byteOrderDestination),
        let length = attributes.u32(NFT.Attribute.byteOrderLength),
        let size = attributes.u32(NFT.Attribute.byteOrderSize), [2, 4, 8].contains(size), length <= 64
      else { return nil }
      return .byteOrder(source: source, destination: destination, length: Int(length), size: Int(size))
    case "ct":
      return attributes.u32(NFT.Attribute.ctSourceRegister).map {
        .connectionSet(key: attributes.u32(NFT.Attribute.ctKey), source: $0)
      }
    case "dynset": return .dynamicSet(DynamicSet(attributes))
    case "exthdr": return extensionHeader(attributes)
    case "log", "last", "dup", "flow_offload": return .passing
    case "payload":
      guard let source = attributes.u32(NFT.Attribute.payloadSource),
        let base = attributes.u32(NFT.Attribute.payloadBase),
        let offset = attributes.u32(NFT.Attribute.payloadOffset).flatMap({ Int(exactly: $0) }),
        let length = attributes.u32(NFT.Attribute.payloadLength).flatMap({ Int(exactly: $0) }), length <= 64
      else { return nil }
      return .payloadWrite(HeaderBytes(base: base, offset: offset, length: length), source: source)
    case "queue": return UserQueue(attributes).map { .queue($0) } ?? .effect(name)
    case "synproxy", "tproxy", "fwd": return .effect(name)
    case "bitwise":
      guard let source = attributes.u32(NFT.Attribute.bitwiseSource) else { return nil }
      return attributes.u32(NFT.Attribute.bitwiseDestination).map {
        .loads(name, sources: [source], destination: $0)
      }
    case "hash":
      return attributes.u32(NFT.Attribute.hashDestination).map {
        .loads(name, sources: attributes.u32(NFT.Attribute.hashSource).map { [$0] } ?? [], destination: $0)
      }
    case "numgen", "rt", "osf", "xfrm":
      return attributes.u32(NFT.Attribute.loadDestination).map {
        .loads(name, sources: [], destination: $0)
      }
    case "socket", "tunnel":
      return attributes.u32(NFT.Attribute.keyedLoadDestination).map {
        .loads(name, sources: [], destination: $0)
      }
    default: return nil
    }
  }

  private static func extensionHeader(_ attributes: AttributeBytes) -> OpaqueExpression? {
    if let source = attributes.u32(NFT.Attribute.extensionSource) { return .headerWrite(source: source) }
    guard let destination = attributes.u32(NFT.Attribute.extensionDestination) else { return nil }
    let flags = attributes.u32(NFT.Attribute.extensionFlags) ?? 0
    let (offset, length) = (
      attributes.u32(NFT.Attribute.extensionOffset) ?? 0, attributes.u32(NFT.Attribute.extensionLength) ?? 0
    )
    return .headerLoad(
      HeaderLoad(
        operation: attributes.u32(NFT.Attribute.extensionOperation) ?? NFT.extensionIPv6,
        type: attributes.value(NFT.Attribute.extensionType)?.first ?? 0,
        bytes: Int(min(offset, 255))..<Int(min(offset, 255) + min(length, 255)),
        result: flags & NFT.extensionPresent != 0 ? .presence : .bytes, destination: destination))
  }

  // MARK: Registers

  /// Registers by their numbers; how many bytes is not stated.
  package enum Registers: Sendable, Hashable {
    case nothing
    case registers([UInt32])
    case anything
  }

  /// What it may read.
  package var reads: Registers {
    switch self {
    case .match, .target, .limit, .headerLoad, .passing, .queue: return .nothing
    case .translation(let name, let attributes):
      let types =
        switch name {
        case "nat":
          [
            NFT.Attribute.natAddressFirst, NFT.Attribute.natAddressLast, NFT.Attribute.natPortFirst,
            NFT.Attribute.natPortLast,
          ]
        case "masq": [NFT.Attribute.masqueradePortFirst, NFT.Attribute.masqueradePortLast]
        default: [NFT.Attribute.redirectPortFirst, NFT.Attribute.redirectPortLast]
        }
      return .registers(types.compactMap { attributes.u32($0) })
    case .byteOrder(let source, _, _, _), .connectionSet(_, let source), .headerWrite(let source),
      .payloadWrite(_, let source):
      return .registers([source])
    case .dynamicSet(let set): return .registers(set.sources)
    case .loads(_, let sources, _): return .registers(sources)
    case .effect, .unknown: return .anything
    }
  }

  /// What it may write. None of these expressions writes more than 16 bytes, except `byteorder`.
  package var writes: Registers {
    switch self {
    case .match, .target, .limit, .translation, .connectionSet, .dynamicSet, .headerWrite, .payloadWrite,
      .effect, .passing, .queue:
      .nothing
    case .byteOrder(_, let destination, let length, _):
      length <= 16 ? .registers([destination]) : .anything
    case .headerLoad(let load):
      load.result == .presence || (1...16).contains(load.bytes.count)
        ? .registers([load.destination]) : .anything
    case .loads(_, _, let destination): .registers([destination])
    case .unknown: .anything
    }
  }
}
