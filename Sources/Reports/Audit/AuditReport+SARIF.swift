// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import HostAnalysis

extension AuditReport {
  /// The findings as SARIF 2.1.0 (OASIS), for code scanning. The location of each is its line of the policy, or line
  /// 1 if it has none; without a policy there is no location.
  package var sarif: String {
    JSONWriter.object { object in
      object.put("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
      object.put("version", "2.1.0")
      object.array("runs") { runs in
        runs.object { run in
          run.object("tool") { tool in
            tool.object("driver") { driver in
              driver.put("name", "wgfence")
              driver.put("version", Version.text)
              driver.array("rules") { rules in
                for check in AuditCheck.allCases { rules.object { Self.rule(check, in: &$0) } }
              }
            }
          }
          run.array("results") { results in
            for finding in findings { results.object { result(finding, in: &$0) } }
          }
        }
      }
    }
  }

  private static func rule(_ check: AuditCheck, in object: inout JSONWriter.Object) {
    object.put("id", check.rawValue)
    object.object("shortDescription") { $0.put("text", check.summary) }
  }

  private func result(_ finding: AuditFinding, in object: inout JSONWriter.Object) {
    object.put("ruleId", finding.check.rawValue)
    let level =
      switch finding.severity {
      case .error: "error"
      case .warning: "warning"
      case .information: "note"
      }
    object.put("level", level)
    object.object("message") { $0.put("text", "\(finding.found). Fix: \(finding.fix).") }
    if let policy {
      object.array("locations") { locations in
        locations.object { location in
          location.object("physicalLocation") { place in
            place.object("artifactLocation") { $0.put("uri", policy.path) }
            place.object("region") { $0.put("startLine", finding.line ?? 1) }
          }
        }
      }
    }
    object.object("partialFingerprints") { $0.put("wgfence/1", finding.fingerprint) }
  }
}
