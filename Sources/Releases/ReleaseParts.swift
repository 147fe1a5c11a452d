// SPDX-License-Identifier: GPL-3.0-or-later

/// Reads and writes a file of several parts: a first line, a line `KEY LENGTH` for each part, an empty line, and the parts, one
/// after the other. Lengths are in bytes.
struct ReleaseParts {
  typealias Part = (key: String, bytes: [UInt8])

  private var lines: ReleaseLines
  private var rest: ArraySlice<UInt8>

  /// The most bytes before the parts.
  static let headerLimit = 64 << 10

  /// Reads a file.
  init(_ bytes: [UInt8], first: String, limit: Int) throws(ReleaseTextError) {
    func fail(_ reason: String) -> ReleaseTextError {
      ReleaseTextError(text: .bundle, line: 1, column: 1, reason: reason)
    }
    guard bytes.starts(with: "\(first)\n".utf8) else { throw fail("the first line is not '\(first)'") }
    guard bytes.count <= limit else { throw fail("it is longer than \(limit >> 20) MiB") }
    let newline = UInt8(ascii: "\n")
    let end = bytes.prefix(Self.headerLimit + 2).indices.dropFirst().first {
      bytes[$0] == newline && bytes[$0 - 1] == newline
    }
    guard let end else { throw fail("no empty line ends the list of its parts") }
    lines = try ReleaseLines(Array(bytes[..<end]), .bundle, first: first, limit: Self.headerLimit)
    rest = bytes[(end + 1)...]
  }

  /// The next part, if it has this key.
  mutating func take(_ key: String, most: Int) throws(ReleaseTextError) -> [UInt8]? {
    guard let value = try lines.take(key) else { return nil }
    return try part(value, most)
  }

  /// The next part, which must have this key.
  mutating func require(_ key: String, most: Int) throws(ReleaseTextError) -> [UInt8] {
    try part(try lines.require(key), most)
  }

  /// The next parts with this key: at most `most`, of at most `each` bytes.
  mutating func all(_ key: String, most: Int, each limit: Int) throws(ReleaseTextError) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    for value in try lines.all(key, most: most) { parts.append(try part(value, limit)) }
    return parts
  }

  private mutating func part(_ value: ReleaseLines.Value, _ most: Int) throws(ReleaseTextError) -> [UInt8] {
    let length = try value.number(0...most)
    guard length <= rest.count else {
      throw value.error("the file ends \(length - rest.count) bytes too early")
    }
    defer { rest = rest.dropFirst(length) }
    return Array(rest.prefix(length))
  }

  /// Throws unless everything was read.
  func end() throws(ReleaseTextError) {
    try lines.end()
    guard rest.isEmpty else { throw error("\(rest.count) bytes follow its last part") }
  }

  /// An error at the line that was read last.
  func error(_ reason: String) -> ReleaseTextError {
    ReleaseTextError(text: .bundle, line: lines.number, column: 1, reason: reason)
  }

  /// Writes a file.
  static func write(_ parts: [Part], first: String) -> [UInt8] {
    let header = parts.map { "\($0.key) \($0.bytes.count)\n" }.joined()
    return Array("\(first)\n\(header)\n".utf8) + parts.flatMap(\.bytes)
  }
}
