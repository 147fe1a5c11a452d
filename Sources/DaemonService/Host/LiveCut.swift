// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import Glibc
public import ImpactAnalysis
internal import LinuxHost
public import Netlink
package import NetworkModel
public import PolicyAnalysis
internal import PolicyLanguage
package import Reports
public import Ruleset

/// Finds the connections of this thread's network namespace that a change ends.
public enum LiveCut {
  /// Lists the connections of this thread's network namespace, and judges each by the current table (`observed`; nil:
  /// none) and by the desired one. Before the first table is loaded, live sockets that nothing tracks are judged too,
  /// as they will be tracked. Needs CAP_NET_ADMIN. `refused` with `EINVAL` or `EOPNOTSUPP` means a kernel without
  /// ctnetlink. Changes nothing.
  public static func read(_ view: SiteView, from observed: KernelTable?, to desired: KernelTable)
    throws(HostReadError) -> (flows: CutFlows, adopted: Int, gaps: [String])
  {
    if observed == nil {
      let found = try ConnectionAdoption.find(before: desired)
      var judge = FlowJudge(view, from: nil, to: desired, in: try LiveHostEnvironment())
      for flow in found.adopted.following(found.tracked) { judge.take(flow) }
      return (judge.result(), found.adopted.created.count, found.gaps)
    }
    if Conntrack.isEmpty { return (CutFlows(), 0, []) }
    var judge = FlowJudge(view, from: observed, to: desired, in: try LiveHostEnvironment())
    _ = try Conntrack.list { judge.take($0) }
    return (judge.result(), 0, [])
  }

  /// The connections that a plan ends. `view` is the machine's view after the plan, `desired` the table that is loaded. A
  /// plan that changes nothing ends nothing. If the connections cannot be read, `gap` is the reason.
  package static func report(of outcome: Enforcer.Outcome, to view: SiteView, loading desired: KernelTable)
    -> (
      report: CutReport, gap: PrintableText?
    )
  {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let now = UInt64(max(time.tv_sec, 0)) * 1_000_000_000 + UInt64(time.tv_nsec)
    if outcome.plan.isEmpty { return (CutReport(found: CutFlows(), now: now), nil) }
    do throws(HostReadError) {
      let isFirst = outcome.before == nil && Conntrack.isEmpty
      let (found, adopted, gaps) = try read(view, from: outcome.before, to: desired)
      let untracked =
        isFirst
        ? UntrackedServers.find(
          among: try HostReader.snapshot().listeners, on: view.machine.name, of: view.policy) : []
      let gap: PrintableText? = gaps.isEmpty ? nil : "\(gaps.joined(separator: "; "))"
      return (CutReport(found: found, now: now, adopted: adopted, untracked: untracked), gap)
    } catch {
      return (CutReport(found: nil, now: now), "\(unknown): \(why(error))")
    }
  }

  /// The message if the connections are not known.
  package static let unknown: PrintableText = "it is not known which live connections this ends"

  private static func why(_ error: HostReadError) -> PrintableText {
    switch error {
    case .refused(_, EPERM, _):
      "\(error): it needs root, or CAP_NET_ADMIN in this network namespace"
    case .refused(_, EINVAL, _), .refused(_, EOPNOTSUPP, _):
      "\(error): the kernel lacks ctnetlink (CONFIG_NF_CT_NETLINK, module nf_conntrack_netlink)"
    default: "\(error)"
    }
  }
}
