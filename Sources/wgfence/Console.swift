// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import LinuxHost
import NetworkModel

/// The program's output: reports go to standard output, everything else to standard error. Only this type and
/// `Journal` write there. Neither writes a terminal control character that comes from a value; the program's own
/// are written.
enum Console {
  /// Writes a report for people.
  static func print(_ text: PrintableText) { write(text, to: STDOUT_FILENO) }

  /// Writes a document for programs: JSON, SARIF, Markdown, HTML, nft's syntax. The document's writer escapes
  /// in the form of its format; control characters that it missed are escaped here.
  static func print(document text: String) { write(PrintableText(lines: text), to: STDOUT_FILENO) }

  /// Writes a remark, an error or progress.
  static func note(_ text: PrintableText) { write(text, to: STDERR_FILENO) }

  /// Writes `wgfence: error: …`.
  static func error(_ text: PrintableText) { note("wgfence: error: \(text)\n") }

  /// Writes `wgfence: warning: …`.
  static func warn(_ text: PrintableText) { note("wgfence: warning: \(text)\n") }

  /// Whether colours may be written to a descriptor: only to a terminal that has them, and never with `NO_COLOR`
  /// (no-color.org).
  static func hasColour(_ descriptor: Int32) -> Bool {
    if let value = getenv("NO_COLOR"), value.pointee != 0 { return false }
    if let value = getenv("TERM"), String(cString: value) == "dumb" { return false }
    return isatty(descriptor) == 1
  }

  private static func write(_ text: PrintableText, to descriptor: Int32) {
    var text = text.text(columns: Terminal.columns(descriptor))
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0 {
          if errno == EINTR { continue }
          // The reader closed the pipe, or the disk is full: the report is incomplete.
          exit(1)
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }
}
