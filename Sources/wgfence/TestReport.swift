// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import RulesetModel

/// What a policy's own tests said, for people.
enum TestReport {
  /// The tests that do not hold, each with the packet that shows it, the packet's way, and what would make it hold. The
  /// lines of the policy are shown where `file` has them.
  static func text(_ failures: [PolicyTestRun.Failure], file: PolicyFile?, style: DiagnosticText.Style)
    -> String
  {
    failures.map { failure in
      let place = Diagnostic(
        severity: .error, location: failure.location, message: "test failed: \(failure.expectation)",
        help: nil,
        sourceLine: nil, length: 1)
      var rows: [(label: String, text: String)] = []
      if let packet = failure.packet { rows.append(("packet", text(packet))) }
      for (index, step) in steps(failure.trace).enumerated() {
        rows.append((index == 0 ? "steps" : "", step))
      }
      let verdict = failure.trace?.verdict.rawValue ?? "no packet"
      rows.append(("decided", "\(verdict) on \(failure.machine): \(failure.because)"))
      rows.append(("to pass", failure.fix))
      return DiagnosticText(style: style).render(file?.showing([place]) ?? [place])
        + rows.map { "    \(label($0.label, style))\($0.text)\n" }.joined()
    }.joined()
  }

  private static func label(_ label: String, _ style: DiagnosticText.Style) -> String {
    let padding = String(repeating: " ", count: max(1, 10 - label.utf8.count))
    if style == .plain || label.isEmpty { return label + padding }
    // The way out is what one looks for.
    return "\u{1b}[\(label == "to pass" ? "32;1" : "34")m\(label)\u{1b}[0m\(padding)"
  }

  /// A way, step by step, in columns.
  private static func steps(_ trace: Trace?) -> [String] {
    var table = AlignedTable([.left(), .left(), .left()])
    for step in trace?.steps ?? [] { table.append([step.chain, outcome(step), step.comment ?? ""]) }
    return table.text().split(separator: "\n").map { String($0) }
  }

  static func text(_ packet: Packet) -> String {
    packet.transport.hasPorts
      ? "\(packet.transport) \(packet.source) -> \(packet.destination) port \(packet.destinationPort)"
      : "\(packet.transport) \(packet.source) -> \(packet.destination)"
  }

  static func text(_ step: TraceStep) -> String {
    "\(step.chain): \(outcome(step))\(step.comment.map { " (\($0))" } ?? "")"
  }

  private static func outcome(_ step: TraceStep) -> String {
    switch step.outcome {
    case .verdict(.jump(let chain)): "jump \(chain)"
    case .verdict(.goto(let chain)): "goto \(chain)"
    case .verdict(let verdict): "\(verdict)"
    case .reject: "reject"
    case .counted(let counter): "counted in \(counter)"
    case .policy(let policy): "policy \(policy)"
    case .undetermined(let expression): "undetermined at \(expression)"
    }
  }
}
