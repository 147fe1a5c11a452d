// SPDX-License-Identifier: GPL-3.0-or-later

import FoundationEssentials
import NetworkModel
import Reports
import TestSupport
import Testing

struct JSONWriterTests {
  @Test("A document is indented by two spaces, with members in the order of the calls")
  func layout() {
    let text = JSONWriter.object { json in
      json.put("schema", "wgfence/audit/1")
      json.put("unit", nil as String?)
      json.put("port", UInt16(5432) as UInt16?)
      json.put("exposed", false)
      json.null("nothing")
      json.array("listeners") { list in
        list.object { $0.put("port", 1) }
        list.object { _ in }
        list.array { $0.put(-1) }
        list.put("x")
      }
      json.array("empty") { _ in }
      json.object("policy") { $0.put("lines", each: [1, 2]) }
    }
    #expect(
      text == """
        {
          "schema": "wgfence/audit/1",
          "unit": null,
          "port": 5432,
          "exposed": false,
          "nothing": null,
          "listeners": [
            {
              "port": 1
            },
            {},
            [
              -1
            ],
            "x"
          ],
          "empty": [],
          "policy": {
            "lines": [
              1,
              2
            ]
          }
        }

        """)
  }

  @Test(
    "Any string can be decoded to the same value",
    arguments: [
      "", "plain", "\"quoted\" \\ and / slash", "\u{0}\u{1}\u{8}\u{9}\u{a}\u{c}\u{d}\u{1b}\u{1f}\u{7f}",
      "häß 日本 🔥 👩‍💻",
      "\u{2028}\u{2029}\u{feff}", "\r\n", "</script>",
    ])
  func escaping(text: String) throws {
    let written = JSONWriter.object { $0.put(text, text) }
    #expect(!written.dropLast().utf8.contains { $0 < 0x20 && $0 != 0x0a })
    #expect(try JSONDecoder().decode([String: String].self, from: Data(written.utf8)) == [text: text])
  }

  @Test("Random strings can be decoded to the same values")
  func randomTexts() throws {
    var generator = SeededGenerator(seed: 4)
    let texts = (0..<500).map { _ in
      String(
        String.UnicodeScalarView(
          (0..<8).compactMap { _ in
            Unicode.Scalar(
              UInt32(truncatingIfNeeded: generator.next() & (generator.next() | 0x7f) & 0x1f_ffff))
          }))
    }
    let written = JSONWriter.array { array in
      for text in texts { array.put(text) }
    }
    #expect(try JSONDecoder().decode([String].self, from: Data(written.utf8)) == texts)
  }

  @Test("Integers are written in full")
  func integers() throws {
    let written = JSONWriter.array { array in
      array.put(Int64.min)
      array.put(UInt64.max)
      array.put(Int32(-1))
      array.put(UInt8(0))
    }
    #expect(written == "[\n  -9223372036854775808,\n  18446744073709551615,\n  -1,\n  0\n]\n")
  }

  @Test("An error that the caller throws is passed on")
  func errors() {
    struct Stop: Error, Equatable {}
    #expect(throws: Stop()) {
      try JSONWriter.object { (json) throws(Stop) in
        try json.array("a") { (_) throws(Stop) in throw Stop() }
      }
    }
  }
}

struct AlignedTableTests {
  @Test("a table that is wider than the terminal breaks the cells of its widest columns between words")
  func narrow() {
    var table = AlignedTable([.left("SERVICE"), .right("PORT"), .left("WHO"), .left("WHY")])
    table.append([
      "postgres", "5432", "laptop-eric laptop-ryan ec2", "policy.yaml:31 postgres from the laptops",
    ])
    table.append(["ssh", "22", "anyone", "no grant"])
    let text: PrintableText = "Listeners\n\(table.text())end\n"
    #expect(
      text.text(columns: 50) == """
        Listeners
        SERVICE   PORT  WHO               WHY
        postgres  5432  laptop-eric       policy.yaml:31
                        laptop-ryan ec2   postgres from
                                          the laptops
        ssh         22  anyone            no grant
        end

        """)
    #expect(text.text(columns: nil) == text.description)
    #expect(
      text.description.contains("laptop-eric laptop-ryan ec2  policy.yaml:31 postgres from the laptops\n"))
    #expect(text.text(columns: 200) == text.description)
    // However narrow it is, short words stay whole.
    #expect(text.text(columns: 5).contains("postgres  5432  laptop-eri  policy.yam\n"))
  }

  @Test("Columns line up, numbers to the right, and no line ends in spaces")
  func layout() {
    var table = AlignedTable([.left("service"), .right("port"), .left("from"), .left("note")])
    table.append(["postgres", "5432", "laptop", ""])
    table.append(["ssh", "22", "everyone", "here"])
    table.append(["x"])
    #expect(
      table.text() == """
        service   port  from      note
        postgres  5432  laptop
        ssh         22  everyone  here
        x

        """)
    #expect(table.text(indent: 2, gap: 1).lines.last == "  x")
  }

  @Test("A table without rows is empty, and one without headings has no heading row")
  func empty() {
    var table = AlignedTable([.left(), .right()])
    #expect(table.text() == "")
    table.append(["a", "1", "beyond"])
    #expect(table.text() == "a  1\n")
  }

  @Test(
    "The width of a text is in columns of a terminal",
    arguments: [("", 0), ("abc", 3), ("häß", 3), ("ha\u{308}ß", 3), ("日本", 4), ("🔥", 2), ("👩‍💻", 2), ("ｗ", 2)])
  func width(text: String, columns: Int) {
    #expect(AlignedTable.width(text) == columns)
  }

  @Test("Control and bidirectional characters are escaped")
  func control() {
    var table = AlignedTable([.left("name"), .left("next")])
    table.append(["a\u{1b}[31m\nb\u{202e}", "x"])
    table.append(["", "y"])
    #expect(table.text().description.contains("a\\u{1b}[31m\\u{a}b\\u{202e}  x\n"))
    #expect(table.text().lines.count == 3)
  }
}
