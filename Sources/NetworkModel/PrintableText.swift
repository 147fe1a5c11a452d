// SPDX-License-Identifier: GPL-3.0-or-later

/// Text that is safe to write to a terminal, a journal or a page.
///
/// A literal is the program's own text and is written unchanged, including line feeds and colours. Every
/// interpolated value is escaped, because it can come from outside: a policy, the command line, a process,
/// the rules of another firewall. An escaped value stays on its line and cannot control a terminal, start a
/// journal entry of its own or change the direction of the text:
///
///     let text: PrintableText = "\(process.name) listens\n"   // "eve\u{1b}[2J\u{a} listens" and one line feed
///
/// All output for people (`Console`, `Journal`, `ControlFrame`) takes this type, so a report cannot contain
/// an unescaped value.
///
/// A text may contain tables. They are laid out when it is written, since only then the width of the terminal is known.
public struct PrintableText: Sendable, Hashable, CustomStringConvertible {
  /// The tables, each with the text before it.
  private var pieces: [Piece] = []
  /// The text after the last table.
  private var tail: String

  private struct Piece: Sendable {
    var text: String
    let table: AlignedTable
    let indent: Int
    let gap: Int
  }

  private init(written text: String) { tail = text }

  /// A table; its cells are escaped.
  init(_ table: AlignedTable, indent: Int, gap: Int) {
    pieces = [Piece(text: "", table: table, indent: indent, gap: gap)]
    tail = ""
  }

  /// The text as it is written where there is no width: to a file, a pipe, the journal.
  public var description: String { text(columns: nil) }

  /// Whether colours are written.
  public enum Colours: Sendable {
    case written
    case leftOut
  }

  /// The text for a terminal with this number of columns: cells of tables are broken between words where their rows are
  /// wider. Nil: no row is broken.
  public func text(columns: Int?, colours: Colours = .leftOut) -> String {
    var text = ""
    for piece in pieces {
      text += piece.text + piece.table.joined(indent: piece.indent, gap: piece.gap, columns: columns)
    }
    text += tail
    return colours == .written ? text : Self.withoutColours(text)
  }

  /// Values are escaped, so every escape sequence is one of `coloured`.
  private static func withoutColours(_ text: String) -> String {
    let escape = UInt8(ascii: "\u{1b}")
    guard text.utf8.contains(escape) else { return text }
    let parts = text.utf8.split(separator: escape, omittingEmptySubsequences: false)
    return parts.dropFirst().reduce(into: String(Substring(parts[0]))) { plain, part in
      plain += Substring(part.drop { $0 != UInt8(ascii: "m") }.dropFirst())
    }
  }

  /// A text of several lines whose origin is not known, such as a document or another process's output: its
  /// line feeds and tabs are kept, every other unsafe character is escaped.
  public init(lines text: String) { tail = UnsafeCharacters.escaped(text, .lines) }

  /// A text of several lines from another process of this program: as `init(lines:)`, and colours of `coloured` are kept.
  public init(colouredLines text: String) {
    let escape = "\u{1b}" as Unicode.Scalar
    let parts = text.unicodeScalars.split(separator: escape, omittingEmptySubsequences: false)
    tail = UnsafeCharacters.escaped(String(parts[0]), .lines)
    for part in parts.dropFirst() {
      let sequence = ([Colour.end] + Colour.allCases.map(\.begin)).first {
        part.starts(with: $0.unicodeScalars.dropFirst())
      }
      let rest = part.dropFirst(sequence.map { $0.unicodeScalars.count - 1 } ?? 0)
      tail += (sequence ?? UnsafeCharacters.shown(escape)) + UnsafeCharacters.escaped(String(rest), .lines)
    }
  }

  /// A text on one line: every unsafe character is escaped, including line feeds and tabs.
  public static func of(_ text: String) -> String { UnsafeCharacters.escaped(text, .oneLine) }

  /// Whether both are written alike.
  public static func == (left: PrintableText, right: PrintableText) -> Bool {
    left.description == right.description
  }

  /// Hashes what is written.
  public func hash(into hasher: inout Hasher) { hasher.combine(description) }

  /// Whether the text is empty.
  public var isEmpty: Bool { tail.isEmpty && description.isEmpty }

  /// Its lines, each without its line feed; empty lines are left out.
  public var lines: [String] { description.unicodeScalars.split(separator: "\n").map { String($0) } }

  /// The text in a colour, with the escape sequences of ECMA-48 (SGR). They are left out where colours are not written.
  public static func coloured(_ text: PrintableText, _ colour: Colour) -> PrintableText {
    PrintableText(written: colour.begin) + text + PrintableText(written: Colour.end)
  }

  /// The colours that the program uses, by their SGR parameters.
  public enum Colour: String, Sendable, CaseIterable {
    case bold = "1"
    case boldRed = "31;1"
    case boldGreen = "32;1"
    case boldMagenta = "35;1"
    case green = "32"
    case yellow = "33"
    case blue = "34"
    case cyan = "36"

    /// The sequence that begins it.
    var begin: String { "\u{1b}[\(rawValue)m" }
    /// The sequence that ends every colour.
    static let end = "\u{1b}[0m"
  }

  /// Both texts, one after the other.
  public static func + (left: PrintableText, right: PrintableText) -> PrintableText {
    var both = left
    both += right
    return both
  }

  /// Appends a text.
  public static func += (left: inout PrintableText, right: PrintableText) {
    guard var first = right.pieces.first else { return left.tail += right.tail }
    first.text = left.tail + first.text
    left.pieces.append(first)
    left.pieces += right.pieces.dropFirst()
    left.tail = right.tail
  }
}

extension PrintableText: ExpressibleByStringInterpolation {
  /// A literal, unchanged.
  public init(stringLiteral text: StaticString) { tail = text.description }

  /// A literal with interpolated values.
  public init(stringInterpolation parts: Interpolation) { self = parts.text }

  /// Collects the parts of a literal: literal text unchanged, values escaped.
  public struct Interpolation: StringInterpolationProtocol {
    fileprivate var text = PrintableText(written: "")

    /// An empty collection.
    public init(literalCapacity: Int, interpolationCount: Int) {
      text.tail.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    /// Appends literal text unchanged.
    public mutating func appendLiteral(_ literal: StaticString) { text.tail += literal.description }

    /// Appends a text that is already escaped.
    public mutating func appendInterpolation(_ value: PrintableText) { text += value }

    /// Appends a value of any origin, escaped to one line.
    public mutating func appendInterpolation<Value>(_ value: Value) {
      text.tail += UnsafeCharacters.escaped(String(describing: value), .oneLine)
    }
  }
}

extension Sequence<PrintableText> {
  /// All texts, one after the other, with a separator between each two.
  public func joined(separator: PrintableText = "") -> PrintableText {
    var result: PrintableText = ""
    for (place, text) in enumerated() {
      if place > 0 { result += separator }
      result += text
    }
    return result
  }
}
