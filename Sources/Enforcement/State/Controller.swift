// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Decides what ruleset the kernel must have: turns events into actions. It has no side effects itself, so
/// every decision is tested on values.
///
/// What is in force stays until something proven replaces it: an unusable policy, a kernel that refuses and a
/// full disk change nothing in the kernel.
public struct Controller: Sendable {
  /// The state of this process.
  public internal(set) var state: PersistedState
  /// What was in force, and which files were superseded, when a ruleset in force was stored last.
  var lastStored: (number: Int?, superseded: Set<String>)
  /// Whether what is in force could not be stored.
  var isUnstored = false

  /// The state that survives a restart: one without what could not be stored, since a restart undoes that.
  public var lastingState: PersistedState {
    var state = state
    if isUnstored { (state.inForce, state.superseded) = lastStored }
    return state
  }

  /// Whether the policy file, as it was read last, has no effect.
  public var isFileSuperseded: Bool {
    file.digest.map { state.superseded.contains($0) } ?? !state.superseded.isEmpty
  }

  /// Whether the policy file with this digest has no effect, because an apply or a rollback replaced it.
  public func isSuperseded(_ digest: String) -> Bool { state.superseded.contains(digest) }

  /// The result of the last read of the policy file.
  public internal(set) var file: PolicyFileState = .unread
  /// The origin of the ruleset that the kernel must have; nil before the first ruleset.
  public internal(set) var inForce: Provenance?
  /// The last policy that was accepted from the file: it is in force after a panic or a pending apply ends.
  public internal(set) var accepted: Candidate?
  /// Counts of what happened.
  public internal(set) var tally = Tally()

  /// When the next attempt is made because the kernel could not be made equal; nil if it is equal.
  public internal(set) var retry: Retry?

  /// Whether the table was deleted on request. Then only a request puts anything in force.
  public internal(set) var isReleased = false
  /// Whether anything was put in force since the daemon started.
  var isHeld = false
  /// Whether the last resort replaces a ruleset that could not be put in force when the daemon started.
  var isStandIn = false
  /// Whether the kernel had a table when the daemon started.
  var wasTableThere = false
  /// Whether a ruleset was ever in force on this machine.
  let past: Past

  /// Whether what is in force drops nothing.
  public var isObserving: Bool { inForce?.kind == .observe && !isReleased }

  /// What is known of the rulesets before this process.
  public enum Past: Sendable, Hashable {
    /// Nothing was ever in force: there is nothing that protects the machine, and nothing that could be lost.
    case nothing
    /// A ruleset was stored, even if it can no longer be read.
    case rulesets
  }

  /// The next attempt: its time (nanoseconds since boot), and the number of failures before it.
  public struct Retry: Sendable, Hashable {
    /// Nanoseconds since boot.
    public var moment: Int64
    /// Failures in a row.
    public var failures: Int
  }

  /// The result of reading the policy file.
  public enum PolicyFileState: Sendable {
    case unread
    case accepted(digest: String)
    /// It is valid, but not in force until a user accepts it.
    case held(Candidate, Objection)
    case refused(PolicyRefusal)

    /// The digest of what was read; nil if nothing could be read.
    public var digest: String? {
      switch self {
      case .unread: nil
      case .accepted(let digest): digest
      case .held(let candidate, _): candidate.digest
      case .refused(let refusal): refusal.digest
      }
    }
  }

  /// Counts since the daemon started.
  public struct Tally: Sendable, Hashable {
    /// The number of rulesets that were put in force.
    public var applies = 0
    /// The number of attempts that the kernel refused or that could not be made.
    public var failures = 0
    /// The number of times that drift was repaired.
    public var repairs = 0
    /// When the kernel was last verified to be equal, in seconds since 1970.
    public var lastSuccess: Int64?

    /// Creates counts of 0.
    public init() {}
  }

  /// Creates a controller that continues with the persisted state. `found` is the origin of the ruleset in
  /// force, if that is known. `past` says whether anything was ever in force.
  public init(_ state: PersistedState, inForce found: Provenance?, past: Past = .rulesets) {
    self.state = state
    lastStored = (state.inForce, state.superseded)
    self.past = past
    inForce = found
  }

