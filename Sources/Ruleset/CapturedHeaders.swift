// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The fields that can be read from the first bytes of a packet. The bytes are untrusted input.
///
/// IPv4 (RFC 791 section 3.1) and IPv6 (RFC 8200 section 3) with the extension headers hop-by-hop, routing,
/// destination options, fragment and authentication (RFC 4302). A field beyond the captured bytes is nil.
public struct CapturedHeaders: Sendable, Hashable {
  /// Its source address.
  public let source: IPAddress
  /// Its destination address.
  public let destination: IPAddress
  /// Its transport protocol: the first header that is not an IPv6 extension header.
  public let transport: IPProtocol
  /// Bytes of the whole packet, according to its header.
  public let length: Int
  /// In host order; nil if the protocol has no ports, and in all fragments except the first.
  public private(set) var sourcePort: UInt16?
  /// In host order; nil as for `sourcePort`.
  public private(set) var destinationPort: UInt16?
  /// Flags of the TCP header; nil for other protocols.
  public private(set) var tcpFlags: TCPFlags?
  /// ICMP or ICMPv6 type; nil for other protocols.
  public private(set) var icmpType: UInt8?
  /// ICMP or ICMPv6 code; nil for other protocols.
  public private(set) var icmpCode: UInt8?

  /// The maximum number of extension headers that are read.
  private static let mostExtensions = 8

  /// Reads bytes from the network header on. Nil if they are neither IPv4 nor IPv6 with both addresses.
  public init?(_ bytes: some Collection<UInt8>) {
    let bytes = Array(bytes)
    switch bytes.first.map({ $0 >> 4 }) {
    case 4: self.init(ipv4: bytes)
    case 6: self.init(ipv6: bytes)
    default: return nil
    }
  }

  private init?(ipv4 bytes: [UInt8]) {
    guard let first = bytes.byte(0), let total = bytes.networkUInt16(2),
      let fragment = bytes.networkUInt16(6),
      let number = bytes.byte(9), let from = bytes.bytes(12, 4).flatMap({ IPAddress(bytes: $0) }),
      let to = bytes.bytes(16, 4).flatMap({ IPAddress(bytes: $0) })
    else { return nil }
    let headerLength = Int(first & 0xf) * 4
    guard headerLength >= 20 else { return nil }
    (source, destination, transport) = (from, to, IPProtocol(number: number))
    length = Int(total)
    // Only the first fragment has the transport header.
    if fragment & 0x1fff == 0 { readTransport(bytes.dropFirst(headerLength)) }
  }

  private init?(ipv6 bytes: [UInt8]) {
    guard let payload = bytes.networkUInt16(4), var next = bytes.byte(6),
      let from = bytes.bytes(8, 16).flatMap({ IPAddress(bytes: $0) }),
      let to = bytes.bytes(24, 16).flatMap({ IPAddress(bytes: $0) })
    else { return nil }
    var rest = bytes[...].dropFirst(40)
    var isFirst = true
    for _ in 0..<Self.mostExtensions {
      let size: Int
      switch next {
      case 0, 43, 60: size = (Int(rest.byte(1) ?? 0) + 1) * 8
      case 44:
        size = 8
        isFirst = isFirst && (rest.networkUInt16(2) ?? 0) & 0xfff8 == 0
      case 51: size = (Int(rest.byte(1) ?? 0) + 2) * 4
      default: size = 0
      }
      guard size > 0, let following = rest.byte(0) else { break }
      next = following
      rest = rest.dropFirst(size)
    }
    (source, destination, transport) = (from, to, IPProtocol(number: next))
    length = 40 + Int(payload)
    if isFirst { readTransport(rest) }
  }

  private mutating func readTransport(_ bytes: ArraySlice<UInt8>) {
    if transport.hasPorts {
      sourcePort = bytes.networkUInt16(0)
      destinationPort = bytes.networkUInt16(2)
      if transport == .tcp { tcpFlags = bytes.byte(13).map { TCPFlags(rawValue: $0 & 0x3f) } }
    } else if transport == .icmp || transport == .icmpv6 {
      icmpType = bytes.byte(0)
      icmpCode = bytes.byte(1)
    }
  }
}
