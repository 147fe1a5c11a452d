// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyAnalysis
public import PolicyCompiler
public import PolicyLanguage
public import Ruleset

/// A policy that passed every check, with the ruleset that it compiles to for this machine: it can be put in
/// force.
public struct Candidate: Sendable {
  /// The policy.
  public let policy: Policy
  /// The machine for which it is compiled.
  public let machine: String
  /// The digest of the policy and its lists.
  public let digest: String
  /// The day for which it is compiled.
  public let today: CalendarDate
  /// The last known addresses of machines with `endpoint: live`.
  public let live: LiveFacts
  /// The compiled ruleset.
  public let ruleset: Ruleset
  /// The same as expressions; nil where it is lowered again when it is asked for, and takes no memory until then.
  private var lowered: KernelTable?

  /// What was accepted, as `PolicyAcceptance` looked at it: nothing is compiled or lowered again.
  public init(_ view: SiteView, digest: String, today: CalendarDate, live: LiveFacts) {
    (policy, machine, ruleset, lowered) = (view.policy, view.machine.name, view.ruleset, view.table)
    (self.digest, self.today, self.live) = (digest, today, live)
  }

  /// Compiles a policy for a machine. Throws if the policy has no such machine.
  public init(
    _ policy: Policy, machine: String, digest: String, today: CalendarDate, live: LiveFacts
  ) throws(CompileError) {
    let policy = policy.following(live)
    self.policy = policy
    self.machine = machine
    self.digest = digest
    self.today = today
    self.live = live
    ruleset = try PolicyCompiler.compile(policy, machine: machine, today: today, live: live)
  }

  /// The table of this policy: the complete one, the one that drops nothing, or the one for a lock-down or a panic. `mode` is
  /// that of a lock-down.
  public func table(_ kind: Provenance.Kind, _ mode: EnforcementMode = .enforcing) -> KernelTable {
    switch kind {
    case .policy, .found: lowered ?? Lowering.table(ruleset)
    case .observe: compiled(.none, .observing)
    case .lockDown: compiled(.lockDown, mode)
    case .panic: compiled(.panic, .enforcing)
    }
  }

  /// The candidate without its table, as it is held while it is in force: the kernel has the table.
  var withoutTable: Candidate {
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

  /// The table that putting it in force in a mode loads: `observe` of the policy has precedence.
  public func table(_ mode: EnforcementMode) -> KernelTable {
    table(mode == .observing || isObserved ? .observe : .policy)
  }

  /// Whether `observe` of the policy names the machine.
  public var isObserved: Bool { policy.observes(machine) }

  private func compiled(_ restriction: Restriction, _ mode: EnforcementMode) -> KernelTable {
    do throws(CompileError) {
      return Lowering.table(
        try PolicyCompiler.compile(
          policy, machine: machine, today: today, live: live, restriction: restriction, mode: mode))
    } catch {
      // The policy has this machine, since it was compiled for it. If not, nothing must be accepted.
      return Lowering.table(PolicyCompiler.lastResort)
    }
  }

  /// The same policy on another day, or with other live endpoints.
  public func again(today: CalendarDate, live: LiveFacts) -> Candidate {
    (try? Candidate(policy, machine: machine, digest: digest, today: today, live: live)) ?? self
  }

  /// The origin to record when it is put in force.
  public func provenance(
    _ kind: Provenance.Kind, observer: Provenance.Observer? = nil, by: String, since: Int64
  ) -> Provenance {
    Provenance(
      kind: kind, observer: observer, path: policy.path, digest: digest, machine: machine, by: by,
      since: since)
  }
}

/// The result of reading a policy.
public enum PolicyReading: Sendable {
  /// It can be put in force. With an objection, only if a user consents, or if it drops nothing.
  case accepted(Candidate, Objection? = nil)
  /// It cannot be put in force; what is in force stays. The reason in one line, and the complete report.
  case refused(PolicyRefusal)
}

/// The reason why a policy was not accepted.
public struct PolicyRefusal: Sendable, Hashable {
  /// The digest of what was read; nil if nothing could be read, which says nothing about the content.
  public let digest: String?
  /// One line.
  public let reason: String
  /// The diagnostics or failed tests as text, each with its place; empty if the reason is complete.
  public let report: PrintableText

  /// Creates a refusal from its parts.
  public init(digest: String?, reason: String, report: PrintableText) {
    self.digest = digest
    self.reason = reason
    self.report = report
  }
}
