// SPDX-License-Identifier: GPL-3.0-or-later

/// Bounds the journal's lines about dropped packets: so many an hour, and then one that says how many were left out.
public struct JournalBudget: Sendable {
  /// The length of a period, in nanoseconds.
  public static let period: Int64 = 3_600_000_000_000
  /// The most lines in a period.
  public static let mostLines = 120

  /// What was left out in a period.
  public struct LeftOut: Sendable, Hashable {
    /// The lines.
    public let lines: Int
    /// The packets of these lines.
    public let packets: UInt64
  }

  private var lines = 0
  private var leftOut = LeftOut(lines: 0, packets: 0)
  /// When the period ends, in nanoseconds since boot; nil before the first line.
  public private(set) var deadline: Int64?

  /// A budget of which nothing was used.
  public init() {}

  /// Whether a line about so many packets is written. `now` is in nanoseconds since boot.
  public mutating func allows(_ packets: UInt64, at now: Int64) -> Bool {
    deadline = deadline ?? now + Self.period
    if lines < Self.mostLines {
      lines += 1
      return true
    }
    leftOut = LeftOut(lines: leftOut.lines + 1, packets: leftOut.packets.addingOrMost(packets))
    return false
  }

  /// What was left out, if the period has ended and something was.
  public mutating func take(at now: Int64) -> LeftOut? {
    guard let end = deadline, end <= now else { return nil }
    let left = leftOut
    self = JournalBudget()
    return left.lines > 0 ? left : nil
  }
}
