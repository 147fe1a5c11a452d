// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyAnalysis
import RulesetModel

/// Packets and steps in a line each, for JSON reports.
enum TestReport {
  static func text(_ packet: Packet) -> String { TestFailureText.text(packet) }

  static func text(_ step: TraceStep) -> String {
    "\(step.chain): \(TestFailureText.text(step.outcome))\(step.comment.map { " (\($0))" } ?? "")"
  }
}