  /// A ruleset that can be put in force.
  public enum Target: Sendable {
    /// A compiled policy: `policy`, `lockDown` or `panic`.
    case candidate(Candidate, Provenance.Kind)
    /// A compiled policy that drops nothing.
    case observed(Candidate, Provenance.Observer)
    /// A stored ruleset, by its number.
    case stored(Int)
    /// The stored ruleset for a panic.
    case storedPanic
    /// What is in force already.
    case same
    /// The ruleset for a machine without a policy or a stored ruleset.
    case lastResort
  }

  /// The reason why something is put in force.
  public enum Purpose: Sendable, Hashable {
    /// The daemon started.
    case begin
    /// The policy file changed.
    case policyFile(String)
    /// The policy in force compiles to another ruleset, because the day or an endpoint changed.
    case recompile(String)
    /// A user requested it.
    case apply(by: String, confirm: Confirm?)
    case rollback(by: String)
    case goBack(String)
    /// A user consents to a policy file that is held back.
    case accept(by: String)
    /// A user ends the observe mode.
    case endObservation(by: String)
    case panic(by: String)
    case endPanic(by: String)
    /// The kernel's ruleset differs: the program that changed it, if that is known.
    case repair(by: String?)
  }

  /// The requirement that an apply be confirmed.
  public struct Confirm: Sendable, Hashable {
    /// The time for the confirmation, in seconds.
    public var seconds: Int64
    /// The connections to this host at the time of the apply.
    public var connections: [String]

    /// Creates a requirement with a time in seconds.
    public init(seconds: Int64, connections: [String]) {
      self.seconds = seconds
      self.connections = connections
    }
  }

  /// An action. Actions are carried out in order.
  public enum Action: Sendable {
    /// Make the kernel equal to the target, and call `enforced` with the result.
    case enforce(Target, Purpose)
    /// Remove the table, and call `removed` with the result: before an apply that was not confirmed nothing was in force.
    case removeTable(String)
    /// Store what is in force now, and call `stored` with its number. If it is settled, store it as the ruleset
    /// for boot, too.
    case store(Settlement)
    /// Store what is in force now as the ruleset for a panic and for boot.
    case storePanic
    /// Delete the stored ruleset of a trial that went back: nobody may roll back to a ruleset that was never
    /// confirmed.
    case discard(Int)
    /// Save the state, and if that succeeds, store what is in force as the ruleset for boot: the state decides whether it is
    /// confirmed, and a process that ends in between leaves a boot that loads the ruleset before it.
    case settle
    /// Save the state.
    case save
    /// Save the state. If that fails, skip the following actions and call `abandoned`.
    case promise
    /// Read the policy file and call `read`.
    case readPolicy
    /// Write a line to the journal.
    case say(Severity, PrintableText)
  }

  /// Whether a ruleset is loaded at boot from now on.
  public enum Settlement: Sendable, Hashable {
    case settled
    /// It is not confirmed yet: a boot loads the ruleset before it.
    case pending
  }

  /// The severity of a journal line, as in `syslog(3)`.
  public enum Severity: Int, Sendable, Hashable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
  }

  /// The next time at which something must be decided without an event, in nanoseconds since boot; nil if
  /// there is none.
  public var alarm: Int64? { [state.pending?.deadline, retry?.moment].compactMap { $0 }.min() }
}

/// The values of two clocks at one time, and the identity of the boot.
public struct Moment: Sendable, Hashable {
  /// Nanoseconds since boot.
  public var sinceBoot: Int64
  /// Seconds since 1970.
  public var sinceEpoch: Int64
  /// `/proc/sys/kernel/random/boot_id`
  public var boot: String

  /// Creates a moment from its parts.
  public init(sinceBoot: Int64, sinceEpoch: Int64, boot: String) {
    self.sinceBoot = sinceBoot
    self.sinceEpoch = sinceEpoch
    self.boot = boot
  }
}
