// SPDX-License-Identifier: GPL-3.0-or-later

/// The diagnostics of one run, as they are found. Their source lines are looked up at the end, only for those told.
struct DiagnosticLog: Sendable {
  /// How many diagnostics are told of one policy; the rest is counted.
  static let limit = 500

  private struct Entry {
    let severity: Diagnostic.Severity
    let file: Int
    let mark: Mark
    let message: String
    let help: String?
  }

  private var entries: [Entry] = []
  /// The policy, then the list files that have diagnostics.
  private var files: [SourceText]
  private var untold = 0
  /// Errors that make the policy unusable.
  private(set) var errorCount = 0

  init(policy: SourceText) { files = [policy] }

  /// Whether further diagnostics are counted only.
  var isFull: Bool { entries.count >= Self.limit }

  /// Adds a file besides the policy; gives its number.
  mutating func add(_ file: SourceText) -> Int {
    files.append(file)
    return files.count - 1
  }

  /// Something that makes the policy unusable.
  mutating func error(_ mark: Mark, _ message: String, help: String? = nil, file: Int = 0) {
    errorCount += 1
    add(.error, mark, message, help, file)
  }

  /// Something that is likely not meant.
  mutating func warning(_ mark: Mark, _ message: String, help: String? = nil) {
    add(.warning, mark, message, help, 0)
  }

  /// An error that leaves a policy to work with: a grant whose time is over.
  mutating func expired(_ mark: Mark, _ message: String, help: String) {
    add(.error, mark, message, help, 0)
  }

  private mutating func add(
    _ severity: Diagnostic.Severity, _ mark: Mark, _ message: String, _ help: String?, _ file: Int
  ) {
    if isFull {
      untold += 1
    } else {
      entries.append(Entry(severity: severity, file: file, mark: mark, message: message, help: help))
    }
  }

  /// All of them, sorted by location; of two at one place, the one found first comes first.
  func diagnostics() -> [Diagnostic] {
    if entries.isEmpty { return [] }
    var starts: [Int: [Int]] = [:]
    var lines: [Int: [Int32: String]] = [:]
    var result: [Diagnostic] = []
    let order = entries.indices.sorted { one, two in
      let (left, right) = (entries[one], entries[two])
      if left.file != right.file { return files[left.file].path < files[right.file].path }
      return left.mark == right.mark || !(left.mark < right.mark || right.mark < left.mark)
        ? one < two : left.mark < right.mark
    }
    for index in order {
      let entry = entries[index]
      let file = files[entry.file]
      if starts[entry.file] == nil { starts[entry.file] = file.lineStarts() }
      let known = lines[entry.file]?[entry.mark.line]
      let line = known ?? file.line(Int(entry.mark.line), starts: starts[entry.file] ?? [])
      if let line, known == nil { lines[entry.file, default: [:]][entry.mark.line] = line }
      result.append(
        Diagnostic(
          severity: entry.severity,
          location: SourceLocation(
            file: file.path, line: Int(entry.mark.line), column: Int(entry.mark.column)),
          message: entry.message, help: entry.help, sourceLine: line, length: Int(entry.mark.length)))
    }
    if untold > 0, let last = result.last {
      result.append(
        Diagnostic(
          severity: errorCount > 0 ? .error : .warning, location: last.location,
          message: "\(untold) more are not shown",
          help: "set these right first", sourceLine: nil, length: 1))
    }
    return result
  }
}
