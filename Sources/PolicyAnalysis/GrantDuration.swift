// SPDX-License-Identifier: GPL-3.0-or-later

/// How long an opening is to last: between a second and seven days.
public struct GrantDuration: Sendable, Hashable, CustomStringConvertible {
  /// In milliseconds.
  public let milliseconds: UInt64

  private static let units: [(letter: Character, seconds: UInt64)] = [
    ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
  ]
  private static let longest: UInt64 = 7 * 86_400

  /// Reads `30m`, `2h`, `90s`, `1h30m`, `7d`: numbers with their units, the greater ones first, each once.
  public init(_ text: String) throws(TemporaryGrantError) {
    var rest = Self.units[...]
    var number: UInt64?
    var seconds: UInt64 = 0
    for character in text {
      if let digit = character.isASCII ? character.wholeNumberValue : nil {
        // More digits than any number of seconds in a week needs.
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
    guard seconds > 0 else { throw TemporaryGrantError("'\(text)' is no time at all: a second is the least") }
    milliseconds = seconds * 1_000
  }

  /// So many milliseconds, whatever they are: what is left of an opening.
  init(milliseconds: UInt64) { self.milliseconds = milliseconds }

  private static func unreadable(_ text: String) -> TemporaryGrantError {
    TemporaryGrantError("'\(text)' is no duration: write 90s, 30m, 2h or 1h30m")
  }

  private static func tooLong(_ text: String) -> TemporaryGrantError {
    TemporaryGrantError("'\(text)' is longer than seven days: what is to stay is a line of the policy")
  }

  /// As it is written, in whole seconds, a begun one counted.
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

/// Why something cannot be opened.
public struct TemporaryGrantError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, and what to write instead where that is known.
  public let description: String

  init(_ description: String) { self.description = description }
}
