// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc

/// Where the program writes: reports to standard output, everything else to standard error.
enum Console {
  /// Writes a report.
  static func print(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Writes a remark, an error or progress.
  static func note(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Writes `wgfence: error: …`.
  static func error(_ text: String) { note("wgfence: error: \(text)\n") }

  /// Whether colours may be written there: on a terminal that has them, and never with `NO_COLOR` (no-color.org).
  static func hasColour(_ descriptor: Int32) -> Bool {
    if let value = getenv("NO_COLOR"), value.pointee != 0 { return false }
    if let value = getenv("TERM"), String(cString: value) == "dumb" { return false }
    return isatty(descriptor) == 1
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var text = text
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
