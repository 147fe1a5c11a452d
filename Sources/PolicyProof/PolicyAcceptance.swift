// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyCompiler
public import PolicyLanguage
public import PolicyAnalysis
internal import Ruleset

/// Decides whether a policy may be put in force on one of its machines: it is compiled and lowered once, and that result is
/// what the policy's own tests and the proof are asked of.
public enum PolicyAcceptance {
  /// Checks a valid policy on a day, with what is known of live endpoints. The result is the machine's view. At most
  /// `mostFailures` failed tests are kept; the others are counted. `tests` says which tests are run: of a signed release, whose
  /// publisher ran all of them, those that cross the machine.
  public static func check(
    _ policy: Policy, machine name: String, today: CalendarDate, live: LiveFacts,
    tests: PolicyTestRun.Extent = .all, keeping mostFailures: Int = .max
  ) throws(PolicyRejection) -> SiteView {
    let policy = policy.following(live)
    let machine: Machine
    do throws(CompileError) { machine = try policy.enforcingMachine(named: name) } catch {
      throw .noMachine(error)
    }
    let site = CompiledSite(policy, today: today, live: live)
    let run = PolicyTestRun(site, tests, keeping: mostFailures)
    guard run.failed == 0 else { throw .failedTests(run.failures, count: run.failed) }
    // Where the tests send packets to this machine, it is compiled already.
    let view = run.view(of: machine) ?? site.view(of: machine)
    var proof = Proof(site)
    proof.prove(machine, view.table)
    guard proof.counterExamples.isEmpty else { throw .disproved(proof, machine: name) }
    return view
  }
}

/// Why a policy may not be put in force.
public enum PolicyRejection: Error, Sendable {
  /// It could not be read: why.
  case unreadable(reason: String)
  /// It is not valid: its errors.
  case invalid([Diagnostic])
  /// It is more work than who handed it over may cause: the limit, in words.
  case tooMuchWork(String)
  /// It has no such machine.
  case noMachine(CompileError)
  /// Its own tests fail: the first of them, and how many there are.
  case failedTests([PolicyTestRun.Failure], count: Int)
  /// Its ruleset for the machine does something else than the policy says.
  case disproved(Proof, machine: String)
  /// It would lock out who applies it.
  case lockedOut(explanation: String)
}
