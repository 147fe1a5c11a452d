// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// Breaks texts into lines that fit a box. SVG does not break lines, so the map uses a fixed-width font, and the
/// length of a line is its width in columns of a terminal.
enum MapText {
  /// A text in lines of at most `columns`, broken at spaces, and inside words that are longer than a line. If there
  /// are more than `limit` lines, the last one ends with an ellipsis.
  package static func lines(_ text: String, columns: Int, limit: Int) -> [String] {
    let words = PrintableText.of(text).split(separator: " ").map { String($0) }
    let filled = fill(words, separator: "", columns)
    guard filled.count > limit else { return filled.map(\.text) }
    var lines = filled.prefix(limit).map(\.text)
    var last = lines.removeLast()
    while AlignedTable.width(last) > columns - 1 { last.removeLast() }
    return lines + [last + "…"]
  }

  /// Names in lines of at most `columns`. If there are more than `limit` lines, the last one has the number of names
  /// that are missing.
  static func list(_ names: [String], columns: Int, limit: Int) -> [String] {
    let filled = fill(names.map { PrintableText.of($0) }, separator: ",", columns)
    guard filled.count > limit else { return filled.map(\.text) }
    let shown = filled.prefix(limit - 1)
    let missing = names.count - shown.reduce(0) { $0 + $1.items }
    return shown.map(\.text) + ["and \(missing) more"]
  }

  private struct Line {
    var text = ""
    /// The number of items that end on it.
    var items = 0
  }

  private static func fill(_ items: [String], separator: String, _ columns: Int) -> [Line] {
    var lines: [Line] = []
    var line = Line()
    for (index, item) in items.enumerated() {
      let item = index == items.count - 1 ? item : item + separator
      let needed = AlignedTable.width(item) + (line.text.isEmpty ? 0 : 1)
      if !line.text.isEmpty, AlignedTable.width(line.text) + needed > columns {
        lines.append(line)
        line = Line()
      }
      if !line.text.isEmpty { line.text += " " }
      for character in item {
        if AlignedTable.width(line.text + String(character)) > columns, !line.text.isEmpty {
          lines.append(line)
          line = Line()
        }
        line.text.append(character)
      }
      line.items += 1
    }
    if !line.text.isEmpty { lines.append(line) }
    return lines
  }
}
