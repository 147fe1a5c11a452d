// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel

/// Where the program writes: reports to standard output, everything else to standard error. Together with `Journal` it
/// is the only place that does, and neither writes a character that could drive a terminal, but the program's own.
enum Console {
  /// Writes a report for people.
  static func print(_ text: PrintableText) { write(text, to: STDOUT_FILENO) }

  /// Writes a document for programs: JSON, SARIF, Markdown, HTML, nft's syntax. Its writer escapes in the document's own
  /// form; what it should have missed is escaped here.
  static func print(document text: String) { write(PrintableText(lines: text), to: STDOUT_FILENO) }

  /// Writes a remark, an error or progress.
  static func note(_ text: PrintableText) { write(text, to: STDERR_FILENO) }

  /// Writes `wgfence: error: …`.
  static func error(_ text: PrintableText) { note("wgfence: error: \(text)\n") }

  /// Writes `wgfence: warning: …`.
  static func warn(_ text: PrintableText) { note("wgfence: warning: \(text)\n") }

  /// Whether colours may be written there: on a terminal that has them, and never with `NO_COLOR` (no-color.org).
  static func hasColour(_ descriptor: Int32) -> Bool {
    if let value = getenv("NO_COLOR"), value.pointee != 0 { return false }
    if let value = getenv("TERM"), String(cString: value) == "dumb" { return false }
    return isatty(descriptor) == 1
  }

  private static func write(_ text: PrintableText, to descriptor: Int32) {
    var text = text.description
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0 {
          if errno == EINTR { continue }
          // Nobody reads on (a closed pipe), or nothing can be written (a full disk): the report is not whole.
          exit(1)
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}
