// SPDX-License-Identifier: GPL-3.0-or-later

/// A table of text whose columns are aligned on a terminal. If a row is wider than the terminal, the widest columns become
/// narrower, and their cells are broken between words, and in long words if that is not enough.
///
/// Widths are in columns of a terminal: 0 for combining marks, 2 for East Asian wide characters and emoji. Unsafe
/// characters in a cell (a process may have any name) are written as `\u{1b}`, so no cell can control the terminal or
/// break a row.
public struct AlignedTable: Sendable {
  /// A column's heading and alignment.
  public struct Column: Sendable, Hashable {
    /// The cell in the heading row. If all headings are empty, there is no heading row.
    public let heading: String
    /// The alignment of its cells.
    public let alignment: Alignment

    /// A column with left-aligned cells.
    public static func left(_ heading: String = "") -> Column { Column(heading: heading, alignment: .left) }

    /// A column with right-aligned cells, for numbers.
    public static func right(_ heading: String = "") -> Column { Column(heading: heading, alignment: .right) }
  }

  /// The alignment of a column's cells.
  public enum Alignment: Sendable, Hashable {
    case left
    case right
  }

  /// The columns, from the left.
  public let columns: [Column]
  private var rows: [Row] = []

  private struct Row {
    let cells: [String]
    let colour: PrintableText.Colour?
    /// How many cells have the colour.
    let coloured: Int
  }

  /// A table without rows.
  public init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row, its first cells in a colour if one is given. Missing cells are empty; cells beyond the last column are ignored.
  public mutating func append(
    _ cells: [String], _ colour: PrintableText.Colour? = nil, first coloured: Int = .max
  ) {
    rows.append(
      Row(cells: cells.prefix(columns.count).map(PrintableText.of), colour: colour, coloured: coloured))
  }

  /// The table as lines, each ended by a line feed, without trailing spaces. Columns are `gap` spaces apart, and each
  /// line is indented by `indent` spaces. Without rows, the text is empty.
  public func text(indent: Int = 0, gap: Int = 2) -> PrintableText {
    PrintableText(self, indent: indent, gap: gap)
  }

  /// The same as a string. All line feeds are the table's own: cells have none. With `limit`, no line has more columns, if the
  /// words are not too long.
  func joined(indent: Int, gap: Int, columns limit: Int?) -> String {
    if rows.isEmpty { return "" }
    let headings = columns.map { PrintableText.of($0.heading) }
    let shown =
      headings.allSatisfy(\.isEmpty) ? rows : [Row(cells: headings, colour: .bold, coloured: .max)] + rows
    let lines = shown.map(\.cells)
    let natural = columns.indices.map { column in
      lines.map { column < $0.count ? Self.width($0[column]) : 0 }.max() ?? 0
    }
    let widths =
      limit.map { narrowed(natural, lines, to: $0 - indent - gap * (columns.count - 1)) } ?? natural
    var text = ""
    for row in shown {
      let cells = row.cells.enumerated().map { column, cell in
        Self.width(cell) > widths[column] ? Self.broken(cell, widths[column]) : [cell]
      }
      for part in 0..<(cells.map(\.count).max() ?? 0) {
        var pending = indent
        for (column, parts) in cells.enumerated() {
          let cell = part < parts.count ? parts[part] : ""
          let padding = max(0, widths[column] - Self.width(cell))
          if columns[column].alignment == .right { pending += padding }
          // Spaces are only written when a cell follows, so that no line has trailing spaces.
          if !cell.isEmpty {
            text +=
              String(repeating: " ", count: pending)
              + (column < row.coloured ? Self.painted(cell, row.colour) : cell)
            pending = 0
          }
          if columns[column].alignment == .left { pending += padding }
          pending += gap
        }
        text += "\n"
      }
    }
    return text
  }

  /// Words of up to this width are never broken.
  private static let shortWord = 10

  /// The widths of the columns, of which the widest are reduced until all fit into `room`: first to their longest word, and if
  /// that is not enough, so that only short words stay whole.
  private func narrowed(_ natural: [Int], _ lines: [[String]], to room: Int) -> [Int] {
    var widths = natural
    var excess = natural.reduce(0, +) - room
    if excess <= 0 { return natural }
    let longest = columns.indices.map { column in
      lines.flatMap { column < $0.count ? $0[column].split(separator: " ") : [] }
        .map { Self.width(String($0)) }.max() ?? 0
    }
    for least in [longest, longest.map { min($0, Self.shortWord) }] {
      while excess > 0,
        let widest = columns.indices.filter({ widths[$0] > least[$0] }).max(by: { widths[$0] < widths[$1] })
      {
        widths[widest] -= 1
        excess -= 1
      }
    }
    return widths
  }

  private static func painted(_ cell: String, _ colour: PrintableText.Colour?) -> String {
    colour.map { $0.begin + cell + PrintableText.Colour.end } ?? cell
  }

  /// A cell in lines of at most `width` columns, broken between words, and in words that are wider.
  private static func broken(_ cell: String, _ width: Int) -> [String] {
    var lines: [String] = []
    for word in cell.split(separator: " ") {
      if let last = lines.last, Self.width(last) + 1 + Self.width(String(word)) <= width {
        lines[lines.count - 1] += " \(word)"
        continue
      }
      var part = ""
      for character in word {
        if !part.isEmpty, Self.width(part) + Self.width(character) > width {
          lines.append(part)
          part = ""
        }
        part.append(character)
      }
      lines.append(part)
    }
    return lines
  }

  /// The width of a text in columns of a terminal.
  public static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

  private static func width(_ character: Character) -> Int {
    guard let first = character.unicodeScalars.first else { return 0 }
    if first.value < 0x300 { return 1 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    // U+FE0F selects the emoji form of a character, which is wide.
    if first.properties.isEmojiPresentation
      || character.unicodeScalars.contains(where: { $0.value == 0xfe0f })
    {
      return 2
    }
    return wide.contains { $0.contains(first.value) } ? 2 : 1
  }

  /// Unicode's East_Asian_Width W and F (UAX #11), by block.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xa960...0xa97f, 0xac00...0xd7a3, 0xf900...0xfaff,
    0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1b000...0x1b2ff, 0x1f300...0x1f64f,
    0x1f900...0x1f9ff,
    0x20000...0x3fffd,
  ]
}
