// SPDX-License-Identifier: GPL-3.0-or-later

/// Consecutive ports, 1...65535, never empty. Ordered by first port, then by last.
public struct PortRange: Sendable, Hashable, Comparable {
  /// The first port, in host order.
  public let lower: UInt16
  /// The last port, in host order.
  public let upper: UInt16

  /// A range from its first and last port; nil if it is empty or starts at 0.
  public init?(_ lower: UInt16, _ upper: UInt16) {
    guard lower >= 1, lower <= upper else { return nil }
    self.lower = lower
    self.upper = upper
  }

  /// One port; nil for 0.
  public init?(_ port: UInt16) { self.init(port, port) }

  /// The number of ports in it.
  public var count: Int { Int(upper) - Int(lower) + 1 }

  /// Whether the port is in it.
  public func contains(_ port: UInt16) -> Bool { lower <= port && port <= upper }

  /// By first port, then by last.
  public static func < (left: Self, right: Self) -> Bool {
    left.lower == right.lower ? left.upper < right.upper : left.lower < right.lower
  }
}

extension PortRange: CustomStringConvertible {
  /// `22`, or `6000-6010`.
  public var description: String { lower == upper ? "\(lower)" : "\(lower)-\(upper)" }
}
