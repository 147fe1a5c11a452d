// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyAnalysis

/// How findings are shown on a terminal.
enum FindingText {
  /// Whether colours are written.
  enum Style {
    case plain
    /// With ANSI escape sequences.
    case coloured
  }

  /// The severity's word.
  static func severity(_ severity: FindingSeverity, _ style: Style) -> String {
    style == .coloured ? "\u{1b}[\(colour(severity))m\(severity.rawValue)\u{1b}[0m" : severity.rawValue
  }

  /// The parameters of the escape sequence for a severity's colour.
  static func colour(_ severity: FindingSeverity) -> String {
    switch severity {
    case .error: "1;31"
    case .warning: "33"
    case .information: "36"
    }
  }
}
