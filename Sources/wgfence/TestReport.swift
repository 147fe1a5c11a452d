// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import RulesetModel

/// What a policy's own tests said, for people.
enum TestReport {
  static func text(_ run: PolicyTestRun) -> String {
    run.failures.map { failure in
      var text =
        "\(failure.location.file):\(failure.location.line):\(failure.location.column): test failed: "
        + "\(failure.expectation)\n"
      if let packet = failure.packet { text += "    packet   \(self.text(packet))\n" }
      for step in failure.trace?.steps ?? [] { text += "    step     \(self.text(step))\n" }
      text +=
        "    on       \(failure.machine): \(failure.trace?.verdict.rawValue ?? "no packet"), \(failure.because)\n"
      return text
    }.joined()
  }

  static func text(_ packet: Packet) -> String {
    packet.transport.hasPorts
      ? "\(packet.transport) \(packet.source) -> \(packet.destination) port \(packet.destinationPort)"
      : "\(packet.transport) \(packet.source) -> \(packet.destination)"
  }

  static func text(_ step: TraceStep) -> String {
    let outcome =
      switch step.outcome {
      case .verdict(let verdict): "\(verdict)"
      case .reject: "reject"
      case .counted(let counter): "counted in \(counter)"
      case .policy(let policy): "policy \(policy)"
      case .undetermined(let expression): "undetermined at \(expression)"
      case .translated(let change):
        "\(change.side) becomes \(change.address.map(\.description) ?? "another")\(change.port.map { " port \($0)" } ?? "")"
      case .marked(let mark): "mark \(mark)"
      case .assumed(let text): "taken for granted: \(text)"
      case .routed(let answer): "goes to \(answer)"
      case .unroutable(let why): "thrown away: \(why)"
      }
    return "\(step.chain): \(outcome)\(step.comment.map { " (\($0))" } ?? "")"
  }
}
