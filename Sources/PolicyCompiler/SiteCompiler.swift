// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyLanguage
public import Ruleset
internal import RulesetOptimization

/// Compiles one policy for many machines: what does not depend on the machine is computed once.
public struct SiteCompiler: Sendable {
  private let policy: Policy
  private let live: LiveFacts
  private let restriction: Restriction
  private let mode: EnforcementMode
  private let machines: [String: Machine]
  private let grants: GrantIndex
  private let outbound: GrantIndex

  /// A compiler of a policy on a day: grants that ended before that day are left out. `live` contains the
  /// last known addresses of machines with `endpoint: live`. `only` names the single machine that will be
  /// compiled; nil for any.
  public init(
    _ policy: Policy, today: CalendarDate, live: LiveFacts = LiveFacts(),
    restriction: Restriction = .none, mode: EnforcementMode = .enforcing, only name: String? = nil
  ) {
    self.restriction = restriction
    self.mode = mode
    let policy = policy.following(live)
    self.policy = policy
    self.live = live
    machines = Dictionary(policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    grants = GrantIndex(policy, today: today, restriction: restriction, only: name)
    outbound =
      restriction == .none || policy.confinements.isEmpty
      ? grants : GrantIndex(policy, today: today, restriction: .none, only: name)
  }

  /// The ruleset of a machine, which must be one of the policy's.
  ///
  /// The same policy, machine, day and addresses give the same ruleset, to the byte.
  public func ruleset(of machine: Machine) -> Ruleset {
    let tunnels = policy.tunnels.map(\.name).filter { !machine.addresses(in: $0).isEmpty }
    return unoptimizedRuleset(of: machine).optimized(usual: tunnels)
  }

  /// The ruleset as the rules are written, chain by chain: it does the same in more steps.
  package func unoptimizedRuleset(of machine: Machine) -> Ruleset {
    // The caller's value may not have the networks that are known for its zones.
    let machine = machines[machine.name] ?? machine
    let site = Site(policy: policy, machine: machine, machines: machines)
    var builder = RulesetBuilder(site: site, restriction: restriction, live: live, mode: mode)
    let entries = GrantEntries(site: site, grants: grants, outbound: outbound, restriction: restriction)
    let encryption = EncryptionPlan(site: site, live: live)
    builder.addSources(entries)
    builder.addIngress(entries, encryption)
    builder.addInput(entries, encryption)
    builder.addForward(entries, encryption)
    builder.addOutput(entries, encryption)
    builder.addPostrouting(encryption)
    builder.addTranslations()
    return builder.ruleset
  }

  /// Machines for which another compiler makes a ruleset with the same effect, because its input is the same.
  /// This is decided without compiling. Nothing is known about the other machines.
  public func machinesAlike(in other: SiteCompiler) -> Set<String> {
    guard restriction == other.restriction, mode == other.mode,
      CompilerInput(policy, live: live) == CompilerInput(other.policy, live: other.live)
    else {
      return []
    }
    return Set(
      policy.machines.filter { machine in
        let (one, two) = (grants.concerning(machine), other.grants.concerning(machine))
        return one.count == two.count
          && zip(one, two).allSatisfy {
            CompilerInput.GrantInput($0.grant) == CompilerInput.GrantInput($1.grant)
          }
      }.map(\.name))
  }
}
