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

  private static func write(_ text: PrintableText, to descriptor: Int32) {
    // What is read of an incomplete report must not look like a success.
    if !Terminal.write(text, to: descriptor) { exit(1) }
  }
}
