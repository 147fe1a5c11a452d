// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import HostAnalysis

/// Formats findings for a terminal.
package enum FindingText {
  /// Whether colours are written.
  package enum Style {
    case plain
    /// With ANSI escape sequences.
    case coloured
  }

  /// The name of a severity.
  static func severity(_ severity: FindingSeverity, _ style: Style) -> PrintableText {
    let word: PrintableText = "\(severity.rawValue)"
    return style == .coloured ? PrintableText.coloured(word, colour(severity)) : word
  }

  /// The colour of a severity.
  static func colour(_ severity: FindingSeverity) -> PrintableText.Colour {
    switch severity {
    case .error: .boldRed
    case .warning: .yellow
    case .information: .cyan
    }
  }
}
