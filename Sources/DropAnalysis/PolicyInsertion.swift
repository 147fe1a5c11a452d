// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyAnalysis
public import PolicyLanguage

/// A policy file with lines added at the end of its `allow`, in the style of the file, as a unified diff.
public struct PolicyInsertion: Sendable {
  /// The file with the lines.
  public let result: [UInt8]
  /// The difference, for patch(1) and `git apply`; its paths are the file's own.
  public let diff: String

  /// Unchanged lines around the change in the diff.
  private static let context = 3

  /// Adds entries to a file. Each gives its lines without indentation for a style. Nil if the place cannot be found: the
  /// lines of `allow` are written in one list in brackets.
  public init?(_ bytes: [UInt8], _ policy: Policy, entries: [(GrantStyle) -> [String]]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    let file = FileLines(text)
    guard let place = Place.find(file.lines, policy) else { return nil }
    let indent = String(repeating: " ", count: place.indent)
    let added = place.header + entries.flatMap { $0(place.style) }.map { indent + $0 }
    var lines = file.lines
    lines.replaceSubrange(place.line..<place.line + place.replaced, with: added)
    // A file that does not end in a line feed gets one where lines follow its last one.
    let isAtEnd = place.line + place.replaced == file.lines.count
    let end = isAtEnd ? FileLines.End.lineFeed : file.end
    result = Array(FileLines(lines: lines, isCRLF: file.isCRLF, end: end).text.utf8)
    diff = Self.diff(file, place, added, policy.path)
  }

  private static func diff(_ file: FileLines, _ place: Place, _ added: [String], _ path: String) -> String {
    let from = max(0, place.line - context)
    let to = min(file.lines.count, place.line + place.replaced + context)
    let ending = file.isCRLF ? "\r" : ""
    func unended(_ index: Int) -> Bool { file.end == .none && index == file.lines.count - 1 }
    let mark = "\\ No newline at end of file\n"
    var hunk = ""
    var (old, new) = (0, 0)
    for index in from..<place.line {
      (old, new) = (old + 1, new + 1)
      if unended(index) {
        // The last line gets its line feed.
        hunk += "-\(file.lines[index])\n\(mark)+\(file.lines[index])\(ending)\n"
      } else {
        hunk += " \(file.lines[index])\(ending)\n"
      }
    }
    for index in place.line..<place.line + place.replaced {
      old += 1
      hunk += "-\(file.lines[index])" + (unended(index) ? "\n\(mark)" : "\(ending)\n")
    }
    for line in added { hunk += "+\(line)\(ending)\n" }
    new += added.count
    for index in place.line + place.replaced..<to {
      (old, new) = (old + 1, new + 1)
      hunk += " \(file.lines[index])" + (unended(index) ? "\n\(mark)" : "\(ending)\n")
    }
    let name = PrintableText.of(path)
    return
      "--- \(name)\n+++ \(name)\n@@ -\(old == 0 ? from : from + 1),\(old) +\(from + 1),\(new) @@\n\(hunk)"
  }
}

/// How a line of `allow` is written.
public enum GrantStyle: Sendable {
  /// `- { to: …, services: […], from: … }`
  case flow
  /// A key on each line.
  case block
}

extension GrantLine {
  /// The line in a style, without indentation.
  public func text(in style: GrantStyle) -> [String] {
    switch style {
    case .flow: [text]
    case .block: block
    }
  }
}

/// The place of new lines in a file.
private struct Place {
  /// The index of the line before which they go.
  let line: Int
  /// How many lines they replace.
  var replaced = 0
  /// Lines that go before them.
  var header: [String] = []
  let indent: Int
  let style: GrantStyle

  static func find(_ lines: [String], _ policy: Policy) -> Place? {
    if let last = policy.grants.map(\.location).max() { return find(lines, after: last.line - 1) }
    guard let key = lines.firstIndex(where: { $0.hasPrefix("allow:") }) else {
      return Place(line: lines.count, header: ["allow:"], indent: 2, style: .flow)
    }
    switch lines[key].dropFirst("allow:".count).prefix(while: { $0 != "#" }).filter({ $0 != " " }) {
    case "": return Place(line: key + 1, indent: 2, style: .flow)
    case "[]": return Place(line: key, replaced: 1, header: ["allow:"], indent: 2, style: .flow)
    default: return nil
    }
  }

  /// The place behind the entry that begins on this line.
  private static func find(_ lines: [String], after start: Int) -> Place? {
    guard lines.indices.contains(start) else { return nil }
    let first = lines[start]
    let indent = Self.indent(first)
    guard first.dropFirst(indent).hasPrefix("- ") else { return nil }
    var end = start + 1
    var next = end
    // The entry's other lines are indented more than its dash.
    while next < lines.count {
      let isEmpty = lines[next].allSatisfy { $0 == " " }
      if !isEmpty, Self.indent(lines[next]) <= indent { break }
      next += 1
      if !isEmpty { end = next }
    }
    let isFlow = first.dropFirst(indent + 1).drop { $0 == " " }.hasPrefix("{")
    return Place(line: end, indent: indent, style: isFlow ? .flow : .block)
  }

  private static func indent(_ line: String) -> Int { line.prefix { $0 == " " }.count }
}

/// A text as lines.
private struct FileLines {
  /// How its last line ends.
  enum End {
    case lineFeed
    case none
  }

  let lines: [String]
  let isCRLF: Bool
  let end: End

  init(_ text: String) {
    var parts = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map {
      String($0)
    }
    end = parts.last == "" ? .lineFeed : .none
    if end == .lineFeed { parts.removeLast() }
    isCRLF = !parts.isEmpty && parts.allSatisfy { $0.unicodeScalars.last == "\r" }
    lines = isCRLF ? parts.map { String($0.unicodeScalars.dropLast()) } : parts
  }

  init(lines: [String], isCRLF: Bool, end: End) {
    self.lines = lines
    self.isCRLF = isCRLF
    self.end = end
  }

  var text: String {
    let separator = isCRLF ? "\r\n" : "\n"
    return lines.joined(separator: separator) + (end == .lineFeed && !lines.isEmpty ? separator : "")
  }
}
