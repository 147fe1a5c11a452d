// SPDX-License-Identifier: GPL-3.0-or-later

/// The lines of a policy file, for diagnostics that were made from a policy alone and know no more than a place.
public struct SourceLines: Sendable {
  private let source: SourceText
  private let starts: [Int]

  /// The lines of these bytes.
  public init(_ bytes: [UInt8]) {
    source = SourceText(path: "", bytes: bytes)
    starts = source.lineStarts()
  }

  /// The diagnostic with its line, where it has none yet: what is meant is all of the line from the place on, but for a
  /// comment behind it.
  public func showing(_ diagnostic: Diagnostic) -> Diagnostic {
    guard diagnostic.sourceLine == nil, let line = source.line(diagnostic.location.line, starts: starts)
    else {
      return diagnostic
    }
    let meant = line.unicodeScalars.dropFirst(diagnostic.location.column - 1)
    var end = meant.endIndex
    if let comment = meant.indices.first(where: {
      meant[$0] == "#" && $0 > meant.startIndex && meant[meant.index(before: $0)] == " "
    }) {
      end = comment
    }
    while end > meant.startIndex, meant[meant.index(before: end)] == " " { end = meant.index(before: end) }
    return Diagnostic(
      severity: diagnostic.severity, location: diagnostic.location, message: diagnostic.message,
      help: diagnostic.help, sourceLine: line, length: max(1, meant[..<end].count))
  }
}
