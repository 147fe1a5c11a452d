// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyAnalysis
public import PolicyCompiler
public import PolicyLanguage
public import Ruleset

/// A policy that passed every check, and what this machine enforces of it: what can be put in force.
public struct Candidate: Sendable {
  /// The policy.
  public let policy: Policy
  /// The machine as which it is enforced.
  public let machine: String
  /// The digest of the policy and its lists.
  public let digest: String
  /// The day for which it is compiled.
  public let today: CalendarDate
  /// Where machines with `endpoint: live` were heard.
  public let live: LiveEndpoints
  /// What is enforced.
  public let ruleset: Ruleset
  /// The same as expressions; nil where it is lowered again when it is asked for, and takes no memory until then.
  private var lowered: KernelTable?

  /// What was accepted, as `PolicyAcceptance` looked at it: nothing is compiled or lowered again.
  public init(_ view: SiteView, digest: String, today: CalendarDate, live: LiveEndpoints) {
    (policy, machine, ruleset, lowered) = (view.policy, view.machine.name, view.ruleset, view.table)
    (self.digest, self.today, self.live) = (digest, today, live)
  }

  /// Compiles a policy for a machine. Fails where the policy has no such machine.
  public init(
    _ policy: Policy, machine: String, digest: String, today: CalendarDate, live: LiveEndpoints
  ) throws(CompileError) {
    self.policy = policy
    self.machine = machine
    self.digest = digest
    self.today = today
    self.live = live
    ruleset = try PolicyCompiler.compile(policy, machine: machine, today: today, live: live)
  }

  /// The table of this policy: as it is in force, in a lock-down or in a panic.
  public func table(_ kind: Provenance.Kind) -> KernelTable {
    switch kind {
    case .policy, .found: lowered ?? Lowering.table(ruleset)
    case .lockDown: restricted(.lockDown)
    case .panic: restricted(.panic)
    }
  }

  /// The candidate without its table, as it is kept while it is in force: the kernel has the table.
  var kept: Candidate {
    var candidate = self
    candidate.lowered = nil
    return candidate
  }

  /// Its machine's view, ready to be asked about packets.
  public var view: SiteView? {
    policy.machine(named: machine).map {
      SiteView(policy: policy, machine: $0, ruleset: ruleset, table: lowered, live: live)
    }
  }

  private func restricted(_ restriction: Restriction) -> KernelTable {
    do throws(CompileError) {
      return Lowering.table(
        try PolicyCompiler.compile(
          policy, machine: machine, today: today, live: live, restriction: restriction))
    } catch {
      // The policy has this machine, since it was compiled for it; were it not so, nothing must be let in.
      return Lowering.table(PolicyCompiler.lastResort)
    }
  }

  /// The same policy on another day, or with other live endpoints.
  public func again(today: CalendarDate, live: LiveEndpoints) -> Candidate {
    (try? Candidate(policy, machine: machine, digest: digest, today: today, live: live)) ?? self
  }

  /// Where it comes from, when it is put in force.
  public func provenance(_ kind: Provenance.Kind, by: String, since: Int64) -> Provenance {
    Provenance(kind: kind, path: policy.path, digest: digest, machine: machine, by: by, since: since)
  }
}

/// What came of reading a policy.
public enum PolicyReading: Sendable {
  /// It can be put in force.
  case accepted(Candidate)
  /// It cannot: whatever is in force stays. The reason in a line, and the whole report.
  case refused(PolicyRefusal)
}

/// Why a policy was not accepted.
public struct PolicyRefusal: Sendable, Hashable {
  /// The digest of what was read; empty where nothing could be.
  public let digest: String
  /// One line.
  public let reason: String
  /// The diagnostics or failed tests as text, each with its place; empty where the reason says all.
  public let report: PrintableText

  /// A refusal of these parts.
  public init(digest: String, reason: String, report: PrintableText) {
    self.digest = digest
    self.reason = reason
    self.report = report
  }
}
