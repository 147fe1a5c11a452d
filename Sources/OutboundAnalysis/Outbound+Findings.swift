// SPDX-License-Identifier: GPL-3.0-or-later

public import HostAnalysis
public import PolicyAnalysis
internal import PolicyLanguage

extension Outbound {
  /// The findings of connections that the policy refuses. Without `confine` on the machine there are none: then nothing
  /// that is sent needs a grant.
  public func findings(_ view: SiteView?) -> [AuditFinding] {
    guard let view, view.policy.confinements.contains(where: { $0.machine == view.machine.name }) else {
      return []
    }
    return connections.filter(\.isRefused).map { connection in
      let service = connection.service.map { " (\($0))" } ?? ""
      let because = connection.policy.map { "\($0.because) \($0.reason)" } ?? ""
      return AuditFinding(
        check: .outbound, severity: .warning, subject: "\(connection.who) to \(connection.target)",
        found:
          "\(connection.who) is connected to \(connection.target)\(service), which the policy refuses: \(because)",
        fix: connection.advice.map { "end the connection, or grant it: \($0)" } ?? "end the connection")
    }
  }
}
