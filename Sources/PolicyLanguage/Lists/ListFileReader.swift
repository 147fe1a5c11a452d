// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Reads a list file: one prefix per line, `#` begins a comment, blank lines are ignored.
enum ListFileReader {
  /// How many diagnostics are reported for one file.
  static let diagnosticLimit = 20

  /// The content of a list file.
  struct Content: Equatable {
    /// The prefixes, merged; empty if there are more than the limit.
    var prefixes: [Prefix]
    /// The number of prefixes as written, one per line.
    var written: Int
  }

  /// The prefixes of a file. A line that is not a prefix is reported and skipped. Prefixes beyond `limit` are
  /// counted but not stored.
  static func read(_ source: SourceText, atMost limit: Int = .max, log: inout DiagnosticLog) -> Content {
    var merge = PrefixMerge()
    var written = 0
    var flaws: [(line: Int, start: Int, end: Int)] = []
    var flawCount = 0
    let bytes = source.bytes.span
    let count = bytes.count
    merge.reserve(min(count / 16, limit))
    var line = 0
    var index = 0
    // Skip a byte order mark, which some editors write.
    if count >= 3, bytes[0] == 0xef, bytes[1] == 0xbb, bytes[2] == 0xbf { index = 3 }
    while index < count {
      line += 1
      while index < count, isBlank(bytes[index]) { index += 1 }
      let start = index
      while index < count, bytes[index] != UInt8(ascii: "\n"), bytes[index] != UInt8(ascii: "#") {
        index += 1
      }
      var end = index
      while end > start, isBlank(bytes[end - 1]) { end -= 1 }
      while index < count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
      index += 1
      if start == end { continue }
      if let prefix = PrefixScanner.scan(bytes, start, end), prefix.length > 0 {
        written += 1
        if written <= limit { merge.add(prefix) }
      } else {
        flawCount += 1
        if flawCount <= diagnosticLimit { flaws.append((line, start, end)) }
      }
    }
    if flawCount > 0 { report(flaws, of: flawCount, in: source, log: &log) }
    return Content(prefixes: written <= limit ? merge.merged() : [], written: written)
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
  }

  private static func report(
    _ flaws: [(line: Int, start: Int, end: Int)], of count: Int, in source: SourceText,
    log: inout DiagnosticLog
  ) {
    let file = log.add(source)
    var last = Mark.start
    for flaw in flaws {
      let text = String(decoding: source.bytes[flaw.start..<flaw.end], as: UTF8.self)
      var lineStart = flaw.start
      while lineStart > 0, source.bytes[lineStart - 1] != UInt8(ascii: "\n") { lineStart -= 1 }
      let before = String(decoding: source.bytes[lineStart..<flaw.start], as: UTF8.self)
      last = Mark(
        line: flaw.line, column: before.unicodeScalars.count + 1, length: text.unicodeScalars.count)
      if let prefix = PrefixScanner.scan(text), prefix.length == 0 {
        log.error(last, "'\(text)' contains every address", help: "remove it", file: file)
      } else {
        let problem = PrefixProblem.of(text)
        log.error(
          last, problem.message, help: problem.help ?? "write one prefix per line; '#' begins a comment",
          file: file)
      }
    }
    if count > flaws.count {
      log.error(
        Mark(line: Int(last.line) + 1, column: 1),
        "\(count - flaws.count) more lines of this file are not valid prefixes",
        help: "write one prefix per line; '#' begins a comment", file: file)
    }
  }
}
