// SPDX-License-Identifier: GPL-3.0-or-later

package import HostAnalysis
package import PolicyAnalysis

extension AuditReport {
  /// A former label.
  package init(
    machine: String?, policy: AuditPage.PolicyName?, drift: Audit.Drift, audit: Audit,
    findings: [AuditFinding], known: Int = 0, openings: [TemporaryGrant], notes: [String]
  ) {
    self.init(
      machine: machine, policy: policy, drift: drift, audit: audit, findings: findings, known: known,
      temporaryGrants: openings, notes: notes)
  }
}
