// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PolicyAnalysis

/// The audit as an HTML page.
extension AuditReport {
  /// The page. `time` is the time of the audit, in seconds since 1970-01-01T00:00:00Z.
  package func page(at time: Int) -> String {
    var page = AuditPage(
      machine: machine, policy: policy, drift: drift,
      sides: audit.ingresses.map {
        AuditPage.Side(name: $0.name, kind: $0.kind, origin: policy == nil ? .interface : .zone)
      },
      exposures: exposures, findings: findings, known: known, temporaryGrants: temporaryGrants.map(\.line),
      notes: notes,
      time: time, version: Version.text
    )
    page.outbound = outbound
    return page.html
  }
}
