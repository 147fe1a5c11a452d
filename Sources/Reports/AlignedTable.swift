// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Rows of cells, written in columns that line up on a terminal.
///
/// Widths count columns of a terminal: combining marks 0, East Asian wide characters and emoji 2. Unsafe characters
/// in a cell (a process may be named anything) are written as `\u{1b}`, so no cell can drive the terminal or break a row.
public struct AlignedTable: Sendable {
  /// A column's heading and side.
  public struct Column: Sendable, Hashable {
    /// The first row's cell; where all are empty, there is no such row.
    public let heading: String
    /// The side that its cells lean to.
    public let alignment: Alignment

    /// A column whose cells lean to the left.
    public static func left(_ heading: String = "") -> Column { Column(heading: heading, alignment: .left) }

    /// A column whose cells lean to the right, as numbers do.
    public static func right(_ heading: String = "") -> Column { Column(heading: heading, alignment: .right) }
  }

  /// The side that a column's cells lean to.
  public enum Alignment: Sendable, Hashable {
    case left
    case right
  }

  /// The columns, from the left.
  public let columns: [Column]
  private var rows: [[String]] = []

  /// A table without rows.
  public init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row. Cells that are missing are empty; cells beyond the last column are left out.
  public mutating func append(_ cells: [String]) {
    rows.append(cells.prefix(columns.count).map(PrintableText.of))
  }

  /// The table as lines, each with a line feed and without spaces at its end. Columns stand `gap` spaces apart, and the
  /// whole stands `indent` spaces from the left. Without rows, nothing.
  public func text(indent: Int = 0, gap: Int = 2) -> PrintableText {
    PrintableText(lines: joined(indent: indent, gap: gap))
  }

  /// The same. Its line feeds are its own: cells have none.
  private func joined(indent: Int, gap: Int) -> String {
    if rows.isEmpty { return "" }
    let headings = columns.map { PrintableText.of($0.heading) }
    let lines = headings.allSatisfy(\.isEmpty) ? rows : [headings] + rows
    let widths = columns.indices.map { column in
      lines.map { column < $0.count ? Self.width($0[column]) : 0 }.max() ?? 0
    }
    var text = ""
    for line in lines {
      var pending = indent
      for (column, cell) in line.enumerated() {
        let padding = widths[column] - Self.width(cell)
        if columns[column].alignment == .right { pending += padding }
        // Spaces are written when something follows them.
        if !cell.isEmpty {
          text += String(repeating: " ", count: pending) + cell
          pending = 0
        }
        if columns[column].alignment == .left { pending += padding }
        pending += gap
      }
      text += "\n"
    }
    return text
  }

  /// The columns of a terminal that a text takes.
  public static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

  private static func width(_ character: Character) -> Int {
    guard let first = character.unicodeScalars.first else { return 0 }
    if first.value < 0x300 { return 1 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    // U+FE0F asks for the coloured form of a character, which is wide.
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
