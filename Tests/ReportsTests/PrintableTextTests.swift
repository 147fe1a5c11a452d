// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Reports
import Testing

@Suite("Text that is safe to print")
struct PrintableTextTests {
  @Test(
    "an interpolated value is escaped",
    arguments: [
      ("\u{1b}[2J", "\\u{1b}[2J"), ("a\r\nb", "a\\u{d}\\u{a}b"), ("a\nb", "a\\u{a}b"), ("a\tb", "a\\u{9}b"),
      ("\u{0}", "\\u{0}"), ("\u{7f}", "\\u{7f}"), ("\u{85}", "\\u{85}"), ("\u{9b}31m", "\\u{9b}31m"),
      ("\u{202e}", "\\u{202e}"), ("\u{2066}", "\\u{2066}"), ("\u{200e}", "\\u{200e}"),
      ("\u{200f}", "\\u{200f}"),
      ("\u{61c}", "\\u{61c}"), ("\u{200b}", "\\u{200b}"), ("\u{feff}", "\\u{feff}"), ("\u{ad}", "\\u{ad}"),
      ("\u{2028}", "\\u{2028}"), ("\u{2029}", "\\u{2029}"), ("\u{3164}", "\\u{3164}"),
      ("\u{e0041}", "\\u{e0041}"),
      ("\u{fffe}", "\\u{fffe}"), ("a\u{200d}b", "a\\u{200d}b"), ("a\u{fe0f}b", "a\\u{fe0f}b"),
      ("\u{1f525}\u{200d}\u{200d}", "\u{1f525}\u{200d}\\u{200d}"),
    ])
  func escapes(value: String, shown: String) {
    let text: PrintableText = "(\(value))\n"
    #expect(text.description == "(\(shown))\n")
    #expect(PrintableText.of(value) == shown)
    #expect(text.lines.count == 1)
  }

  @Test(
    "printable text is not changed",
    arguments: ["", "plain", "häß", "日本", "عربي", "🔥", "👩‍💻", "⚠️", "🏳️‍🌈", "e\u{301}", "a\\b"])
  func kept(value: String) {
    #expect(PrintableText.of(value) == value)
    let text: PrintableText = "\(value)"
    #expect(text.description == value)
  }

  @Test("of a text of another process its colours are kept, and every other sequence is escaped")
  func colouredLines() {
    for colour in PrintableText.Colour.allCases {
      let text: PrintableText = "a \(PrintableText.coloured("b\nc", colour)) \("\u{1b}[2J")\n"
      let sent = text.text(columns: nil, colours: .written)
      #expect(PrintableText(colouredLines: sent).text(columns: nil, colours: .written) == sent)
      #expect(PrintableText(colouredLines: sent).description == text.description)
    }
    for (sent, shown) in [
      ("\u{1b}[2J", "\\u{1b}[2J"), ("\u{1b}", "\\u{1b}"), ("\u{1b}[31;1", "\\u{1b}[31;1"),
      ("\u{1b}[5m", "\\u{1b}[5m"),
      ("\u{1b}\u{1b}[0m", "\\u{1b}\u{1b}[0m"), ("\u{1b}[32m\r", "\u{1b}[32m\\u{d}"),
      ("\u{1b}]0;x\u{7}", "\\u{1b}]0;x\\u{7}"),
      ("\u{1b}[32m\u{1b}[31m", "\u{1b}[32m\\u{1b}[31m"), ("\u{9b}32m", "\\u{9b}32m"),
    ] {
      #expect(PrintableText(colouredLines: sent).text(columns: nil, colours: .written) == shown)
    }
  }

  @Test("escaping twice gives the same as escaping once")
  func twice() {
    let once = PrintableText.of("\u{1b}\n\u{202e}")
    #expect(PrintableText.of(once) == once)
  }

  @Test("in a text of unknown origin only line feeds and tabs are not escaped")
  func lines() {
    #expect(PrintableText(lines: "a\n\tb\r\n\u{1b}c").description == "a\n\tb\\u{d}\n\\u{1b}c")
  }

  @Test("a colour encloses escaped text, and a value cannot end it")
  func colours() {
    let text = PrintableText.coloured("\("\u{1b}[0m")", .green)
    #expect(text.text(columns: nil, colours: .written) == "\u{1b}[32m\\u{1b}[0m\u{1b}[0m")
    #expect(text.description == "\\u{1b}[0m")
  }

  @Test("no line of a table is wider than the terminal, and nothing is lost", arguments: [60, 80, 120])
  func widths(_ limit: Int) {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let count = Int.random(in: 1...5, using: &random)
      var table = AlignedTable((0..<count).map { _ in .left(Bool.random(using: &random) ? "HEAD" : "") })
      var words: [String] = []
      for _ in 0..<4 {
        table.append(
          (0..<count).map { _ in
            let cell = (0..<Int.random(in: 0...5, using: &random)).map { _ in
              String(
                (0..<Int.random(in: 1...40, using: &random)).map { _ in
                  "abé漢".randomElement(using: &random) ?? "a"
                })
            }
            words += cell
            return cell.joined(separator: " ")
          }, .green)
      }
      let text = table.text().text(columns: limit)
      let lines = text.split(separator: "\n").map { String($0) }
      #expect(lines.allSatisfy { AlignedTable.width($0) <= limit }, "\(text)")
      #expect(
        text.filter { "bé漢".contains($0) }.count == words.joined().filter { "bé漢".contains($0) }.count,
        "\(text)")
    }
  }

  @Test("a coloured row is as wide as a plain one")
  func rows() {
    func table(_ colour: PrintableText.Colour?) -> PrintableText {
      var table = AlignedTable([.left("A"), .right("NUMBER")])
      table.append(["a word", "1"], colour)
      return table.text()
    }
    #expect(table(.green).description == "A       NUMBER\na word       1\n")
    #expect(
      table(.green).text(columns: nil, colours: .written)
        == "\u{1b}[1mA\u{1b}[0m       \u{1b}[1mNUMBER\u{1b}[0m\n\u{1b}[32ma word\u{1b}[0m       \u{1b}[32m1\u{1b}[0m\n"
    )
    #expect(table(.green).text(columns: 9) == table(nil).text(columns: 9))
  }

  @Test("joined texts are not escaped again")
  func joining() {
    var text: PrintableText = "a\n"
    text += "\("b\n")"
    #expect((text + "c").description == "a\nb\\u{a}c")
    #expect([text, text].joined(separator: "-").description == "a\nb\\u{a}-a\nb\\u{a}")
  }

  @Test("JSON has unsafe characters as escapes, with the same value")
  func json() {
    let document = JSONWriter.line {
      $0.put("a\u{202e}", "\u{1b}\u{85}\u{9b}\u{202e}\u{2066}\u{200f}\u{61c}\u{feff}\u{e0041}\u{7f}ü👩‍💻")
    }
    #expect(
      document
        == "{\"a\\u202e\": \"\\u001b\\u0085\\u009b\\u202e\\u2066\\u200f\\u061c\\ufeff\\udb40\\udc41\\u007fü👩‍💻\"}\n"
    )
  }
}
