// SPDX-License-Identifier: GPL-3.0-or-later

/// A time in UTC, to the second: the profile `2026-01-31T12:00:00Z` of RFC 3339. Years 1970 to 9999; no leap seconds.
public struct UTCTime: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Seconds since 1970-01-01T00:00:00Z.
  public let seconds: Int64

  private static let most: Int64 = 253_402_300_799

  /// A time from seconds since 1970, brought into the range of years.
  public init(seconds: Int64) { self.seconds = min(max(seconds, 0), Self.most) }

  /// Reads `2026-01-31T12:00:00Z`; nil for any other form, and for days that do not exist.
  public init?(_ text: String) {
    let characters = Array(text.utf8)
    guard characters.count == 20 else { return nil }
    for (place, character) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "Z")] {
      guard characters[place] == Array(character.utf8)[0] else { return nil }
    }
    func number(_ places: Range<Int>) -> Int64? {
      characters[places].reduce(Optional(Int64(0))) { sum, digit in
        guard let sum, (0x30...0x39).contains(digit) else { return nil }
        return sum * 10 + Int64(digit - 0x30)
      }
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      year >= 1970, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
    else { return nil }
    seconds = Self.days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    guard description == text else { return nil }
  }

  /// Days from 1970-01-01 to a day of the Gregorian calendar. Years begin in March, so that the leap day is the last one.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = (shifted / 400, shifted % 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// `2026-01-31T12:00:00Z`
  public var description: String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400)
    let (era, dayOfEra) = (days / 146_097, days % 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func digits(_ number: Int64, _ count: Int = 2) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return "\(digits(year, 4))-\(digits(month))-\(digits(dayOfYear - (153 * shifted + 2) / 5 + 1))"
      + "T\(digits(rest / 3600)):\(digits(rest / 60 % 60)):\(digits(rest % 60))Z"
  }

  /// By time.
  public static func < (left: Self, right: Self) -> Bool { left.seconds < right.seconds }

  /// The time some seconds later.
  public func adding(_ more: Int64) -> UTCTime { UTCTime(seconds: seconds + min(more, Self.most)) }
}
