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
    #expect(text.description == "\u{1b}[32m\\u{1b}[0m\u{1b}[0m")
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
