// SPDX-License-Identifier: GPL-3.0-or-later

public import TemporaryGrants
public import Ruleset

/// A request to the firewall. The daemon carries it out; without a daemon, the verb's own process does.
public enum FirewallRequest: Sendable, Hashable {
  /// Report what is in force.
  case status(ReportForm)
  /// Report dropped packets from now on.
  case log(ReportForm)
  /// Put a policy in force, or only observe it; on trial if a time is given.
  case apply(PolicyHandover, EnforcementMode, TrialTime?)
  /// Take a signed release, whose bundle has this length in bytes, and put it in force as a changed policy file; on trial if a
  /// time is given.
  case takeRelease(length: Int, TrialTime?)
  /// Put the policy file in force that is held back; the beginning of its digest, if it is given.
  case accept(digest: String?)
  /// Enforce the policy that is only observed.
  case endObservation
  /// Make the ruleset on trial permanent.
  case confirm(ConfirmationEvidence)
  /// List the stored rulesets.
  case history
  /// Go back to the stored ruleset of this number; nil: the previous one.
  case rollback(to: Int?)
  /// Begin or end a panic.
  case panic(PanicChange)
  /// Add a temporary grant.
  case open(TemporaryGrantOrder)
  /// Remove a temporary grant before its time: its service and its source.
  case close(service: String, from: String)
  /// Remove the temporary grant with this number in the list of those in force.
  case closeNumber(Int)
  /// List the temporary grants in force.
  case temporaryGrants(ReportForm)
  /// Take the table out of the kernel.
  case unload

  /// The format of the answer.
  public enum ReportForm: String, Sendable, Hashable, CaseIterable {
    case text
    case json
  }

  /// Whether a panic begins or ends.
  public enum PanicChange: Sendable, Hashable {
    case begin
    case end
  }

  /// What shows that new connections to this host work.
  public enum ConfirmationEvidence: Sendable, Hashable {
    /// Nothing: the user is at a console and accepts that.
    case console
    /// The user's own connection, as `SessionFlow` writes it; nil if it does not come over the network.
    case session(String?)
  }

  /// Whether it can change what is in force.
  public var isChange: Bool {
    switch self {
    case .status, .log, .history, .temporaryGrants: false
    case .apply, .takeRelease, .accept, .endObservation, .confirm, .rollback, .panic, .open, .close,
      .closeNumber,
      .unload:
      true
    }
  }

  /// The verb of the command line that sends it.
  public var verb: String {
    switch self {
    case .status: "status"
    case .log: "log"
    case .apply: "apply"
    case .takeRelease: "fleet accept"
    case .accept: "accept"
    case .endObservation: "enforce"
    case .confirm: "confirm"
    case .history, .rollback: "rollback"
    case .panic: "panic"
    case .open, .temporaryGrants: "open"
    case .close, .closeNumber: "close"
    case .unload: "unload"
    }
  }
}

/// A policy that a request carries: its bytes and those of its lists follow each other in one file in memory.
public struct PolicyHandover: Sendable, Hashable {
  /// The policy's file, as its client names it. It is never opened.
  public let path: String
  /// The machine as which it is to be enforced; nil: the daemon's own choice.
  public let machine: String?
  /// The names of the list files, as the policy has them.
  public let lists: [String]
  /// The lengths in bytes of the policy and of each list file; none is negative.
  public let lengths: [Int]

  /// A policy of these parts; nil unless there is a length for the policy and for each list.
  public init?(path: String, machine: String?, lists: [String], lengths: [Int]) {
    guard lengths.count == lists.count + 1, lengths.allSatisfy({ $0 >= 0 }) else { return nil }
    self.path = path
    self.machine = machine
    self.lists = lists
    self.lengths = lengths
  }
}

/// How long a trial waits for its confirmation.
public struct TrialTime: Sendable, Hashable {
  /// In seconds.
  public let seconds: Int64

  /// 5 s to 24 h; nil for any other time.
  public init?(seconds: Int64) {
    guard (5...86_400).contains(seconds) else { return nil }
    self.seconds = seconds
  }
}

/// A temporary grant to add.
public struct TemporaryGrantOrder: Sendable, Hashable {
  /// A service's name, or `PORT/PROTOCOL`.
  public let service: String
  /// Who: a name of the policy, a prefix or an address.
  public let source: String
  /// The machine to which it is opened; nil: this one.
  public let target: String?
  /// How long it lasts.
  public let duration: GrantDuration
  /// The duration as the user wrote it.
  public let durationWords: String
  /// The reason that the user gives.
  public let reason: String

  /// Creates one from the user's words. Fails if the duration is not valid.
  public init(
    service: String, from source: String, to target: String? = nil, lasting words: String,
    because reason: String
  ) throws(TemporaryGrantError) {
    duration = try GrantDuration(words)
    durationWords = words
    self.service = service
    self.source = source
    self.target = target
    self.reason = reason
  }
}
