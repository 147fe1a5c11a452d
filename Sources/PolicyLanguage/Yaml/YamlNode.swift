// SPDX-License-Identifier: GPL-3.0-or-later

/// A range of characters on one line of a text. Line and column count from 1, in Unicode scalars.
struct Mark: Sendable, Hashable, Comparable {
  let line: Int32
  let column: Int32
  /// The number of characters from the column on; at least 1.
  let length: Int32

  init(line: Int, column: Int, length: Int = 1) {
    self.line = Int32(clamping: line)
    self.column = Int32(clamping: column)
    self.length = Int32(clamping: max(length, 1))
  }

  /// The first character of a text.
  static let start = Mark(line: 1, column: 1)

  /// The same location with another length.
  func with(length: Int) -> Mark { Mark(line: Int(line), column: Int(column), length: length) }

  static func < (left: Self, right: Self) -> Bool {
    left.line == right.line ? left.column < right.column : left.line < right.line
  }
}

/// A scalar of a YAML text, plain or quoted, with its mark. Always text: never a number, a Boolean or null.
struct YamlText: Sendable {
  let text: String
  let mark: Mark
}

/// A key of a mapping and its value.
struct YamlEntry: Sendable {
  let key: YamlText
  let value: YamlNode
}

/// A node of a YAML text. It has no anchors, aliases, tags and merge keys: the reader rejects them.
struct YamlNode: Sendable {
  /// The content of a node.
  enum Content: Sendable {
    case text(String)
    case list([YamlNode])
    /// The entries in the order of the file, without duplicate keys.
    case map([YamlEntry])
    /// A part of the text that was rejected, and reported, when it was read.
    case refused
  }

  let content: Content
  let mark: Mark

  /// Its description for a message: `a list`.
  var kind: String {
    switch content {
    case .text(let text): text.isEmpty ? "an empty value" : "'\(text.shortened)'"
    case .list: "a list"
    case .map: "a map"
    case .refused: "a rejected value"
    }
  }
}

extension String {
  /// The text for a message: at most 60 characters, without control characters.
  var shortened: String {
    var result = ""
    for (index, scalar) in unicodeScalars.enumerated() {
      if index == 60 { return result + "…" }
      result.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7f ? "\u{fffd}" : scalar)
    }
    return result
  }
}
