// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import HostAnalysis

/// Formats findings for a terminal.
package enum FindingText {
  /// The name of a severity.
  static func severity(_ severity: FindingSeverity) -> PrintableText {
    PrintableText.coloured("\(severity.rawValue)", colour(severity))
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
