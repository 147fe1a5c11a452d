// SPDX-License-Identifier: GPL-3.0-or-later
public import PolicyLanguage
public import RulesetModel
public enum Restriction: Sendable { case none, lockDown, panic }
extension PolicyCompiler {
  public static func compile(
    _ policy: Policy, machine name: String, today: CalendarDate, live: LiveEndpoints = LiveEndpoints(),
    restriction: Restriction
  ) throws(CompileError) -> Ruleset {
    try compile(
      Policy(
        path: policy.path, tunnels: policy.tunnels, machines: policy.machines, groups: policy.groups,
        services: policy.services, lists: policy.lists, block: policy.block, grants: [],
        encryptions: policy.encryptions, failsafe: policy.failsafe, tests: []), machine: name, today: today,
      live: live)
  }
}
