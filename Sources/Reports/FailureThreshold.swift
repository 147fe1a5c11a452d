// SPDX-License-Identifier: GPL-3.0-or-later

package import HostAnalysis

/// From which severity on a finding counts for the exit status.
package enum FailureThreshold: String, CaseIterable, Sendable {
  case error
  case warning
  case information
  case never

  /// Whether a finding of a severity counts.
  package func counts(_ severity: FindingSeverity) -> Bool {
    switch self {
    case .error: severity <= .error
    case .warning: severity <= .warning
    case .information: true
    case .never: false
    }
  }
}
