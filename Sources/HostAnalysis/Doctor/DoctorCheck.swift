// SPDX-License-Identifier: GPL-3.0-or-later

/// The checks of the doctor, in the order in which findings of one severity are printed.
public enum DoctorCheck: String, Sendable, Hashable, CaseIterable {
  /// The tunnel ends in a container on this host, not on the host itself.
  case tunnelInContainer = "tunnel-in-container"
  /// The interface of a tunnel does not exist, or is not a WireGuard interface.
  case tunnelMissing = "tunnel-missing"
  /// The interface is not up.
  case tunnelDown = "tunnel-down"
  /// The interface lacks an address.
  case tunnelWithoutAddress = "tunnel-without-address"
  /// WireGuard's UDP port differs from the policy's, is not bound, or is closed by a firewall.
  case listenPort = "listen-port"
  /// A peer does not answer.
  case handshake = "handshake"
  /// A prefix of a peer is also a network of this host.
  case allowedIPsOverlap = "allowed-ips-overlap"
  /// A peer's AllowedIPs or key do not match the policy.
  case allowedIPsPolicy = "allowed-ips-policy"
  /// Packets for the tunnel are routed to another interface.
  case route
  /// Packets of the tunnel are larger than the path to its endpoint carries.
  case mtu
  /// The reverse-path filter drops packets whose replies are routed to another interface.
  case reversePathFilter = "rp-filter"
  /// The same, for a tunnel that routes all traffic by a mark.
  case sourceValidMark = "src-valid-mark"
  /// The kernel does not forward packets between interfaces.
  case forwarding = "ip-forward"
  /// A Docker Swarm communicates outside the tunnel.
  case swarmAddress = "swarm-address"
  /// Another table drops what the policy grants.
  case otherFirewall = "other-firewall"
  /// Another table translates first what a line of `translate` is about.
  case otherTranslation = "other-translation"
  /// A socket is bound to an address that does not exist, or may not exist at boot.
  case boundAddress = "bound-address"
  /// This host has a public address that its `endpoint` lacks: `encrypt` does not refuse packets to it in the clear.
  case endpointLeftOut = "endpoint-left-out"
  /// An interface is in a network that the policy places elsewhere: the rules drop its packets.
  case misplacedAddress = "misplaced-address"
  /// A bridge of the zone `containers` has ports that are not guests' ports.
  case sharedBridge = "shared-bridge"
  /// No zone of the policy has a bridge of guests: they are treated as the internet.
  case uncoveredBridge = "uncovered-bridge"
  /// ARP requests for a tunnel's address are answered on other links.
  case arpForTunnel = "arp-for-tunnel"
  /// The host has IPv6, and the tunnel does not.
  case ipv6LeftOut = "ipv6-left-out"
  /// WireGuard runs in userspace, as a process.
  case userspace
}

/// A fault of a tunnel's configuration that is hard to see, and its fix.
public struct DoctorFinding: Sendable, Hashable {
  /// The check that found it.
  public let check: DoctorCheck
  /// Its severity.
  public let severity: FindingSeverity
  /// What the check examined.
  public let lookedAt: String
  /// What it found, as a sentence without a full stop.
  public let found: String
  /// What to do, as one sentence without a full stop.
  public let fix: String

  /// Creates a finding from its parts.
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

/// The result of one check.
public struct CheckResult: Sendable, Hashable {
  /// The check.
  public let check: DoctorCheck
  /// What it examined, in a few words.
  public let lookedAt: String
  /// Its findings.
  public private(set) var findings: [DoctorFinding] = []
  /// What it could not examine, and why: sentences without a full stop. A check with gaps has never passed.
  public private(set) var gaps: [String] = []
  /// The same findings and gaps as sets, for fast lookup: each of thousands of peers may have a finding.
  private var found: Set<DoctorFinding> = []
  private var missed: Set<String> = []

  /// Creates a result without findings and gaps.
  init(_ check: DoctorCheck, lookedAt: String) {
    self.check = check
    self.lookedAt = lookedAt
  }

  /// The result of a check that could not be made.
  static func notMade(_ check: DoctorCheck, _ why: String) -> CheckResult {
    var result = CheckResult(check, lookedAt: "")
    result.miss(why)
    return result
  }

  /// Adds a finding, unless it is already there.
  mutating func find(_ severity: FindingSeverity, _ found: String, fix: String) {
    let finding = DoctorFinding(check, severity, lookedAt: lookedAt, found: found, fix: fix)
    if self.found.insert(finding).inserted { findings.append(finding) }
  }

  /// Adds a gap, unless it is already there.
  mutating func miss(_ why: String) {
    if missed.insert(why).inserted { gaps.append(why) }
  }
}
