// SPDX-License-Identifier: GPL-3.0-or-later

/// A protocol number of the IPv4 protocol or IPv6 next-header field (IANA "Protocol Numbers").
public struct IPProtocol: Sendable, Hashable, Comparable {
  public let number: UInt8

  public init(number: UInt8) { self.number = number }

  public static let icmp = IPProtocol(number: 1)
  public static let tcp = IPProtocol(number: 6)
  public static let udp = IPProtocol(number: 17)
  public static let gre = IPProtocol(number: 47)
  public static let esp = IPProtocol(number: 50)
  public static let icmpv6 = IPProtocol(number: 58)
  public static let sctp = IPProtocol(number: 132)

  /// Whether its header begins with a source and a destination port of 16 bits each.
  public var hasPorts: Bool { self == .tcp || self == .udp || self == .sctp }

  public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

extension IPProtocol: CustomStringConvertible {
  private static let names: [(String, IPProtocol)] = [
    ("icmp", .icmp), ("tcp", .tcp), ("udp", .udp), ("gre", .gre), ("esp", .esp), ("icmpv6", .icmpv6),
    ("sctp", .sctp),
  ]

  /// A protocol by the name that the policy language uses (`tcp`, `esp`, …); nil for an unknown one.
  public init?(name: some StringProtocol) {
    guard let known = Self.names.first(where: { $0.0 == name }) else { return nil }
    self = known.1
  }

  /// Its name, or its number where it has none here.
  public var description: String { Self.names.first { $0.1 == self }?.0 ?? String(number) }
}
