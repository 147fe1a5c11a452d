// SPDX-License-Identifier: GPL-3.0-or-later

/// The lines of a policy file, for diagnostics that were created from a `Policy` and have only a location.
public struct SourceLines: Sendable {
  private let source: SourceText
  private let starts: [Int]

  /// The lines of these bytes.
  public init(_ bytes: [UInt8]) {
    source = SourceText(path: "", bytes: bytes)
    starts = source.lineStarts()
  }

  /// The diagnostic with its source line, if it has none yet. The rest of the line from the location on is
  /// underlined, without a comment at its end.
  public func showing(_ diagnostic: Diagnostic) -> Diagnostic {
    guard diagnostic.sourceLine == nil, let line = source.line(diagnostic.location.line, starts: starts)
    else {
      return diagnostic
    }
    let rest = line.unicodeScalars.dropFirst(diagnostic.location.column - 1)
    var end = rest.endIndex
    if let comment = rest.indices.first(where: {
      rest[$0] == "#" && $0 > rest.startIndex && rest[rest.index(before: $0)] == " "
    }) {
      end = comment
    }
    while end > rest.startIndex, rest[rest.index(before: end)] == " " { end = rest.index(before: end) }
    return Diagnostic(
      severity: diagnostic.severity, location: diagnostic.location, message: diagnostic.message,
      help: diagnostic.help, sourceLine: line, length: max(1, rest[..<end].count))
  }
}
