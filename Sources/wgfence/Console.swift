// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import LinuxHost
import NetworkModel

/// The program's output: reports go to standard output, everything else to standard error. Only this type and
/// `Journal` write there. Neither writes a terminal control character that comes from a value; the program's own
/// are written.
enum Console {
  /// Writes a report for people.
  static func print(_ text: PrintableText) { write(text, to: STDOUT_FILENO) }

  /// Writes a report in the form that was asked for.
  static func print(_ text: PrintableText, or json: @autoclosure () -> String, as format: ReportFormat) {
    if format == .json { print(document: json()) } else { print(text) }
  }

  /// Writes a document for programs: JSON, SARIF, Markdown, HTML, nft's syntax. The document's writer escapes
  /// in the form of its format; control characters that it missed are escaped here.
  static func print(document text: String) { write(PrintableText(lines: text), to: STDOUT_FILENO) }

  /// Writes a remark, an error or progress.
  static func note(_ text: PrintableText) { write(text, to: STDERR_FILENO) }

  /// Writes `wgfence: error: …`.
  static func error(_ text: PrintableText) {
    note("wgfence: \(PrintableText.coloured("error:", .boldRed)) \(text)\n")
  }

  /// Writes `wgfence: warning: …`.
  static func warn(_ text: PrintableText) {
    note("wgfence: \(PrintableText.coloured("warning:", .boldMagenta)) \(text)\n")
  }

  /// Whether colours are written to a descriptor: to a terminal that has them, and never with `NO_COLOR` (no-color.org), which
  /// has precedence over `CLICOLOR_FORCE`.
  static func colours(_ descriptor: Int32) -> PrintableText.Colours {
    func isSet(_ name: String) -> Bool { getenv(name).map { $0.pointee != 0 } ?? false }
    if isSet("NO_COLOR") { return .leftOut }
    if isSet("CLICOLOR_FORCE") { return .written }
    if let value = getenv("TERM"), String(cString: value) == "dumb" { return .leftOut }
    return isatty(descriptor) == 1 ? .written : .leftOut
  }

  private static func write(_ text: PrintableText, to descriptor: Int32) {
    var text = text.text(columns: Terminal.columns(descriptor), colours: colours(descriptor))
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
