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
    guard style == .coloured else { return severity.rawValue }
    let colour =
      switch severity {
      case .error: "1;31"
      case .warning: "33"
      case .information: "36"
      }
    return "\u{1b}[\(colour)m\(severity.rawValue)\u{1b}[0m"
  }
}
