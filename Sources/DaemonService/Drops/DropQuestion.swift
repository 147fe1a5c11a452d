// SPDX-License-Identifier: GPL-3.0-or-later

package import DropAnalysis
package import Enforcement
package import NetworkModel
internal import PolicyAnalysis
internal import PolicyFiles
internal import PolicyLanguage
internal import Reports

/// A question about the stored log of dropped packets, answered without the daemon.
package struct DropQuestion {
  /// What could not be read or is not known, as sentences.
  package let notes: [String]
  private let records: [DropRecord]
  private let since: Int64
  private let role: PolicyRole?
  private let reporter: DropReporter?

  /// Reads the log of a state directory since an age. The role gives names and lines; without one, neither is known.
  package init(_ directory: StateDirectory?, as role: PolicyRole?, since age: DropAge, notes before: [String])
    throws(Refusal)
  {
    guard let directory else {
      throw Refusal("in a network namespace other than the machine's own this needs --state-dir")
    }
    let stored = StoredDrops.read(directory)
    notes = before + stored.notes
    since = age.beginning(at: Int64(Today.time))
    records = stored.records.since(since)
    self.role = role
    reporter = role.map { role in
      let live = LiveReading(for: role.policy, on: role.machine.name).facts
      return DropReporter(
        role.policy, machine: role.machine, today: Today.date, live: live,
        host: .read(for: role.policy, on: role.machine, live: live))
    }
  }

  /// The records, the oldest first: a line for each.
  package func log(_ form: FirewallRequest.ReportForm) -> PrintableText {
    var reporter = reporter
    let reports = records.map { reporter?.report($0) ?? DropReport(withoutPolicy: $0) }
    switch form {
    case .text: return DropReportText.lines(reports)
    case .json: return PrintableText(lines: reports.map(DropReportText.json).joined())
    }
  }

  /// The records by source, service and reason.
  package func summary(_ form: FirewallRequest.ReportForm) -> PrintableText {
    var reporter = reporter
    let report = DropSummaryReport(DropSummary(records, &reporter), since: since, notes: notes)
    switch form {
    case .text: return report.text
    case .json: return PrintableText(lines: report.json)
    }
  }

  /// The lines that would let the packets in, as a change of the policy file.
  package func suggestion(_ form: FirewallRequest.ReportForm) throws(Refusal) -> PrintableText {
    guard let role, var reporter else { throw Refusal("there is no policy to change: name its file") }
    var known: DropReporter? = reporter
    let summary = DropSummary(records, &known)
    reporter = known ?? reporter
    let lines = SuggestedLine.lines(of: summary).map { PolicyTrial(role).judged($0) }
    let report = SuggestionReport(lines, since: since, path: role.path, notes: notes)
    let change: PolicyInsertion?
    if lines.isEmpty {
      change = nil
    } else {
      guard let insertion = PolicyInsertion(role.file.bytes, role.policy, entries: report.entries),
        PolicyTrial(role).isValid(insertion.result)
      else {
        throw Refusal(
          "the place for new lines in \(role.path) was not found: write 'allow' with one line for each grant; "
            + "wgfence log --summary shows the lines")
      }
      change = insertion
    }
    switch form {
    case .text: return report.text(change)
    case .json: return PrintableText(lines: report.json(change))
    }
  }
}
