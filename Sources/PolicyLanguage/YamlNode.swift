// SPDX-License-Identifier: GPL-3.0-or-later

/// A place in a text and how much of it is meant. Line and column count from 1, in Unicode scalars; it never spans lines.
struct Mark: Sendable, Hashable, Comparable {
  let line: Int32
  let column: Int32
  /// Characters from the column on; at least 1.
  let length: Int32

  init(line: Int, column: Int, length: Int = 1) {
    self.line = Int32(clamping: line)
    self.column = Int32(clamping: column)
    self.length = Int32(clamping: max(length, 1))
  }

  /// The first character of a text.
  static let start = Mark(line: 1, column: 1)

  /// The same place, with another length.
  func with(length: Int) -> Mark { Mark(line: Int(line), column: Int(column), length: length) }

  static func < (left: Self, right: Self) -> Bool {
    left.line == right.line ? left.column < right.column : left.line < right.line
  }
}

/// A scalar of a YAML text: its characters, plain or quoted, and where they stand. Never a number, a truth value or a null.
struct YamlText: Sendable {
  let text: String
  let mark: Mark
}

/// A key of a mapping and its value.
struct YamlEntry: Sendable {
  let key: YamlText
  let value: YamlNode
}

/// A node of a YAML text. Anchors, aliases, tags and merge keys are not in it: the reader refuses them.
struct YamlNode: Sendable {
  /// What a node holds.
  enum Content: Sendable {
    case text(String)
    case list([YamlNode])
    /// Keys as written, none twice.
    case map([YamlEntry])
    /// Something that was refused, and reported, when it was read.
    case refused
  }

  let content: Content
  let mark: Mark

  /// What it is, for a message: `a list`.
  var kind: String {
    switch content {
    case .text(let text): text.isEmpty ? "nothing" : "'\(text.shortened)'"
    case .list: "a list"
    case .map: "a map"
    case .refused: "something refused"
    }
  }
}

extension String {
  /// The text as a message repeats it: never long, never with control characters.
  var shortened: String {
    var result = ""
    for (index, scalar) in unicodeScalars.enumerated() {
      if index == 60 { return result + "…" }
      result.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7f ? "\u{fffd}" : scalar)
    }
    return result
  }
}
