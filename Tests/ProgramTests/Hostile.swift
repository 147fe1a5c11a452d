// SPDX-License-Identifier: GPL-3.0-or-later

import Testing

/// Text from an attacker who wants to forge lines of a report.
enum Hostile {
  /// Every kind of unsafe character, forged lines, and the syntax of Markdown and HTML.
  static let text =
    "x\u{1b}[2J\u{1b}]0;t\u{7}\u{0}\u{8}\r\n<0>forged\nforged\r\u{85}\u{9b}31m\u{7f}\u{202e}\u{2066}\u{2069}\u{200e}"
    + "\u{200f}\u{61c}\u{200b}\u{2028}forged\u{2029}\u{feff}\u{ad}\u{e0041}\u{fffe}`|<b>&#x202e;"

  /// Colours that the program itself writes.
  private static let colours = ["1", "31;1", "32;1", "35;1", "32", "33", "34", "36", "0"]

  /// Checks a report: it has only safe characters, and no line begins with a value.
  static func expectSafe(
    _ written: String, _ report: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var plain = written
    for colour in colours { plain = plain.replacing("\u{1b}[\(colour)m", with: "") }
    var previous: Unicode.Scalar = " "
    for scalar in plain.unicodeScalars {
      let isJoiner = previous.properties.isEmoji && [0x200d, 0xfe0f].contains(scalar.value)
      let isUnsafe =
        switch scalar.properties.generalCategory {
        case .control: scalar != "\n"
        case .format, .lineSeparator, .paragraphSeparator: !isJoiner
        default: scalar.properties.isNoncharacterCodePoint
        }
      if isUnsafe {
        Issue.record(
          "\(report) writes U+\(String(scalar.value, radix: 16))", sourceLocation: sourceLocation)
        return
      }
      previous = scalar
    }
    for line in plain.unicodeScalars.split(separator: "\n") {
      let line = String(line)
      #expect(
        !line.hasPrefix("forged") && !line.hasPrefix("<0>"), "\(report) begins a line with a value",
        sourceLocation: sourceLocation)
    }
  }
}
