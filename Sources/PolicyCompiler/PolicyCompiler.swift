// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
public import Ruleset

/// Turns a policy into what one of its machines enforces.
public enum PolicyCompiler {
  /// The ruleset of a machine on a day: grants that ended before it are left out. `restriction` says how much of the
  /// policy holds. `live` holds the addresses at which
  /// machines with `endpoint: live` were last heard, by machine name.
  ///
  /// The same policy, machine, day and addresses give the same ruleset, to the byte. Fails where the policy has no
  /// machine of this name.
  public static func compile(
    _ policy: Policy, machine name: String, today: CalendarDate, live: LiveEndpoints = LiveEndpoints(),
    restriction: Restriction = .none
  ) throws(CompileError) -> Ruleset {
    let machine = try policy.enforcingMachine(named: name)
    return SiteCompiler(policy, today: today, live: live, restriction: restriction, only: name)
      .ruleset(of: machine)
  }
}

extension Policy {
  /// The machine of a name, which the policy must have.
  package func enforcingMachine(named name: String) throws(CompileError) -> Machine {
    guard let machine = machine(named: name) else {
      throw CompileError(machine: name, known: machines.map(\.name))
    }
    return machine
  }
}

/// The policy has no machine of the name that was asked for.
public struct CompileError: Error, Sendable, CustomStringConvertible {
  /// The name that was asked for.
  public let machine: String
  /// The machines that it has, by name.
  public let known: [String]

  /// One line that says what to do.
  public var description: String {
    "the policy has no machine '\(machine)'; it has \(known.joined(separator: ", ")): name one with --machine"
  }
}
