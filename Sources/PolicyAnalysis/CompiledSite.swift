// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
public import PolicyLanguage
public import Ruleset

/// A policy and what each of its machines enforces: the value that tests, differences and proofs are asked of.
///
/// Rulesets are compiled when they are asked for, or given: a mutation of one machine's ruleset is a site like any other.
public struct CompiledSite: Sendable {
  /// The policy.
  public let policy: Policy
  /// The day for which it is compiled: grants that ended before it are left out.
  public let today: CalendarDate
  /// Tables that stand in place of what the policy compiles to, by machine name.
  public var replaced: [String: KernelTable]

  /// Machines that enforce nothing at all: every packet passes.
  public var bare: Set<String> = []

  /// Where machines with `endpoint: live` were last heard.
  public let live: LiveEndpoints

  private let compiler: SiteCompiler

  /// The site of a policy on a day.
  public init(
    _ policy: Policy, today: CalendarDate, live: LiveEndpoints = LiveEndpoints(),
    replacing replaced: [String: KernelTable] = [:]
  ) {
    self.policy = policy
    self.today = today
    self.replaced = replaced
    self.live = live
    compiler = SiteCompiler(policy, today: today, live: live)
  }

  /// What the policy compiles to for one of its machines.
  public func ruleset(of machine: Machine) -> Ruleset { compiler.ruleset(of: machine) }

  /// What a machine of the policy enforces, as its kernel has it.
  public func table(of machine: Machine) -> KernelTable {
    replaced[machine.name] ?? Lowering.table(ruleset(of: machine))
  }

  /// Machines that are known, without compiling them, to do the same in both sites.
  func machinesAlike(in other: CompiledSite) -> Set<String> {
    guard today == other.today else { return [] }
    return compiler.machinesAlike(in: other.compiler)
      .subtracting(replaced.keys).subtracting(other.replaced.keys).subtracting(bare).subtracting(other.bare)
  }

  /// Whether a machine enforces nothing.
  func isBare(_ machine: Machine) -> Bool { bare.contains(machine.name) }

  /// A machine's view, ready to be asked about packets.
  public func view(of machine: Machine) -> SiteView {
    SiteView(
      policy: policy, machine: machine, ruleset: ruleset(of: machine), table: replaced[machine.name],
      live: live)
  }
}
