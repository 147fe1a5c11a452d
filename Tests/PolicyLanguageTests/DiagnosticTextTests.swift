// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import Testing

@Suite("Diagnostics as text")
struct DiagnosticTextTests {
  private func rendered(_ line: String, column: Int, length: Int) -> [String] {
    text(line, column: column, length: length).lines
  }

  private func text(_ line: String, column: Int, length: Int) -> PrintableText {
    DiagnosticText().render(
      Diagnostic(
        severity: .error, location: SourceLocation(file: "p.yaml", line: 7, column: column), message: "wrong",
        help: nil,
        sourceLine: line, length: length))
  }

  @Test(
    "the caret is under the cause",
    arguments: [
      ("abc def", 5, 3, "  7 | abc def", "    |     ^~~"), ("a\tb", 3, 1, "  7 | a    b", "    |      ^"),
      ("漢字 x", 4, 1, "  7 | 漢字 x", "    |      ^"), ("漢字", 1, 2, "  7 | 漢字", "    | ^~~~"),
      ("e\u{301}x", 3, 1, "  7 | e\u{301}x", "    |  ^"),
      ("a\u{1b}[31mb", 7, 1, "  7 | a\\u{1b}[31mb", "    |            ^"),
      ("ab", 3, 1, "  7 | ab", "    |   ^"), ("ab", 2, 99, "  7 | ab", "    |  ^"),
      ("", 1, 1, "  7 | ", "    | ^"),
      ("ab", 40, 4, "  7 | ab", "    |   ^"),
    ])
  func caret(line: String, column: Int, length: Int, shown: String, caret: String) {
    let lines = rendered(line, column: column, length: length)
    #expect(lines.first == "p.yaml:7:\(column): error: wrong")
    #expect(lines.dropFirst().first == shown)
    #expect(lines.last == caret)
  }

  @Test(
    "of a long line, the part around the cause is shown",
    arguments: [1, 50, 99, 100, 101, 500, 999, 1000])
  func window(column: Int) {
    var line = Array(repeating: "x", count: 1000)
    line[column - 1] = "!"
    let lines = rendered(line.joined(), column: column, length: 1)
    #expect(lines.count == 3)
    let (shown, caret) = (Array(lines[1]), Array(lines[2]))
    #expect(shown.count <= 110)
    #expect(caret.firstIndex(of: "^") == shown.firstIndex(of: "!"))
  }

  @Test("a diagnostic without a source line has only its message and help")
  func withoutLine() {
    let text = DiagnosticText().render([
      Diagnostic(
        severity: .warning, location: SourceLocation(file: "p", line: 1, column: 1), message: "m", help: "h",
        sourceLine: nil, length: 1)
    ])
    #expect(text == "p:1:1: warning: m\n    = help: h\n")
  }

  @Test("the coloured text is the plain text with escape sequences")
  func colours() {
    let text = text("abc", column: 1, length: 2)
    let plain = text.description
    var coloured = text.text(columns: nil, colours: .written)
    #expect(coloured.contains("\u{1b}[31;1m^~\u{1b}[0m"))
    while let start = coloured.firstIndex(of: "\u{1b}"), let end = coloured[start...].firstIndex(of: "m") {
      coloured.removeSubrange(start...end)
    }
    #expect(coloured == plain)
  }
}
