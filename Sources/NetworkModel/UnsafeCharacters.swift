// SPDX-License-Identifier: GPL-3.0-or-later

/// The characters that are always escaped: those that control a terminal, change the order in which text is
/// shown, or are invisible.
///
/// - control characters: C0, DEL, C1 (general category Cc)
/// - line and paragraph separators (Zl, Zp): U+2028, U+2029
/// - format characters (Cf): bidirectional controls (UAX #9: U+061C, U+200E, U+200F, U+202A-U+202E,
/// U+2066-U+2069),
///   zero-width characters, soft hyphens, tags
/// - other characters without a shape (Default_Ignorable_Code_Point): Hangul fillers, variation selectors
/// - noncharacters, such as U+FFFE
///
/// The zero-width joiner and the variation selectors U+FE0E and U+FE0F are kept after an emoji or another
/// symbol, whose form they select.
public enum UnsafeCharacters {
  /// Whether line feeds and tabs are kept.
  enum Layout {
    /// They are escaped: the text is a value inside a line.
    case oneLine
    /// They are kept: the text has lines of its own.
    case lines
  }

  /// Whether a character is unsafe after another one (nil: at the beginning).
  public static func contains(_ scalar: Unicode.Scalar, after previous: Unicode.Scalar?) -> Bool {
    if scalar.value < 0x7f { return scalar.value < 0x20 }
    switch scalar.value {
    case 0x200d: return previous.map { !isSymbol($0) && $0.value != 0xfe0f } ?? true
    case 0xfe0e, 0xfe0f: return previous.map { !isSymbol($0) } ?? true
    default: break
    }
    let properties = scalar.properties
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .format: return true
    default: return properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint
    }
  }

  /// The escaped form of a character: `\u{1b}`.
  public static func shown(_ scalar: Unicode.Scalar) -> String { "\\u{\(String(scalar.value, radix: 16))}" }

  /// A text with its unsafe characters escaped.
  static func escaped(_ text: String, _ layout: Layout) -> String {
    let bytes = text.utf8.span
    if bytes.indices.allSatisfy({ isPlain(bytes[$0], layout) }) { return text }
    var result = ""
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      let isKept = layout == .lines && (scalar == "\n" || scalar == "\t")
      if !isKept, contains(scalar, after: previous) {
        result += shown(scalar)
      } else {
        result.unicodeScalars.append(scalar)
      }
      previous = scalar
    }
    return result
  }

  private static func isPlain(_ byte: UInt8, _ layout: Layout) -> Bool {
    if byte < 0x20 { return layout == .lines && (byte == 0x0a || byte == 0x09) }
    return byte < 0x7f
  }

  /// Whether a character is an emoji or another symbol.
  private static func isSymbol(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0xa0 && (scalar.properties.isEmoji || scalar.properties.generalCategory == .otherSymbol)
  }
}
