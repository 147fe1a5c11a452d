// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset
import Testing

@Suite("Comments of rules")
struct OriginTests {
  @Test(
    "nft can print a comment on a terminal, whatever the policy contains",
    arguments: [
      "\u{1b}[2J", "\r\n", "\u{7f}", "\u{85}", "\u{9b}31m", "\u{202e}", "\u{2066}", "\u{200f}", "\u{61c}",
      "\u{2028}",
      "\u{feff}", "\u{e0041}", "\"", "\"\u{301}",
    ])
  func comment(text: String) {
    let comment = Origin(file: "p\(text).yaml", lines: [3], reason: "why \(text)").comment
    for scalar in comment.unicodeScalars {
      #expect(
        ![.control, .format, .lineSeparator].contains(scalar.properties.generalCategory) && scalar != "\"")
    }
    #expect(comment.hasPrefix("p") && comment.contains("why "))
  }

  @Test("a comment is cut to the length that nft reads, even inside an escape")
  func cut() {
    let comment = Origin(file: "p.yaml", lines: [3], reason: String(repeating: "\u{202e}", count: 100))
      .comment
    #expect(comment.utf8.count <= Userdata.commentLimit - 1)
  }
}
