// SPDX-License-Identifier: GPL-3.0-or-later

public import DropAnalysis
public import NetworkModel
internal import PolicyAnalysis
internal import Ruleset

/// The report of `wgfence log --summary`: dropped packets by source, service and reason, the most frequent first.
public struct DropSummaryReport: Sendable {
  private let summary: DropSummary
  private let since: Int64
  private let notes: [String]

  /// The most groups in the text; JSON has all.
  static let mostRows = 100

  /// A report of a summary since a time, in microseconds since 1970.
  public init(_ summary: DropSummary, since: Int64, notes: [String]) {
    self.summary = summary
    self.since = since
    self.notes = notes
  }

  private static let sample =
    "the kernel logs at most \(DropLog.rate) packets a second for each reason: counts are lower bounds"

  /// The report for people.
  public var text: PrintableText {
    var text: PrintableText = ""
    for note in notes { text += "note: \(note)\n" }
    guard !summary.groups.isEmpty else {
      return text + "nothing was dropped since \(TimeText.short(since))\n"
    }
    var table = AlignedTable([
      .right("PACKETS"), .left("FROM"), .left("SERVICE"), .left("WAY"), .left("FIRST"), .left("LAST"),
      .left("WHY"), .left("TO ALLOW"),
    ])
    for group in summary.groups.prefix(Self.mostRows) { table.append(Self.cells(group.report)) }
    text += table.text()
    if summary.groups.count > Self.mostRows {
      text += "\(summary.groups.count - Self.mostRows) more groups: --format json has all\n"
    }
    return text
      + "\(Self.count(summary.packets, "packet")) in \(Self.count(summary.groups.count, "group")) since \(TimeText.short(since)); "
      + "\(Self.sample)\n"
  }

  private static func count(_ number: some BinaryInteger, _ what: String) -> String {
    "\(number) \(what)\(number == 1 ? "" : "s")"
  }

  private static func cells(_ report: DropReport) -> [String] {
    let key = report.key
    let services =
      switch key.scope {
      case .flow: report.services.joined(separator: ",")
      case .source, .reason: "many"
      }
    let from =
      switch key.scope {
      case .flow, .source: DropReportText.from(report)
      case .reason: "many"
      }
    let target = key.direction == .local ? "" : key.destination.map { " to \($0)" } ?? ""
    let remedy =
      switch report.remedy {
      case .grant(let line): line.text
      case .none(let why): "cannot: \(why)"
      }
    return [
      "\(report.record.count)", from, services, DropReportText.way(report).description + target,
      TimeText.short(report.record.first), TimeText.short(report.record.last),
      "\(key.isObserved ? "would drop: " : "")\(report.reason) (\(key.place))", remedy,
    ]
  }

  /// The report for programs: schema `wgfence/log-summary/1`.
  public var json: String {
    JSONWriter.object { json in
      json.put("schema", "wgfence/log-summary/1")
      json.put("since", TimeText.text(since))
      json.put("packets", summary.packets)
      json.put("sampled", true)
      json.put("notes", each: notes)
      json.array("groups") { list in
        for group in summary.groups {
          list.object { json in
            DropReportText.members(of: group.report, &json)
            json.put("services_of_source", group.services)
          }
        }
      }
    }
  }
}
