// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import ImpactAnalysis
internal import LinuxHost
package import NetworkModel
internal import PolicyAnalysis
internal import PolicyFiles
internal import PolicyLanguage
package import Reports
internal import Ruleset

/// What a stored ruleset would end on this host: it is judged as a policy is before `apply`.
package enum StoredImpact {
  /// The consequences of putting a stored ruleset in force. The names are those of its policy's file as it is now.
  /// `gaps` are sentences about what is not known.
  package static func report(of ruleset: StoredRuleset) -> (report: ImpactReport, gaps: [String]) {
    guard let table = ruleset.table else { return (ImpactReport(nil), [unknown("it cannot be read")]) }
    guard let (policy, machine) = role(ruleset.provenance) else { return unreadable(ruleset.provenance) }
    return ImpactCheck.report(of: ImpactCheck.view(of: policy, as: machine), loading: table)
  }

  /// The consequences of enforcing a policy that is only observed.
  package static func report(enforcing from: Provenance) -> (report: ImpactReport, gaps: [String]) {
    guard let (policy, machine) = role(from) else { return unreadable(from) }
    return ImpactCheck.report(of: policy, as: machine)
  }

  /// The administrators' sessions and the tunnels that a panic would end, of which nobody may be surprised; nil if there is
  /// none. Its ruleset is the stored one, else that of a policy.
  package static func accessLost(_ stored: StoredRuleset?, else policy: Candidate?) -> PrintableText? {
    if let stored { return report(of: stored).report.accessLost }
    guard let policy, let view = policy.view else { return nil }
    return ImpactCheck.report(of: view, loading: policy.table(.panic)).report.accessLost
  }

  /// The policy of a stored ruleset as it is now, and its machine; nil if it has none.
  static func role(_ from: Provenance) -> (Policy, Machine)? {
    guard let policy = try? PolicyFile.load(from.path).decoded.policy,
      let machine = policy.machine(named: from.machine)
    else { return nil }
    return (policy, machine)
  }

  /// The consequences of a rollback; nil if it ends a trial, which is never refused, or if there is no such ruleset.
  package static func report(rollingBackTo asked: Int?, in directory: StateDirectory) throws(Refusal) -> (
    report: ImpactReport, gaps: [String]
  )? {
    guard case .whole(let state) = directory.state(), state.pending == nil else { return nil }
    return directory.ruleset(try directory.number(asked: asked, state)).value.map { report(of: $0) }
  }

  private static func unreadable(_ from: Provenance) -> (report: ImpactReport, gaps: [String]) {
    (ImpactReport(nil), [unknown("its policy \(from.path) cannot be read any more")])
  }

  private static func unknown(_ why: String) -> String {
    "it is not known what the ruleset would end on this host: \(why)"
  }
}
