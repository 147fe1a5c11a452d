// SPDX-License-Identifier: GPL-3.0-or-later

/// `key=value` lines, the form of what is kept on disk beside rulesets. A value may hold any text: line ends and
/// backslashes are written `\n` and `\\`.
struct LabelledLines: Sendable, Hashable {
  private(set) var fields: [(key: String, value: String)] = []

  init() {}

  /// Reads lines; one without `=` is passed over. Lines and signs are told by scalars: a character may be several of
  /// them, a line's end among them.
  init(_ text: Substring) {
    for line in text.unicodeScalars.split(separator: "\n") {
      guard let sign = line.firstIndex(of: "=") else { continue }
      fields.append((String(line[..<sign]), Self.unescape(line[line.index(after: sign)...])))
    }
  }

  /// The value of a key; setting nil leaves the key out.
  subscript(key: String) -> String? {
    get { fields.first { $0.key == key }?.value }
    set {
      fields.removeAll { $0.key == key }
      if let newValue { fields.append((key, newValue)) }
    }
  }

  /// The value of a key as a number.
  subscript<Number: FixedWidthInteger>(number key: String) -> Number? { self[key].flatMap { Number($0) } }

  /// Every line ended.
  var text: String { fields.map { "\($0.key)=\(Self.escape($0.value))\n" }.joined() }

  static func == (left: Self, right: Self) -> Bool { left.text == right.text }
  func hash(into hasher: inout Hasher) { hasher.combine(text) }

  private static func escape(_ value: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  private static func unescape(_ value: Substring.UnicodeScalarView) -> String {
    var result = String.UnicodeScalarView()
    var isEscaped = false
    for scalar in value {
      if isEscaped {
        result.append(scalar == "n" ? "\n" : scalar)
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }
}
