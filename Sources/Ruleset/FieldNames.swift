// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// How the bytes of a register are printed.
package enum ValueFormat: Sendable {
  case hex
  /// A number in the machine's byte order.
  case host
  /// A number in network order.
  case network
  case address
  /// An interface name; without a terminating zero it is the beginning of names and is printed with `*`.
  case name
  case transport
  case states
  case addressType
  case family

  package func text(_ bytes: [UInt8]) -> String {
    let big = bytes.count <= 8 ? bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) } : nil
    let host =
      HostOrder.isLittle && bytes.count <= 8
      ? bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) } : big
    switch self {
    case .hex: break
    case .host: if let host { return String(host) }
    case .network: if let big { return String(big) }
    case .address:
      let width = bytes.count <= 4 ? 4 : 16
      let padded = bytes + Array(repeating: 0, count: max(0, width - bytes.count))
      if let address = IPAddress(bytes: padded) { return address.description }
    case .name:
      let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      return "\"\(text)\(bytes.contains(0) ? "" : "*")\""
    case .transport: if let byte = bytes.first { return IPProtocol(number: byte).description }
    case .states:
      let names: [(UInt64, String)] = [
        (1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked"),
      ]
      if let host { return names.filter { host & $0.0 != 0 }.map(\.1).joined(separator: ",") }
    case .addressType:
      let names = [
        "unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable",
      ]
      if let host, host < 8 { return names[Int(host)] }
    case .family: if let byte = bytes.first { return byte == 2 ? "ipv4" : byte == 10 ? "ipv6" : String(byte) }
    }
    return "0x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// What an expression loads, in nft's syntax.
package enum FieldNames {
  package static func meta(_ key: UInt32) -> (name: String, format: ValueFormat) {
    switch key {
    case NFT.metaLength: ("meta length", .host)
    case NFT.metaEtherType: ("meta protocol", .hex)
    case NFT.metaMark: ("meta mark", .host)
    case NFT.metaInputIndex: ("iif", .host)
    case NFT.metaOutputIndex: ("oif", .host)
    case NFT.metaInputName: ("iifname", .name)
    case NFT.metaOutputName: ("oifname", .name)
    case NFT.metaInputType: ("iiftype", .host)
    case NFT.metaOutputType: ("oiftype", .host)
    case NFT.metaUser: ("meta skuid", .host)
    case NFT.metaGroup: ("meta skgid", .host)
    case NFT.metaFamily: ("meta nfproto", .family)
    case NFT.metaProtocol: ("meta l4proto", .transport)
    case NFT.metaPacketType: ("meta pkttype", .host)
    case NFT.metaInputGroup: ("iifgroup", .host)
    case NFT.metaOutputGroup: ("oifgroup", .host)
    case NFT.metaControlGroup: ("meta cgroup", .host)
    default: ("meta \(key)", .hex)
    }
  }

  package static func connection(_ key: UInt32, _ direction: UInt8?) -> (name: String, format: ValueFormat) {
    let side = direction.map { $0 == 0 ? "original " : "reply " } ?? ""
    return switch key {
    case NFT.ctState: ("ct state", .states)
    case NFT.ctDirection: ("ct direction", .host)
    case NFT.ctStatus: ("ct status", .hex)
    case NFT.ctMark: ("ct mark", .host)
    case NFT.ctFamily: ("ct \(side)l3proto", .family)
    case NFT.ctProtocol: ("ct \(side)protocol", .transport)
    case NFT.ctZone: ("ct \(side)zone", .host)
    case NFT.ctSource, NFT.ctSourceIPv4, NFT.ctSourceIPv6: ("ct \(side)saddr", .address)
    case NFT.ctDestination, NFT.ctDestinationIPv4, NFT.ctDestinationIPv6: ("ct \(side)daddr", .address)
    case NFT.ctSourcePort: ("ct \(side)proto-src", .network)
    case NFT.ctDestinationPort: ("ct \(side)proto-dst", .network)
    default: ("ct \(side)\(key)", .hex)
    }
  }

  package static func payload(
    _ base: UInt32, _ offset: UInt32, _ length: UInt32, family: UInt8, _ transport: String?
  )
    -> (
      name: String, format: ValueFormat
    )
  {
    switch (base, offset, length) {
    case (NFT.payloadNetwork, 12, 1...4) where family != 10: return ("ip saddr", .address)
    case (NFT.payloadNetwork, 16, 1...4) where family != 10: return ("ip daddr", .address)
    case (NFT.payloadNetwork, 9, 1) where family != 10: return ("ip protocol", .transport)
    case (NFT.payloadNetwork, 8, 1) where family == 2: return ("ip ttl", .network)
    case (NFT.payloadNetwork, 8, 1...16): return ("ip6 saddr", .address)
    case (NFT.payloadNetwork, 24, 1...16): return ("ip6 daddr", .address)
    case (NFT.payloadNetwork, 6, 1): return ("ip6 nexthdr", .transport)
    case (NFT.payloadTransport, 0, 2): return ("\(transport ?? "th") sport", .network)
    case (NFT.payloadTransport, 2, 2): return ("\(transport ?? "th") dport", .network)
    case (NFT.payloadTransport, 13, 1): return ("tcp flags", .hex)
    case (NFT.payloadTransport, 0, 1): return ("\(transport ?? "icmp") type", .network)
    case (NFT.payloadTransport, 1, 1): return ("\(transport ?? "icmp") code", .network)
    default:
      let name = ["ll", "nh", "th"].indices.contains(Int(base)) ? ["ll", "nh", "th"][Int(base)] : "\(base)"
      return ("@\(name),\(offset * 8),\(length * 8)", .hex)
    }
  }

  package static func fib(_ result: UInt32, _ flags: UInt32) -> (name: String, format: ValueFormat) {
    let asked: [(UInt32, String)] = [(1, "saddr"), (2, "daddr"), (4, "mark"), (8, "iif"), (16, "oif")]
    let words = asked.filter { flags & $0.0 != 0 }.map(\.1).joined(separator: " . ")
    return result == NFT.fibAddressType
      ? ("fib \(words) type", .addressType)
      : (
        "fib \(words) \(result == NFT.fibOutputName ? "oifname" : "oif")",
        result == NFT.fibOutputName ? .name : .host
      )
  }
}
