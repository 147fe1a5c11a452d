// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import HostAnalysis
internal import ImpactAnalysis
internal import LinuxHost
internal import Netlink
package import NetworkModel
internal import PacketWalk
package import PolicyAnalysis
package import Reports
internal import PolicyFiles
package import PolicyLanguage
package import Ruleset

/// Finds what works on this host now, and will not work after a change.
package enum ImpactCheck {
  /// Evaluates the change from what the kernel has loaded to a table, in this thread's network namespace. `view` is the
  /// machine after the change. Throws `HostReadError` or `NetlinkError`.
  private static func impact(
    of view: SiteView, loading desired: KernelTable, caller: RemoteSession?
  ) throws -> (impact: Impact, translations: [DoctorFinding]) {
    let facts = try ImpactFactsReader.read(caller: caller)
    let tables = try LoadedTables.read()
    func isOwn(_ table: KernelTable) -> Bool {
      table.name == Ruleset.tableName && table.family == NFT.familyInet
    }
    let others = tables.filter { !isOwn($0) }
    let (order, environment) = (try HookOrder.read(), try LiveHostEnvironment())
    let subject = DoctorSubject(
      HostFacts(host: facts.host, time: 0),
      as: DoctorSubject.Role(policy: view.policy, machine: view.machine))
    let translations = subject.translationClashes(
      of: CompiledSite(view.policy, today: Today.date, live: view.live),
      through: PacketWalk(others + [desired], order: order), in: environment)
    let impact = Impact(
      facts, on: view, others: others, from: tables.first(where: isOwn), to: desired, order: order,
      on: Today.date, in: environment)
    return (impact, translations)
  }

  /// What a change ends, and sentences about what is not known. Nil if nothing is known.
  private static func known(
    of view: SiteView, loading desired: KernelTable, caller: RemoteSession?
  ) -> (report: ImpactReport, gaps: [String]) {
    guard Capability.isNetworkAdministrator else {
      return (ImpactReport(nil), [unknown("that needs root, or CAP_NET_ADMIN")])
    }
    do {
      let (found, translations) = try impact(of: view, loading: desired, caller: caller)
      return (ImpactReport(found, translations: translations), found.gaps)
    } catch {
      return (ImpactReport(nil), [unknown(error)])
    }
  }

  /// The objection to putting a policy in force on this host; nil if nothing stops working. `gaps` are sentences about
  /// what is not known.
  static func objection(to candidate: Candidate) -> (objection: Objection?, gaps: [String]) {
    guard let view = candidate.view else { return (nil, []) }
    let (report, gaps) = known(of: view, loading: candidate.table(.enforcing), caller: nil)
    let found = report.impact?.objections() ?? []
    guard let first = found.first else { return (nil, gaps) }
    let more = found.count - 1
    return (
      Objection(
        reason: "\(first.name) would stop working\(more > 0 ? ", and \(more) more" : "")",
        report: ImpactReport.text(of: found)), gaps
    )
  }

  /// What a change ends, for a verb of a user whose own session is `caller`; `gaps` are sentences about what is not known.
  package static func report(
    of view: SiteView, loading desired: KernelTable, caller: RemoteSession? = OwnSession.session
  ) -> (report: ImpactReport, gaps: [String]) {
    known(of: view, loading: desired, caller: caller)
  }

  /// What a policy ends on this host if it is enforced.
  package static func report(
    of policy: Policy, as machine: Machine, caller: RemoteSession? = OwnSession.session
  ) -> (report: ImpactReport, gaps: [String]) {
    let view = view(of: policy, as: machine)
    return report(of: view, loading: view.table, caller: caller)
  }

  /// A machine of a policy, with the live facts of this host.
  static func view(of policy: Policy, as machine: Machine) -> SiteView {
    let live = LiveReading(for: policy, on: machine.name, .left).facts
    return CompiledSite(policy, today: Today.date, live: live).view(of: machine)
  }

  private static func unknown(_ why: Any) -> String {
    "it is not known what stops working on this host: \(why)"
  }
}
