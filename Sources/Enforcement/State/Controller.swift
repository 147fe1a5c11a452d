// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Decides what the kernel is to hold: from what happens to what is to be done. It does nothing itself, so every
/// decision is tested on values.
///
/// Whatever happens, what is in force stays until something proven takes its place: a policy that cannot be used, a
/// kernel that refuses and a disk that is full change nothing in the kernel.
public struct Controller: Sendable {
  /// What survives.
  public internal(set) var state: PersistedState
  /// What the policy file says at present.
  public internal(set) var file: PolicyFileState = .unread
  /// What the kernel is to hold, and where it comes from; nil before the first ruleset.
  public internal(set) var inForce: Provenance?
  /// The last policy that was accepted from the file: what holds when a panic or a pending apply ends.
  public internal(set) var accepted: Candidate?
  /// What was done and met.
  public internal(set) var tally = Tally()

  /// When the kernel is to be asked again because it could not be made equal; nil where it is.
  public internal(set) var retry: Retry?

  /// Whether the table was taken out on request: then nothing is put in force but by request.
  public internal(set) var isReleased = false
  /// Whether anything was put in force since the daemon began.
  var isHeld = false
  /// Whether the last resort stands in for a ruleset that could not be put in force when the daemon began.
  var isStandIn = false
  /// Whether the kernel had a table when the daemon began.
  var wasTableThere = false

  /// A repetition: when (nanoseconds since boot), and after how many failures.
  public struct Retry: Sendable, Hashable {
    /// Nanoseconds since boot.
    public var moment: Int64
    /// Failures in a row.
    public var failures: Int
  }

  /// What the policy file says.
  public enum PolicyFileState: Sendable {
    case unread
    case accepted(digest: String)
    case refused(PolicyRefusal)

    /// The digest of what was read.
    public var digest: String? {
      switch self {
      case .unread: nil
      case .accepted(let digest): digest
      case .refused(let refusal): refusal.digest
      }
    }
  }

  /// How often things happened since the daemon began.
  public struct Tally: Sendable, Hashable {
    /// Rulesets that were put in force.
    public var applies = 0
    /// Attempts that the kernel refused, or that could not be made.
    public var failures = 0
    /// Times that the kernel had drifted and was made equal again.
    public var repairs = 0
    /// When the kernel was last known to be equal, in seconds since 1970.
    public var lastSuccess: Int64?

    /// Nothing happened yet.
    public init() {}
  }

  /// A controller that goes on from what survived. `found` is where the ruleset in force comes from, where that is known.
  public init(_ state: PersistedState, inForce found: Provenance?) {
    self.state = state
    inForce = found
  }

  /// A ruleset that can be put in force.
  public enum Target: Sendable {
    /// A policy as compiled: `policy`, `lockDown` or `panic`.
    case candidate(Candidate, Provenance.Kind)
    /// A stored ruleset, by its number.
    case stored(Int)
    /// The stored ruleset for a panic.
    case storedPanic
    /// What is in force already, once more.
    case same
    /// What a machine enforces of which nothing is known.
    case lastResort
  }

  /// Why something is put in force.
  public enum Purpose: Sendable, Hashable {
    /// The daemon began.
    case begin
    /// The policy file changed.
    case policyFile(String)
    /// The policy in force means something else since the day or an endpoint changed.
    case recompile(String)
    /// Somebody asked for it.
    case apply(by: String, confirm: Confirm?)
    case rollback(by: String)
    case goBack(String)
    case panic(by: String)
    case endPanic(by: String)
    /// The kernel does not hold what it should: who changed it, where that is known.
    case repair(by: String?)
  }

  /// That an apply must be confirmed.
  public struct Confirm: Sendable, Hashable {
    /// How long it waits, in seconds.
    public var seconds: Int64
    /// The connections to this host at that moment.
    public var connections: [String]

    /// Within so many seconds.
    public init(seconds: Int64, connections: [String]) {
      self.seconds = seconds
      self.connections = connections
    }
  }

  /// What is to be done, in order.
  public enum Action: Sendable {
    /// Make the kernel equal to this and tell `enforced` what came of it.
    case enforce(Target, Purpose)
    /// Keep what is in force now, and tell `kept` under which number; as what is loaded at boot, too, where it is settled.
    case store(Settlement)
    /// Keep what is in force now as the ruleset of a panic, and as what is loaded at boot.
    case storePanic
    /// Forget the stored ruleset of a trial that went back: nobody is to roll back to what was never settled.
    case discard(Int)
    /// Write the state.
    case save
    /// Write the state; where that fails, do nothing of what follows and tell `abandoned`.
    case promise
    /// Read the policy file and tell `read`.
    case readPolicy
    /// Tell the journal.
    case say(Severity, PrintableText)
  }

  /// Whether a ruleset is what is loaded at boot from now on.
  public enum Settlement: Sendable, Hashable {
    case settled
    /// It waits for its confirmation: a boot goes back.
    case pending
  }

  /// How much a line of the journal matters: `syslog(3)`.
  public enum Severity: Int, Sendable, Hashable {
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
  }

  /// The moment at which something is to be decided without anything happening, in nanoseconds since boot; nil: none.
  public var alarm: Int64? { [state.pending?.deadline, retry?.moment].compactMap { $0 }.min() }
}

/// The two clocks at one moment, and which boot it is.
public struct Moment: Sendable, Hashable {
  /// Nanoseconds since boot.
  public var sinceBoot: Int64
  /// Seconds since 1970.
  public var sinceEpoch: Int64
  /// `/proc/sys/kernel/random/boot_id`
  public var boot: String

  /// A moment of these parts.
  public init(sinceBoot: Int64, sinceEpoch: Int64, boot: String) {
    self.sinceBoot = sinceBoot
    self.sinceEpoch = sinceEpoch
    self.boot = boot
  }
}
