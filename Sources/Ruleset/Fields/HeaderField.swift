// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// A field of a packet's headers that `payload` loads.
package enum HeaderField: Sendable, CaseIterable {
  /// The version, and in the lower four bits the length of the header in words of 32 bits.
  case ipv4HeaderLength
  case ipv4Length
  case ipv4HopLimit
  case ipv4Protocol
  case ipv4Source
  case ipv4Destination
  case ipv6Length
  case ipv6NextHeader
  case ipv6HopLimit
  case ipv6Source
  case ipv6Destination
  case sourcePort
  case destinationPort
  case tcpFlags
  case icmpType
  case icmpCode

  /// The header that it is in.
  package enum Header: Sendable, CaseIterable {
    /// RFC 791 section 3.1.
    case ipv4
    /// RFC 8200 section 3.
    case ipv6
    /// The ports, with which the headers of TCP, UDP and SCTP begin.
    case ports
    /// RFC 9293 section 3.1.
    case tcp
    /// ICMP (RFC 792) and ICMPv6 (RFC 4443).
    case icmp
  }

  /// Where the field is, in bytes, and its form.
  private var entry: (header: Header, offset: Int, form: FieldForm) {
    switch self {
    case .ipv4HeaderLength: (.ipv4, 0, FieldForm("hdrlength", 1, .network, .hex))
    case .ipv4Length: (.ipv4, 2, FieldForm("length", 2, .network))
    case .ipv4HopLimit: (.ipv4, 8, FieldForm("ttl", 1, .network))
    case .ipv4Protocol: (.ipv4, 9, FieldForm("protocol", 1, .network, .transport))
    case .ipv4Source: (.ipv4, 12, FieldForm("saddr", 4, .network, .address(.ipv4)))
    case .ipv4Destination: (.ipv4, 16, FieldForm("daddr", 4, .network, .address(.ipv4)))
    case .ipv6Length: (.ipv6, 4, FieldForm("length", 2, .network))
    case .ipv6NextHeader: (.ipv6, 6, FieldForm("nexthdr", 1, .network, .transport))
    case .ipv6HopLimit: (.ipv6, 7, FieldForm("hoplimit", 1, .network))
    case .ipv6Source: (.ipv6, 8, FieldForm("saddr", 16, .network, .address(.ipv6)))
    case .ipv6Destination: (.ipv6, 24, FieldForm("daddr", 16, .network, .address(.ipv6)))
    case .sourcePort: (.ports, 0, FieldForm("sport", 2, .network))
    case .destinationPort: (.ports, 2, FieldForm("dport", 2, .network))
    case .tcpFlags: (.tcp, 13, FieldForm("flags", 1, .network, .hex))
    case .icmpType: (.icmp, 0, FieldForm("type", 1, .network))
    case .icmpCode: (.icmp, 1, FieldForm("code", 1, .network))
    }
  }

  package var header: Header { entry.header }
  /// Its form in a register; the name of the header is missing in its name.
  var form: FieldForm { entry.form }

  /// Its place.
  package var bytes: HeaderBytes {
    let entry = entry
    return HeaderBytes(base: entry.header.base, offset: entry.offset, length: entry.form.length)
  }

  /// Its name in nft, in packets of a protocol.
  func name(_ transport: IPProtocol?) -> String {
    let word =
      switch header {
      case .ipv4: "ip"
      case .ipv6: "ip6"
      case .ports: transport?.description ?? "th"
      case .tcp: "tcp"
      case .icmp: transport?.description ?? "icmp"
      }
    return "\(word) \(form.name)"
  }

  /// The fields of a header, in their order.
  package static func fields(of header: Header) -> [HeaderField] {
    switch header {
    case .ipv4: Places.ipv4Fields
    case .ipv6: Places.ipv6Fields
    case .ports: Places.portFields
    case .tcp: Places.tcpFields
    case .icmp: Places.icmpFields
    }
  }

  /// A field and its place.
  struct Place: Sendable {
    let field: HeaderField
    let bytes: HeaderBytes
  }

  /// The fields by header, computed once.
  enum Places {
    static let ipv4Fields = allCases.filter { $0.header == .ipv4 }
    static let ipv6Fields = allCases.filter { $0.header == .ipv6 }
    static let portFields = allCases.filter { $0.header == .ports }
    static let tcpFields = allCases.filter { $0.header == .tcp }
    static let icmpFields = allCases.filter { $0.header == .icmp }

    static let ipv4 = ipv4Fields.map { Place(field: $0, bytes: $0.bytes) }
    static let ipv6 = ipv6Fields.map { Place(field: $0, bytes: $0.bytes) }
    static let transport = (portFields + tcpFields).map { Place(field: $0, bytes: $0.bytes) }
    static let icmp = icmpFields.map { Place(field: $0, bytes: $0.bytes) }
  }
}

extension HeaderField.Header {
  /// The header of a family.
  package init(_ family: AddressFamily) { self = family == .ipv4 ? .ipv4 : .ipv6 }

  /// `nft_payload_bases`
  package var base: UInt32 {
    switch self {
    case .ipv4, .ipv6: NFT.payloadNetwork
    case .ports, .tcp, .icmp: NFT.payloadTransport
    }
  }
}
