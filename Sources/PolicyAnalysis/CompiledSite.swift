// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
public import PolicyLanguage
public import Ruleset

/// A policy and what each of its machines enforces: the input of tests, differences and proofs.
///
/// A ruleset is compiled on request, or replaced by a given table: a site with one mutated ruleset is used
/// like any other site.
public struct CompiledSite: Sendable {
  /// The policy, with the networks that are known for zones with `prefixes: live`.
  public let policy: Policy
  /// The day for which the policy is compiled. Grants that ended before this day are left out.
  public let today: CalendarDate
  /// Tables that replace the compiled ones, by machine name.
  public var replaced: [String: KernelTable]

  /// Machines that enforce no ruleset: every packet passes.
  public var bare: Set<String> = []

  /// The last known public addresses of machines with `endpoint: live`.
  public let live: LiveFacts

  private let compiler: SiteCompiler

  /// The site of a policy on a day.
  public init(
    _ policy: Policy, today: CalendarDate, live: LiveFacts = LiveFacts(),
    replacing replaced: [String: KernelTable] = [:]
  ) {
    let policy = policy.following(live)
    self.policy = policy
    self.today = today
    self.replaced = replaced
    self.live = live
    compiler = SiteCompiler(policy, today: today, live: live)
  }

  /// The ruleset that the policy compiles to for one of its machines.
  public func ruleset(of machine: Machine) -> Ruleset { compiler.ruleset(of: machine) }

  /// The table that a machine of the policy enforces, in the kernel's form.
  public func table(of machine: Machine) -> KernelTable {
    replaced[machine.name] ?? Lowering.table(ruleset(of: machine))
  }

  /// Machines that are known to behave the same in both sites, without compiling them.
  package func machinesAlike(in other: CompiledSite) -> Set<String> {
    guard today == other.today else { return [] }
    return compiler.machinesAlike(in: other.compiler)
      .subtracting(replaced.keys).subtracting(other.replaced.keys).subtracting(bare).subtracting(other.bare)
  }

  /// Whether a machine enforces no ruleset.
  package func isBare(_ machine: Machine) -> Bool { bare.contains(machine.name) }

  /// The view of a machine, which evaluates packets.
  public func view(of machine: Machine) -> SiteView {
    SiteView(
      policy: policy, machine: policy.machine(named: machine.name) ?? machine, ruleset: ruleset(of: machine),
      table: replaced[machine.name], live: live)
  }
}
