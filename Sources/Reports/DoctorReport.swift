// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
internal import PolicyAnalysis
package import HostAnalysis

/// A diagnosis as text and as JSON.
package struct DoctorReport {
  /// The machine of the policy that this host is; nil without a policy.
  let machine: String?
  let policy: String?
  let digest: String?
  package let diagnosis: Diagnosis
  /// What works on this host now and would not work with the policy.
  let impact: ImpactReport
  let notes: [String]

  /// Creates a report from its parts.
  package init(
    machine: String?, policy: String?, digest: String?, diagnosis: Diagnosis,
    impact: ImpactReport = ImpactReport(nil),
    notes: [String]
  ) {
    self.impact = impact
    self.machine = machine
    self.policy = policy
    self.digest = digest
    self.diagnosis = diagnosis
    self.notes = notes
  }

  /// The report for people: the most severe findings first, each with its fix on the next line; then the checks that
  /// passed; then the checks that were not made.
  package var text: PrintableText {
    var table = AlignedTable([.left(), .left(), .left()])
    for finding in diagnosis.findings {
      table.append(
        [finding.severity.rawValue, finding.check.rawValue, finding.found],
        FindingText.colour(finding.severity), first: 1)
      table.append(["", "", "fix: \(finding.fix)"])
    }
    for result in diagnosis.passed {
      table.append(["ok", result.check.rawValue, result.lookedAt], .green, first: 1)
    }
    for gap in diagnosis.notMade { table.append(["not made", gap.check.rawValue, gap.why]) }
    var text: PrintableText = impact.names == nil ? "" : impact.brokenText + "\n"
    text += table.text()
    let counts = FindingSeverity.allCases.map { severity in
      let count = diagnosis.count(severity)
      return "\(count) \(severity.rawValue)\(count == 1 || severity == .information ? "" : "s")"
    }
    let role = machine.map { ", as \($0) of \(policy ?? "")" } ?? ""
    text +=
      "\n\(counts.joined(separator: ", ")); \(diagnosis.passed.count) ok, \(notMadeCount) not made\(role).\n"
    for note in notes { text += "note: \(note)\n" }
    return text
  }

  /// The number of checks that were not made, or not completely.
  private var notMadeCount: Int { Set(diagnosis.notMade.map(\.check)).count }

  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/doctor/1")
      object.put("machine", machine)
      if let policy {
        object.object("policy") { object in
          object.put("path", policy)
          object.put("digest", digest)
        }
      } else {
        object.null("policy")
      }
      object.array("findings") { array in
        for finding in diagnosis.findings {
          array.object { object in
            object.put("check", finding.check.rawValue)
            object.put("severity", finding.severity.rawValue)
            object.put("looked_at", finding.lookedAt)
            object.put("found", finding.found)
            object.put("fix", finding.fix)
          }
        }
      }
      impact.put(in: &object)
      object.array("ok") { array in
        for result in diagnosis.passed {
          array.object { object in
            object.put("check", result.check.rawValue)
            object.put("looked_at", result.lookedAt)
          }
        }
      }
      object.array("not_made") { array in
        for gap in diagnosis.notMade {
          array.object { object in
            object.put("check", gap.check.rawValue)
            object.put("why", gap.why)
          }
        }
      }
      object.object("summary") { object in
        object.put("errors", diagnosis.count(.error))
        object.put("warnings", diagnosis.count(.warning))
        object.put("information", diagnosis.count(.information))
        object.put("ok", diagnosis.passed.count)
        object.put("not_made", notMadeCount)
      }
      object.put("notes", each: notes)
    }
  }
}
