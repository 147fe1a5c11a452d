// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PacketWalk
public import PolicyAnalysis
public import PolicyLanguage

/// Formats failed tests for people: each with a packet that shows the failure, the steps of its walk, what decided,
/// and a change that would make the test pass.
public struct TestFailureText: Sendable {
  private let lines: SourceLines?

  /// Creates a formatter. It shows the lines of the policy if `lines` has them.
  public init(lines: SourceLines?) {
    self.lines = lines
  }

  /// The failures as text, one after another, each line ended by a line feed.
  public func render(_ failures: [PolicyTestRun.Failure]) -> PrintableText {
    failures.map { render($0) }.joined()
  }

  private func render(_ failure: PolicyTestRun.Failure) -> PrintableText {
    let place = Diagnostic(
      severity: .error, location: failure.location, message: "test failed: \(failure.expectation)", help: nil,
      sourceLine: nil, length: 1)
    var rows: [(label: String, text: String)] = []
    if let packet = failure.packet { rows.append(("packet", WalkText.text(packet))) }
    for (index, step) in Self.steps(failure.trace).enumerated() {
      rows.append((index == 0 ? "steps" : "", step))
    }
    if let part = failure.part { rows.append(("part", part)) }
    let verdict = failure.trace?.verdict.rawValue ?? "no packet"
    rows.append(("decided", "\(verdict) on \(failure.machine): \(failure.because)"))
    rows.append(("to pass", failure.fix))
    var text = DiagnosticText().render(lines?.showing(place) ?? place)
    for row in rows { text += "    \(label(row.label))\(row.text)\n" }
    return text
  }

  private func label(_ label: String) -> PrintableText {
    let padding = String(repeating: " ", count: max(1, 10 - label.utf8.count))
    if label.isEmpty { return "\(label)\(padding)" }
    // The fix is highlighted.
    return "\(PrintableText.coloured("\(label)", label == "to pass" ? .boldGreen : .blue))\(padding)"
  }

  /// The steps of a walk, in columns.
  private static func steps(_ trace: Trace?) -> [String] {
    var table = AlignedTable([.left(), .left(), .left()])
    for step in trace?.steps ?? [] {
      table.append([step.chain, WalkText.text(step.outcome), step.comment ?? ""])
    }
    return table.text().lines
  }
}
