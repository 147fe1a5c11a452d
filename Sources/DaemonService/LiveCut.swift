// SPDX-License-Identifier: GPL-3.0-or-later

public import Netlink
internal import LinuxHost
public import PolicyAnalysis
public import HostAnalysis
public import Ruleset

/// Looks among the connections of this thread's network namespace for those that a change ends.
public enum LiveCut {
  /// Lists the kernel's connections, and judges each by the own table as it is (`observed`; nil for none) and as it is to
  /// be. It needs CAP_NET_ADMIN; `refused` with `EINVAL` or `EOPNOTSUPP` is a kernel without ctnetlink. Nothing changes.
  public static func read(_ view: SiteView, from observed: KernelTable?, to desired: KernelTable)
    throws(HostReadError) -> CutFlows
  {
    if Conntrack.isEmpty { return CutFlows() }
    var judge = FlowJudge(view, from: observed, to: desired, in: try LiveHostEnvironment())
    _ = try Conntrack.list { judge.take($0) }
    return judge.result()
  }
}
