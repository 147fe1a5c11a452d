// SPDX-License-Identifier: GPL-3.0-or-later

/// The diagnostics of one run, as they are found. Source lines are looked up at the end, only for reported
/// diagnostics.
struct DiagnosticLog: Sendable {
  /// How many diagnostics are reported for one policy; the rest is only counted.
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
  private var omitted = 0
  /// The number of errors that make the policy invalid.
  private(set) var errorCount = 0

  init(policy: SourceText) { files = [policy] }

  /// Whether further diagnostics are only counted.
  var isFull: Bool { entries.count >= Self.limit }

  /// Adds a list file; returns its number. The policy is file 0.
  mutating func add(_ file: SourceText) -> Int {
    files.append(file)
    return files.count - 1
  }

  /// Adds an error: the policy is invalid.
  mutating func error(_ mark: Mark, _ message: String, help: String? = nil, file: Int = 0) {
    errorCount += 1
    add(.error, mark, message, help, file)
  }

  /// Adds a warning: something is probably a mistake.
  mutating func warning(_ mark: Mark, _ message: String, help: String? = nil) {
    add(.warning, mark, message, help, 0)
  }

  /// Adds an error after which the policy can still be enforced: a grant that has expired.
  mutating func expired(_ mark: Mark, _ message: String, help: String) {
    add(.error, mark, message, help, 0)
  }

  private mutating func add(
    _ severity: Diagnostic.Severity, _ mark: Mark, _ message: String, _ help: String?, _ file: Int
  ) {
    if isFull {
      omitted += 1
    } else {
      entries.append(Entry(severity: severity, file: file, mark: mark, message: message, help: help))
    }
  }

  /// All diagnostics, sorted by location; at the same location, in the order in which they were found.
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
    if omitted > 0, let last = result.last {
      result.append(
        Diagnostic(
          severity: errorCount > 0 ? .error : .warning, location: last.location,
          message: "\(omitted) more diagnostics are not shown",
          help: "fix the ones above first", sourceLine: nil, length: 1))
    }
    return result
  }
}
