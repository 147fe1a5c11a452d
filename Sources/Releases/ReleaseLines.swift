// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// Reads a text of lines `KEY VALUE`, whose keys have a fixed order: so no text has two forms, and no key is given twice
/// unless it may be repeated.
///
/// Every line ends with a line feed. Only UTF-8 without the characters of `UnsafeCharacters` is accepted.
struct ReleaseLines {
  let text: ReleaseTextError.Text
  private var lines: ArraySlice<String>
  private(set) var number = 0

  /// Reads a text whose first line is `first`.
  init(_ bytes: [UInt8], _ text: ReleaseTextError.Text, first: String, limit: Int) throws(ReleaseTextError) {
    self.text = text
    func fail(_ line: Int, _ column: Int, _ reason: String) -> ReleaseTextError {
      ReleaseTextError(text: text, line: line, column: column, reason: reason)
    }
    guard bytes.count <= limit else { throw fail(1, 1, "it is longer than \(limit >> 10) KiB") }
    var lines: [String] = []
    for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      guard let line = String(validating: part, as: UTF8.self) else {
        throw fail(lines.count + 1, 1, "the line is not UTF-8")
      }
      if let column = Self.unsafeColumn(line) {
        throw fail(lines.count + 1, column, "a control character, or one that is not visible")
      }
      lines.append(line)
    }
    guard lines.popLast() == "" else { throw fail(lines.count + 1, 1, "the last line has no line feed") }
    self.lines = lines[...]
    guard self.lines.popFirst() == first else { throw fail(1, 1, "the first line is not '\(first)'") }
    number = 1
  }

  /// The first byte of an unsafe character, from 1; nil if there is none.
  static func unsafeColumn(_ line: String) -> Int? {
    var (previous, column): (Unicode.Scalar?, Int) = (nil, 1)
    for scalar in line.unicodeScalars {
      if UnsafeCharacters.contains(scalar, after: previous) { return column }
      column += UTF8.width(scalar)
      previous = scalar
    }
    return nil
  }

  /// A value with its place.
  struct Value {
    let text: Substring
    let line: Int
    let column: Int
    let source: ReleaseTextError.Text

    /// An error at the beginning of the value.
    func error(_ reason: String) -> ReleaseTextError {
      ReleaseTextError(text: source, line: line, column: column, reason: reason)
    }

    /// Its words, each after one space. The last of `count` words may contain spaces.
    func words(_ count: Int) throws(ReleaseTextError) -> [Value] {
      let words = text.split(separator: " ", maxSplits: count - 1, omittingEmptySubsequences: false)
      guard words.count == count else { throw error("\(count) words are needed here") }
      return try values(words)
    }

    /// All its words, each after one space.
    func words() throws(ReleaseTextError) -> [Value] {
      try values(text.split(separator: " ", omittingEmptySubsequences: false))
    }

    private func values(_ words: [Substring]) throws(ReleaseTextError) -> [Value] {
      var (column, values) = (column, [Value]())
      for word in words {
        let value = Value(text: word, line: line, column: column, source: source)
        guard !word.isEmpty else { throw value.error("a word is missing: words are separated by one space") }
        values.append(value)
        column += word.utf8.count + 1
      }
      return values
    }

    /// A number in decimal digits, without a sign and without leading zeros.
    func number<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) throws(ReleaseTextError) -> Number {
      let digits = text.utf8
      guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }),
        digits.first != 0x30 || digits.count == 1, let number = Number(text), range.contains(number)
      else { throw error("a number from \(range.lowerBound) to \(range.upperBound) is needed here") }
      return number
    }

    /// A SHA-256 in 64 lower-case hexadecimal digits.
    func digest() throws(ReleaseTextError) -> ContentDigest {
      guard let digest = ContentDigest(hex: text) else {
        throw error("a SHA-256 is needed here, as 64 hexadecimal digits in lower case")
      }
      return digest
    }

    /// A time.
    func time() throws(ReleaseTextError) -> UTCTime {
      guard let time = UTCTime(String(text)) else {
        throw error("a time in UTC is needed here: 2026-01-31T12:00:00Z")
      }
      return time
    }
  }

  /// The value of the next line, if it has this key.
  mutating func take(_ key: String) throws(ReleaseTextError) -> Value? {
    guard let line = lines.first, line.utf8.starts(with: "\(key) ".utf8) else { return nil }
    lines.removeFirst()
    number += 1
    let text = line.utf8.dropFirst(key.utf8.count + 1)
    let value = Value(
      text: Substring(text), line: number, column: key.utf8.count + 2, source: self.text)
    guard !value.text.isEmpty else { throw value.error("the value is missing") }
    return value
  }

  /// The value of the next line, which must have this key.
  mutating func require(_ key: String) throws(ReleaseTextError) -> Value {
    if let value = try take(key) { return value }
    throw here("'\(key)' is needed here")
  }

  /// The values of the next lines with this key.
  mutating func all(_ key: String, most: Int) throws(ReleaseTextError) -> [Value] {
    var values: [Value] = []
    while let value = try take(key) {
      guard values.count < most else { throw value.error("there are more than \(most) lines '\(key)'") }
      values.append(value)
    }
    return values
  }

  /// Throws unless every line was read.
  func end() throws(ReleaseTextError) {
    if let line = lines.first {
      let key = line.prefix { $0 != " " }
      throw here("'\(key.prefix(32))' is unknown here, is given twice, or is in the wrong order")
    }
  }

  /// An error at the beginning of the next line.
  private func here(_ reason: String) -> ReleaseTextError {
    ReleaseTextError(text: text, line: number + 1, column: 1, reason: reason)
  }
}
