// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel

extension Console {
  /// Whether a person can answer a question.
  static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 }

  /// Asks on the terminal. Only `y` and `yes` are a consent.
  static func asks(_ question: PrintableText) -> Bool {
    note("\(question) [y/N] ")
    return readLine().map { ["y", "yes"].contains($0.lowercased()) } ?? false
  }
}
