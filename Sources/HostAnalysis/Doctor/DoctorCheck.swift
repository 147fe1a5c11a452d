// SPDX-License-Identifier: GPL-3.0-or-later

/// What is looked for, in the order in which findings of one severity are told.
public enum DoctorCheck: String, Sendable, Hashable, CaseIterable {
  /// The tunnel ends in a container on this host, and not on the host.
  case tunnelInContainer = "tunnel-in-container"
  /// The interface of a tunnel is not there, or is none of WireGuard.
  case tunnelMissing = "tunnel-missing"
  /// It is there and not up.
  case tunnelDown = "tunnel-down"
  /// It lacks an address.
  case tunnelWithoutAddress = "tunnel-without-address"
  /// WireGuard's UDP port is another, is not bound, or is closed by a firewall.
  case listenPort = "listen-port"
  /// A peer does not answer.
  case handshake = "handshake"
  /// What is to go to a peer is also a network of this host's own.
  case allowedIPsOverlap = "allowed-ips-overlap"
  /// What a peer may speak for is not what the policy says.
  case allowedIPsPolicy = "allowed-ips-policy"
  /// What is to go through the tunnel goes another way.
  case route
  /// Packets of the tunnel do not fit the way to its other end.
  case mtu
  /// The kernel throws away what comes by a way that answers would not take.
  case reversePathFilter = "rp-filter"
  /// The same, for a tunnel that takes the whole traffic by a mark.
  case sourceValidMark = "src-valid-mark"
  /// Packets are not passed on from one interface to another.
  case forwarding = "ip-forward"
  /// A Swarm talks past the tunnel.
  case swarmAddress = "swarm-address"
  /// Another table drops what the policy grants.
  case otherFirewall = "other-firewall"
  /// A socket is bound to an address that is not there, or may not be at boot.
  case boundAddress = "bound-address"
  /// This host has a public address that its `endpoint` lacks: what is sent to it is not refused in the clear.
  case endpointLeftOut = "endpoint-left-out"
  /// An interface stands in a network that the policy places elsewhere: the rules drop its packets.
  case misplacedAddress = "misplaced-address"
  /// A bridge of the zone `containers` has other ports than guests'.
  case sharedBridge = "shared-bridge"
  /// Other links are told who has a tunnel's address.
  case arpForTunnel = "arp-for-tunnel"
  /// The host speaks IPv6 and the tunnel does not.
  case ipv6LeftOut = "ipv6-left-out"
  /// WireGuard runs as a process.
  case userspace
}

/// Something that makes a tunnel look fine and not work, and what to do about it.
public struct DoctorFinding: Sendable, Hashable {
  /// The check that found it.
  public let check: DoctorCheck
  /// How bad it is.
  public let severity: FindingSeverity
  /// What the check looked at.
  public let lookedAt: String
  /// What it found, as a sentence without a full stop.
  public let found: String
  /// What to do, as one sentence without a full stop.
  public let fix: String

  /// A finding of these parts.
  public init(
    _ check: DoctorCheck, _ severity: FindingSeverity, lookedAt: String, found: String, fix: String
  ) {
    self.check = check
    self.severity = severity
    self.lookedAt = lookedAt
    self.found = found
    self.fix = fix
  }
}

/// What one check gave.
public struct CheckResult: Sendable, Hashable {
  /// The check.
  public let check: DoctorCheck
  /// What it looked at, in a few words.
  public let lookedAt: String
  /// What it found.
  public private(set) var findings: [DoctorFinding] = []
  /// What it could not look at, and why: sentences without a full stop. A check with gaps is never passed.
  public private(set) var gaps: [String] = []
  /// The same again, to be looked up: each of thousands of peers may have a finding.
  private var found: Set<DoctorFinding> = []
  private var missed: Set<String> = []

  /// A check that has found nothing yet.
  init(_ check: DoctorCheck, lookedAt: String) {
    self.check = check
    self.lookedAt = lookedAt
  }

  /// A check that could not be made.
  static func notMade(_ check: DoctorCheck, _ why: String) -> CheckResult {
    var result = CheckResult(check, lookedAt: "")
    result.miss(why)
    return result
  }

  /// Adds a finding, once.
  mutating func find(_ severity: FindingSeverity, _ found: String, fix: String) {
    let finding = DoctorFinding(check, severity, lookedAt: lookedAt, found: found, fix: fix)
    if self.found.insert(finding).inserted { findings.append(finding) }
  }

  /// Adds what could not be looked at, once.
  mutating func miss(_ why: String) {
    if missed.insert(why).inserted { gaps.append(why) }
  }
}
