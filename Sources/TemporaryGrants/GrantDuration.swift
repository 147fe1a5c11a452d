// SPDX-License-Identifier: GPL-3.0-or-later

/// The duration of a temporary grant: from one second to seven days.
public struct GrantDuration: Sendable, Hashable, CustomStringConvertible {
  /// The duration in milliseconds.
  public let milliseconds: UInt64

  private static let units: [(letter: Character, seconds: UInt64)] = [
    ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
  ]
  private static let longest: UInt64 = 7 * 86_400

  /// Reads `30m`, `2h`, `90s`, `1h30m`, `7d`: numbers with a unit, larger units first, each unit at most
  /// once.
  public init(_ text: String) throws(TemporaryGrantError) {
    var rest = Self.units[...]
    var number: UInt64?
    var seconds: UInt64 = 0
    for character in text {
      if let digit = character.isASCII ? character.wholeNumberValue : nil {
        // No number of seconds in seven days has more digits.
        guard (number ?? 0) < 1_000_000 else { throw Self.tooLong(text) }
        number = (number ?? 0) * 10 + UInt64(digit)
        continue
      }
      guard let count = number, let place = rest.firstIndex(where: { $0.letter == character }) else {
        throw Self.unreadable(text)
      }
      seconds += count * rest[place].seconds
      number = nil
      rest = rest[(place + 1)...]
    }
    guard number == nil, !text.isEmpty else { throw Self.unreadable(text) }
    guard seconds <= Self.longest else { throw Self.tooLong(text) }
    guard seconds > 0 else {
      throw TemporaryGrantError("'\(text)' is too short: the duration must be at least 1s")
    }
    milliseconds = seconds * 1_000
  }

  /// A duration without limits: the remaining time of a temporary grant.
  init(milliseconds: UInt64) { self.milliseconds = milliseconds }

  private static func unreadable(_ text: String) -> TemporaryGrantError {
    TemporaryGrantError("'\(text)' is not a valid duration: write 90s, 30m, 2h or 1h30m")
  }

  private static func tooLong(_ text: String) -> TemporaryGrantError {
    TemporaryGrantError("'\(text)' is longer than the limit of 7 days: for permanent access, add a grant")
  }

  /// The duration as a user writes it, rounded up to whole seconds.
  public var description: String {
    var seconds = milliseconds / 1_000 + (milliseconds % 1_000 == 0 ? 0 : 1)
    var text = ""
    for unit in Self.units where seconds >= unit.seconds {
      text += "\(seconds / unit.seconds)\(unit.letter)"
      seconds %= unit.seconds
    }
    return text.isEmpty ? "0s" : text
  }
}

/// Why a temporary grant cannot be made.
public struct TemporaryGrantError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, and what to write instead if that is known.
  public let description: String

  init(_ description: String) { self.description = description }
}
