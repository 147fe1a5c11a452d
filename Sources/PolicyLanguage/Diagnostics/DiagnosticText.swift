// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Writes diagnostics as text: the location, the message, the source line with the cause underlined, the
/// help.
public struct DiagnosticText: Sendable {
  /// How many terminal cells of a source line are shown; of a longer line, the part around the underlined
  /// text.
  private static let width = 100

  /// A writer.
  public init() {}

  /// The text of all diagnostics, in order. Every line ends with a line feed.
  public func render(_ diagnostics: [Diagnostic]) -> PrintableText {
    diagnostics.map { render($0) }.joined()
  }

  /// The text of one diagnostic. Every line ends with a line feed.
  public func render(_ diagnostic: Diagnostic) -> PrintableText {
    let location = diagnostic.location
    let place = paint("\(location.file):\(location.line):\(location.column)", .bold)
    let colour: PrintableText.Colour = diagnostic.severity == .error ? .boldRed : .boldMagenta
    var result: PrintableText =
      "\(place): \(paint("\(diagnostic.severity.rawValue):", colour)) \(paint("\(diagnostic.message)", .bold))\n"
    let number = String(diagnostic.location.line)
    let margin = String(repeating: " ", count: number.utf8.count + 2)
    if let line = diagnostic.sourceLine {
      let (shown, indent, carets) = Self.window(
        line, from: diagnostic.location.column - 1, count: diagnostic.length)
      result += "  \(paint("\(number) |", .blue)) \(shown)\n"
      result += "\(margin) \(paint("|", .blue)) \(String(repeating: " ", count: indent))"
      result += "\(paint("^\(String(repeating: "~", count: carets - 1))", colour))\n"
    }
    if let help = diagnostic.help {
      result += "\(margin) \(paint("=", .blue)) help: \(help)\n"
    }
    return result
  }

  private func paint(_ text: PrintableText, _ colour: PrintableText.Colour) -> PrintableText {
    PrintableText.coloured(text, colour)
  }

  /// The part of a line around `count` characters from `start` on, the number of cells before them, and of
  /// their own cells.
  private static func window(_ line: String, from start: Int, count: Int) -> (
    text: String, indent: Int, carets: Int
  ) {
    var cells: [(text: String, width: Int)] = []
    var before = 0
    let scalars = line.unicodeScalars
    // Only the part around the characters is read: a line can have megabytes.
    let first = max(0, start - width)
    var place =
      scalars.index(scalars.startIndex, offsetBy: first, limitedBy: scalars.endIndex) ?? scalars.endIndex
    var previous: Unicode.Scalar?
    while place < scalars.endIndex, cells.count < 2 * width + 1 {
      cells.append(cell(scalars[place], after: previous))
      previous = scalars[place]
      place = scalars.index(after: place)
    }
    let mark = min(start - first, cells.count)
    let end = min(mark + count, cells.count)
    func sum(_ range: Range<Int>) -> Int { cells[range].reduce(0) { $0 + $1.width } }
    let isCutBehind: Bool
    var from = 0
    var to = cells.count
    if first == 0, place == scalars.endIndex, sum(0..<cells.count) <= width {
      isCutBehind = false
    } else {
      // A third of the width is for the text before the underlined part.
      if first > 0 || sum(0..<min(end, cells.count)) > width {
        from = mark
        while from > 0, sum(from..<mark) < width / 3 { from -= 1 }
      }
      to = from
      var used = 0
      while to < cells.count, used + cells[to].width <= width {
        used += cells[to].width
        to += 1
      }
      isCutBehind = to < cells.count || place < scalars.endIndex
    }
    let lead = first > 0 || from > 0 ? "…" : ""
    before = lead.isEmpty ? 0 : 1
    let text = lead + cells[from..<to].map(\.text).joined() + (isCutBehind ? "…" : "")
    return (text, before + sum(from..<mark), max(1, sum(mark..<max(mark, min(end, to)))))
  }

  /// The printed form of a character, and the number of its cells on a terminal.
  private static func cell(
    _ scalar: Unicode.Scalar, after previous: Unicode.Scalar?
  ) -> (text: String, width: Int) {
    if scalar == "\t" { return ("    ", 4) }
    if UnsafeCharacters.contains(scalar, after: previous) {
      let text = UnsafeCharacters.shown(scalar)
      return (text, text.utf8.count)
    }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return (String(scalar), 0)
    default: return (String(scalar), isWide(scalar.value) ? 2 : 1)
    }
  }

  /// Whether terminals use two cells for a character: the East Asian wide and full-width blocks, and emoji
  /// (UAX #11).
  private static func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff, 0xa000...0xa4cf,
      0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe4f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f,
      0x1f680...0x1f6ff, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
      true
    default: false
    }
  }
}
