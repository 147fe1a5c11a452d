// SPDX-License-Identifier: GPL-3.0-or-later

/// Text of others (names that processes choose, comments of rules) made fit for a terminal or a page.
public enum PrintableText {
  /// The text on one line, with what a terminal would obey, and what would turn the writing's direction, as `\u{1b}`.
  public static func of(_ text: String) -> String {
    func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.properties.generalCategory {
      // Line and paragraph separators; format characters but the joiner of emoji can turn the text's direction.
      case .control, .lineSeparator, .paragraphSeparator: true
      case .format: scalar.value != 0x200d
      default: false
      }
    }
    guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if isUnsafe(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
