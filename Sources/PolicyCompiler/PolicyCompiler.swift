// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
public import Ruleset

/// Compiles a policy to what one of its machines enforces.
public enum PolicyCompiler {
  /// The ruleset of a machine on a day; grants that ended before that day are left out. `restriction` says
  /// how much of the policy is in force, `mode` whether the ruleset drops anything. `live` contains the last known addresses of machines with
  /// `endpoint: live`, by machine name.
  ///
  /// The same policy, machine, day and addresses give the same ruleset, to the byte. Throws if the policy has
  /// no machine of this name.
  public static func compile(
    _ policy: Policy, machine name: String, today: CalendarDate, live: LiveFacts = LiveFacts(),
    restriction: Restriction = .none, mode: EnforcementMode = .enforcing
  ) throws(CompileError) -> Ruleset {
    let machine = try policy.enforcingMachine(named: name)
    return SiteCompiler(policy, today: today, live: live, restriction: restriction, mode: mode, only: name)
      .ruleset(of: machine)
  }
}

extension Policy {
  /// The machine with a name; an error if the policy has none.
  package func enforcingMachine(named name: String) throws(CompileError) -> Machine {
    guard let machine = machine(named: name) else {
      throw CompileError(machine: name, known: machines.map(\.name))
    }
    return machine
  }
}

/// The policy has no machine of the requested name.
public struct CompileError: Error, Sendable, CustomStringConvertible {
  /// The requested name.
  public let machine: String
  /// The names of the policy's machines.
  public let known: [String]

  /// One line: the problem and what to do.
  public var description: String {
    "the policy has no machine '\(machine)'; it has \(known.joined(separator: ", ")): name one with --machine"
  }
}
