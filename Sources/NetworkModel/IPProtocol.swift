// SPDX-License-Identifier: GPL-3.0-or-later

/// A protocol number of the IPv4 protocol or IPv6 next-header field (IANA "Protocol Numbers").
public struct IPProtocol: Sendable, Hashable, Comparable {
  /// The number, as the header carries it.
  public let number: UInt8

  /// A protocol by its number.
  public init(number: UInt8) { self.number = number }

  /// ICMP for IPv4, RFC 792.
  public static let icmp = IPProtocol(number: 1)
  /// IGMP, RFC 9776.
  public static let igmp = IPProtocol(number: 2)
  /// TCP, RFC 9293.
  public static let tcp = IPProtocol(number: 6)
  /// UDP, RFC 768.
  public static let udp = IPProtocol(number: 17)
  /// GRE, RFC 2784.
  public static let gre = IPProtocol(number: 47)
  /// IPsec ESP, RFC 4303.
  public static let esp = IPProtocol(number: 50)
  /// ICMPv6, RFC 4443.
  public static let icmpv6 = IPProtocol(number: 58)
  /// SCTP, RFC 9260.
  public static let sctp = IPProtocol(number: 132)

  /// Whether its header begins with a source and a destination port of 16 bits each.
  public var hasPorts: Bool { self == .tcp || self == .udp || self == .sctp }

  /// By number.
  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

extension IPProtocol: CustomStringConvertible {
  private static let names: [(String, IPProtocol)] = [
    ("icmp", .icmp), ("tcp", .tcp), ("udp", .udp), ("gre", .gre), ("esp", .esp), ("icmpv6", .icmpv6),
    ("sctp", .sctp),
  ]

  /// The names of all protocols that have a name here.
  public static var allNames: [String] { names.map(\.0) }

  /// A protocol by the name that the policy language uses (`tcp`, `esp`, …); nil for an unknown one.
  public init?(name: some StringProtocol) {
    guard let known = Self.names.first(where: { $0.0 == name }) else { return nil }
    self = known.1
  }

  /// Its name, or its number if it has no name here.
  public var description: String { Self.names.first { $0.1 == self }?.0 ?? String(number) }
}
