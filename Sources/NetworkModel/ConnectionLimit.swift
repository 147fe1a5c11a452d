// SPDX-License-Identifier: GPL-3.0-or-later

/// How many new connections one source may open: an IPv4 address, or an IPv6 network of 64 bits, of which a single host
/// commonly has all addresses.
///
/// A source has a budget of `burst` connections, to which `count` are added in each unit of time.
public struct ConnectionLimit: Sendable, Hashable, Comparable {
  /// The unit of time.
  public enum Unit: String, Sendable, Hashable, CaseIterable {
    case second
    case minute
    case hour

    /// Its length in seconds.
    public var seconds: UInt64 {
      switch self {
      case .second: 1
      case .minute: 60
      case .hour: 3600
      }
    }
  }

  /// The allowed values of `count` and `burst`.
  public static let range: ClosedRange<UInt32> = 1...100_000

  /// New connections in each unit of time.
  public let count: UInt32
  /// The unit of time.
  public let unit: Unit
  /// New connections at once, after an idle time.
  public let burst: UInt32

  /// A limit; without `burst`, a source may use the connections of one unit at once. Nil if a number is out of range.
  public init?(count: UInt32, unit: Unit, burst: UInt32? = nil) {
    let burst = burst ?? count
    guard Self.range.contains(count), Self.range.contains(burst) else { return nil }
    self.count = count
    self.unit = unit
    self.burst = burst
  }

  /// A limit as the policy language writes it, `6/minute`; nil for any other text.
  public init?(_ text: some StringProtocol, burst: UInt32? = nil) {
    guard let slash = text.firstIndex(of: "/"), let count = UInt32(text[..<slash]),
      text.utf8.first != UInt8(ascii: "+"),
      let unit = Unit(rawValue: String(text[text.index(after: slash)...]))
    else { return nil }
    self.init(count: count, unit: unit, burst: burst)
  }

  /// `6/minute`
  public var rate: String { "\(count)/\(unit.rawValue)" }

  /// `6/minute`, or `6/minute, burst 20` if a source may open another number at once.
  public var text: String { burst == count ? rate : "\(rate), burst \(burst)" }

  /// The time in milliseconds after which the budget of a source is full again, rounded up.
  public var fullAfter: UInt64 {
    (UInt64(burst) * unit.seconds * 1000 + UInt64(count) - 1) / UInt64(count)
  }

  /// The length of the prefix whose addresses share a budget.
  public static func prefixLength(_ family: AddressFamily) -> Int { family == .ipv4 ? 32 : 64 }

  /// Ordered by unit, then by numbers.
  public static func < (left: Self, right: Self) -> Bool {
    (left.unit.seconds, left.count, left.burst) < (right.unit.seconds, right.count, right.burst)
  }
}
