// SPDX-License-Identifier: GPL-3.0-or-later

public import PolicyAnalysis

/// A request to the firewall. The daemon carries it out; without a daemon, the verb's own process does.
public enum FirewallRequest: Sendable, Hashable {
  /// How the firewall is.
  case status(ReportForm)
  /// Every dropped packet from now on.
  case log(ReportForm)
  /// Put a policy in force, on trial where a time is given.
  case apply(PolicyHandover, TrialTime?)
  /// Keep what is on trial.
  case confirm(ConfirmationEvidence)
  /// The rulesets that are stored.
  case history
  /// Go back to the stored ruleset of this number; nil: the one before.
  case rollback(to: Int?)
  /// Begin or end a panic.
  case panic(PanicChange)
  /// Open a service for a time.
  case open(TemporaryGrantOrder)
  /// Close before its time what was opened: a service, and to whom.
  case close(service: String, from: String)
  /// Take the table out of the kernel.
  case unload

  /// How an answer is written.
  public enum ReportForm: String, Sendable, Hashable, CaseIterable {
    case text
    case json
  }

  /// What is asked of a panic.
  public enum PanicChange: Sendable, Hashable {
    case begin
    case end
  }

  /// What shows that a new connection can be made.
  public enum ConfirmationEvidence: Sendable, Hashable {
    /// Nothing: the person is at a console, and knows it.
    case console
    /// The connection that the person works through, as `SessionFlow` writes it; nil where it is none over the network.
    case session(String?)
  }

  /// Whether it can change what is in force.
  public var isChange: Bool {
    switch self {
    case .status, .log, .history: false
    case .apply, .confirm, .rollback, .panic, .open, .close, .unload: true
    }
  }

  /// The verb of the command line that asks for it.
  public var verb: String {
    switch self {
    case .status: "status"
    case .log: "log"
    case .apply: "apply"
    case .confirm: "confirm"
    case .history, .rollback: "rollback"
    case .panic: "panic"
    case .open, .close: "open"
    case .unload: "unload"
    }
  }
}

/// A policy that is handed over with a request: its bytes and those of its lists follow each other in one file in memory.
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

/// An order to open a service for a time.
public struct TemporaryGrantOrder: Sendable, Hashable {
  /// A service's name, or `PORT/PROTOCOL`.
  public let service: String
  /// Who: a name of the policy, a prefix or an address.
  public let source: String
  /// How long.
  public let duration: GrantDuration
  /// How long, in the person's words.
  public let durationWords: String
  /// Why.
  public let reason: String

  /// An order in a person's words. Fails where the duration is none.
  public init(service: String, from source: String, lasting words: String, because reason: String)
    throws(TemporaryGrantError)
  {
    duration = try GrantDuration(words)
    durationWords = words
    self.service = service
    self.source = source
    self.reason = reason
  }
}
