// SPDX-License-Identifier: GPL-3.0-or-later

/// How far back a log is read: `30m`, `2h`, `7d`.
public struct DropAge: Sendable, Hashable, RawRepresentable {
  /// In seconds.
  public let seconds: Int64

  private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]

  /// One day.
  public static let day = DropAge(seconds: 86_400)
  /// Seven days.
  public static let week = DropAge(seconds: 604_800)

  private init(seconds: Int64) { self.seconds = seconds }

  /// Reads a number with a unit: `s`, `m`, `h`, `d` or `w`. Nil for anything else, and beyond ten years.
  public init?(rawValue text: String) {
    guard let unit = text.last.flatMap({ Self.units[$0] }), let number = Int64(text.dropLast()), number > 0,
      number <= 315_360_000 / unit
    else { return nil }
    seconds = number * unit
  }

  /// In days if it is a number of days, else in seconds.
  public var rawValue: String { seconds % 86_400 == 0 ? "\(seconds / 86_400)d" : "\(seconds)s" }

  /// The beginning, in microseconds since 1970, if the age is counted from a time in seconds.
  public func beginning(at now: Int64) -> Int64 { max(0, now - seconds) * 1_000_000 }
}
