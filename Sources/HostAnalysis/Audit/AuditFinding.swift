// SPDX-License-Identifier: GPL-3.0-or-later

/// A result of an audit that needs action, and its fix.
public struct AuditFinding: Sendable, Hashable {
  /// The check that found it.
  public let check: AuditCheck
  /// Its severity.
  public let severity: FindingSeverity
  /// The subject: a socket, a line of the policy, a peer. It does not change from one audit to the next, so two
  /// findings with the same check and the same subject are the same finding.
  public let subject: String
  /// What was found, as a sentence without a full stop.
  public let found: String
  /// What to do, as a sentence without a full stop.
  public let fix: String
  /// The line of the policy that the finding refers to, from 1; nil if there is no such line.
  public let line: Int?

  /// Creates a finding from its parts.
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

  /// The identity of the finding across audits: the check and the subject.
  public var fingerprint: String { "\(check.rawValue) \(subject)" }
}

/// The severity of a finding.
public enum FindingSeverity: String, Sendable, Hashable, CaseIterable, Comparable {
  /// Something is open, or not enforced, contrary to the policy.
  case error
  /// Something defeats a rule, or could not be determined.
  case warning
  /// Useful to know; nothing is wrong.
  case information

  private var rank: Int {
    switch self {
    case .error: 0
    case .warning: 1
    case .information: 2
    }
  }

  /// The more severe one is less, so that it is sorted first.
  public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// What an audit looks for.
public enum AuditCheck: String, Sendable, Hashable, CaseIterable {
  /// A socket is reachable from a zone or interface that no grant names.
  case exposed
  /// The ruleset in the kernel differs from the policy's.
  case drift
  /// It cannot be determined whether a socket is reachable.
  case undetermined
  /// A grant for a service that no socket listens for.
  case unusedGrant = "unused-grant"
  /// A socket bound to every address, of which the grants open it only to tunnels.
  case wildcard
  /// Something filters or forwards packets that the walk does not evaluate.
  case blindSpot = "blind-spot"
  /// A program has a connection to another host that the policy refuses.
  case outbound
  /// WireGuard's AllowedIPs of a peer do not match the policy.
  case allowedIPs = "allowed-ips"
  /// A kernel setting defeats a rule.
  case setting
  /// The host has IPv6, and the tunnel or the policy does not.
  case ipv6LeftOut = "ipv6-left-out"

  /// A one-line description of the check, for SARIF and the page.
  public var summary: String {
    switch self {
    case .exposed: "A socket is reachable from a zone or interface that no grant names"
    case .drift: "The ruleset in the kernel differs from the policy's"
    case .undetermined: "It cannot be determined whether a socket is reachable"
    case .unusedGrant: "A grant for a service that no socket listens for"
    case .wildcard: "A socket that only tunnels may reach listens on every address"
    case .blindSpot: "Something filters or forwards packets that the audit does not evaluate"
    case .outbound: "A program has a connection to another host that the policy refuses"
    case .allowedIPs: "WireGuard's AllowedIPs of a peer do not match the policy"
    case .setting: "A kernel setting defeats a rule"
    case .ipv6LeftOut: "The host has IPv6, and the tunnel or the policy does not"
    }
  }
}
