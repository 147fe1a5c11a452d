// SPDX-License-Identifier: GPL-3.0-or-later

public import DropAnalysis
public import NetworkModel
internal import PolicyAnalysis

/// The report of `wgfence suggest`: lines that dropped packets suggest, as a change of the policy file. Lines with a risk
/// are comments in the change.
public struct SuggestionReport: Sendable {
  private let lines: [SuggestedLine]
  private let since: Int64
  private let path: String
  private let notes: [String]

  /// The most packets of evidence that are named for a line.
  private static let mostEvidence = 3

  /// A report of lines since a time, in microseconds since 1970.
  public init(_ lines: [SuggestedLine], since: Int64, path: String, notes: [String]) {
    self.lines = lines
    self.since = since
    self.path = path
    self.notes = notes
  }

  /// The entries of the change: the evidence as comments, then the line.
  public var entries: [(GrantStyle) -> [String]] {
    lines.map { line in
      { style in
        let risks = line.risks.map { "# RISK: \($0.words)" }
        let evidence = line.evidence.prefix(Self.mostEvidence).map { "# \(Self.words($0))" }
        let more = line.evidence.count - Self.mostEvidence
        let text = line.line.text(in: style)
        let comments = risks + evidence + (more > 0 ? ["# and \(more) more"] : [])
        return (comments + (line.risks.isEmpty ? text : text.map { "# \($0)" })).map(PrintableText.of)
      }
    }
  }

  private static func words(_ report: DropReport) -> String {
    let record = report.record
    let verb = report.key.isObserved ? "would be dropped" : "dropped"
    let to = report.key.direction == .through ? report.key.destination.map { " to \($0)" } ?? "" : ""
    return "\(record.count) packet\(record.count == 1 ? "" : "s") \(verb), "
      + "\(report.services.joined(separator: ",")) from \(DropReportText.from(report))\(to), "
      + "\(TimeText.short(record.first)) to \(TimeText.short(record.last))"
  }

  /// The change as a unified diff for people and for patch(1).
  public func text(_ change: PolicyInsertion?) -> PrintableText {
    var text: PrintableText = ""
    for note in notes { text += "# note: \(note)\n" }
    guard let change else {
      return text + "# no line would let in what was dropped since \(TimeText.short(since))\n"
    }
    let risky = lines.filter { !$0.risks.isEmpty }.count
    text +=
      "# \(lines.count - risky) lines for \(path), and \(risky) as comments because of a risk. Read each: counts "
      + "are samples.\n# Apply with: patch \(path) FILE, then wgfence check and wgfence plan\n"
    return text + PrintableText(lines: change.diff)
  }

  /// The report for programs: schema `wgfence/suggest/1`.
  public func json(_ change: PolicyInsertion?) -> String {
    JSONWriter.object { json in
      json.put("schema", "wgfence/suggest/1")
      json.put("policy", path)
      json.put("since", TimeText.text(since))
      json.put("notes", each: notes)
      json.array("lines") { list in
        for line in lines {
          list.object { json in
            json.put("allow", line.line.text)
            json.put("packets", line.packets)
            json.put("risks", each: line.risks.map(\.words))
            json.array("evidence") { list in
              for report in line.evidence { list.object { DropReportText.members(of: report, &$0) } }
            }
          }
        }
      }
      json.put("diff", change?.diff)
    }
  }
}
