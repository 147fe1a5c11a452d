// SPDX-License-Identifier: GPL-3.0-or-later

/// Something that an audit found, and what to do about it.
public struct AuditFinding: Sendable, Hashable {
  /// What was looked for.
  public let check: AuditCheck
  /// How much it matters.
  public let severity: FindingSeverity
  /// What it is about: a socket, a line of the policy, a peer. It stays the same from one audit to the next, so two
  /// findings of one check with one subject are the same finding.
  public let subject: String
  /// What was found, in a sentence without a full stop.
  public let found: String
  /// What to do, in a sentence without a full stop.
  public let fix: String
  /// The line of the policy that it is about, from 1; nil for none.
  public let line: Int?

  /// A finding from its parts.
  public init(
    check: AuditCheck, severity: FindingSeverity, subject: String, found: String, fix: String,
    line: Int? = nil
  ) {
    self.check = check
    self.severity = severity
    self.subject = subject
    self.found = found
    self.fix = fix
    self.line = line
  }

  /// By what it is known again: the check and its subject.
  public var fingerprint: String { "\(check.rawValue) \(subject)" }
}

/// How much a finding matters.
public enum FindingSeverity: String, Sendable, Hashable, CaseIterable, Comparable {
  /// Something is open, or not kept, against what the policy says.
  case error
  /// Something that defeats a rule, or that could not be told.
  case warning
  /// Good to know; nothing is wrong.
  case information

  private var rank: Int {
    switch self {
    case .error: 0
    case .warning: 1
    case .information: 2
    }
  }

  /// The graver first.
  public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// What an audit looks for.
public enum AuditCheck: String, Sendable, Hashable, CaseIterable {
  /// A socket is reached from a side that no grant names.
  case exposed
  /// The kernel does not hold the policy's ruleset.
  case drift
  /// It could not be told whether a socket is reached.
  case undetermined
  /// A grant for a service on which nobody listens.
  case unusedGrant = "unused-grant"
  /// A socket on every address that only tunnels are granted.
  case wildcard
  /// Something filters or forwards packets where no walk of rules can see it.
  case blindSpot = "blind-spot"
  /// WireGuard's AllowedIPs let a peer speak for more than the policy says.
  case allowedIPs = "allowed-ips"
  /// A setting of the kernel defeats a rule.
  case setting
  /// The host has IPv6 and the policy has none.
  case ipv6LeftOut = "ipv6-left-out"

  /// What it is, in a sentence.
  public var summary: String {
    switch self {
    case .exposed: "A socket is reached from a side that no grant names"
    case .drift: "The kernel does not hold the policy's ruleset"
    case .undetermined: "It could not be told whether a socket is reached"
    case .unusedGrant: "A grant for a service on which nobody listens"
    case .wildcard: "A socket on every address that only tunnels are granted"
    case .blindSpot: "Something filters or forwards packets where no walk of rules can see it"
    case .allowedIPs: "WireGuard's AllowedIPs let a peer speak for more than the policy says"
    case .setting: "A setting of the kernel defeats a rule"
    case .ipv6LeftOut: "The host has IPv6 and the policy has none"
    }
  }
}
