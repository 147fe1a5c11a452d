// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// `key=value` lines: the format of stored data besides rulesets, and of requests. A value may be any text:
/// line feeds and backslashes are written as `\n` and `\\`, other characters that are not safe on a terminal
/// as `\u{1b}`.
package struct LabelledLines: Sendable, Hashable {
  package private(set) var fields: [(key: String, value: String)] = []

  package init() {}

  /// Parses lines; a line without `=` is skipped. Works on Unicode scalars: a Swift character may combine
  /// several of them, including a line feed.
  package init(_ text: Substring) {
    for line in text.unicodeScalars.split(separator: "\n") {
      guard let sign = line.firstIndex(of: "=") else { continue }
      fields.append((String(line[..<sign]), Self.unescape(line[line.index(after: sign)...])))
    }
  }

  /// The value of a key; setting nil removes the key.
  package subscript(key: String) -> String? {
    get { fields.first { $0.key == key }?.value }
    set {
      fields.removeAll { $0.key == key }
      if let newValue { fields.append((key, newValue)) }
    }
  }

  /// The value of a key as a number; nil if it is missing or is not a number.
  package subscript<Number: FixedWidthInteger>(number key: String) -> Number? {
    self[key].flatMap { Number($0) }
  }

  /// The lines as text, each with a line feed.
  package var text: String { fields.map { "\($0.key)=\(Self.escape($0.value))\n" }.joined() }

  package static func == (left: Self, right: Self) -> Bool { left.text == right.text }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }

  private static func escape(_ value: String) -> String {
    var result = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case _ where UnsafeCharacters.contains(scalar, after: previous):
        result.append(contentsOf: UnsafeCharacters.shown(scalar).unicodeScalars)
      default: result.append(scalar)
      }
      previous = scalar
    }
    return String(result)
  }

  private static func unescape(_ value: Substring.UnicodeScalarView) -> String {
    var result = String.UnicodeScalarView()
    var rest = value
    while let scalar = rest.popFirst() {
      guard scalar == "\\", let escaped = rest.popFirst() else {
        if scalar != "\\" { result.append(scalar) }
        continue
      }
      switch escaped {
      case "n": result.append("\n")
      case "u": result.append(character(&rest) ?? escaped)
      default: result.append(escaped)
      }
    }
    return String(result)
  }

  /// The character of `{1b}`. Nil if there is none; then nothing is consumed.
  private static func character(_ rest: inout Substring.UnicodeScalarView) -> Unicode.Scalar? {
    guard rest.first == "{", let end = rest.prefix(8).firstIndex(of: "}"),
      let value = UInt32(String(rest[rest.index(after: rest.startIndex)..<end]), radix: 16),
      let scalar = Unicode.Scalar(value)
    else { return nil }
    rest = rest[rest.index(after: end)...]
    return scalar
  }
}
