// SPDX-License-Identifier: GPL-3.0-or-later

/// The bytes of a file, and its lines if a diagnostic needs them. Only a line feed ends a line, as in
/// `git diff` and in editors; a carriage return before it is part of the line ending.
struct SourceText: Sendable {
  /// The path of the file in diagnostics.
  let path: String
  let bytes: [UInt8]

  /// The offsets at which lines begin.
  func lineStarts() -> [Int] {
    var starts = [0]
    for (offset, byte) in bytes.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
    return starts
  }

  /// A line without its ending, with invalid bytes replaced; nil if there is no such line.
  func line(_ number: Int, starts: [Int]) -> String? {
    guard starts.indices.contains(number - 1), starts[number - 1] < bytes.count else { return nil }
    var end = number < starts.count ? starts[number] - 1 : bytes.count
    if end > starts[number - 1], bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return String(decoding: bytes[starts[number - 1]..<end], as: UTF8.self)
  }

  /// The mark of the character at an offset.
  func mark(at offset: Int) -> Mark {
    var line = 1
    var start = 0
    for index in 0..<min(offset, bytes.count) where bytes[index] == UInt8(ascii: "\n") {
      line += 1
      start = index + 1
    }
    let before = String(decoding: bytes[start..<max(start, min(offset, bytes.count))], as: UTF8.self)
    return Mark(line: line, column: before.unicodeScalars.count + 1)
  }

  /// What is not allowed in a text.
  enum Flaw: Equatable {
    case invalidUTF8
    /// A control character, or a character that makes the text look different from its content: bidirectional
    /// overrides and isolates (CVE-2021-42574), a byte order mark inside the text, line endings that editors
    /// do not count (CR alone, U+0085, U+2028, U+2029).
    case character(UInt32)
  }

  /// The first offset at which the text is not valid UTF-8 or has a forbidden character, and why.
  func firstFlaw() -> (offset: Int, flaw: Flaw)? {
    let bytes = bytes.span
    let count = bytes.count
    var index = 0
    while index < count {
      let byte = bytes[index]
      if byte >= 0x20 && byte < 0x7f || byte == 0x0a || byte == 0x09 {
        index += 1
        continue
      }
      if byte < 0x80 {
        guard byte == 0x0d, index + 1 < count, bytes[index + 1] == 0x0a else {
          return (index, .character(UInt32(byte)))
        }
        index += 1
        continue
      }
      // Lead bytes and the range of the first continuation byte: Unicode 16, table 3-7.
      let (length, lower, upper): (Int, UInt8, UInt8) =
        switch byte {
        case 0xc2...0xdf: (2, 0x80, 0xbf)
        case 0xe0: (3, 0xa0, 0xbf)
        case 0xed: (3, 0x80, 0x9f)
        case 0xe1...0xef: (3, 0x80, 0xbf)
        case 0xf0: (4, 0x90, 0xbf)
        case 0xf1...0xf3: (4, 0x80, 0xbf)
        case 0xf4: (4, 0x80, 0x8f)
        default: (0, 0, 0)
        }
      guard length > 0, index + length <= count, lower <= bytes[index + 1], bytes[index + 1] <= upper else {
        return (index, .invalidUTF8)
      }
      var value = UInt32(byte) & (0x7f >> UInt32(length))
      for next in 1..<length {
        guard bytes[index + next] & 0xc0 == 0x80 else { return (index, .invalidUTF8) }
        value = value << 6 | UInt32(bytes[index + next] & 0x3f)
      }
      if Self.isRefused(value) { return (index, .character(value)) }
      index += length
    }
    return nil
  }

  /// Whether a character is forbidden in a policy, both directly and as an escape of YAML (`"\e"`). A
  /// carriage return is allowed only in a line ending.
  static func isRefused(_ value: UInt32) -> Bool {
    switch value {
    case 0x09, 0x0a: false
    case 0..<0x20, 0x7f...0x9f, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069, 0xfeff, 0xfffe, 0xffff: true
    default: false
    }
  }
}
