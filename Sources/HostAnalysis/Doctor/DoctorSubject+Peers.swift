// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Checks that the peers answer.
extension DoctorSubject {
  /// Seconds after the last handshake until WireGuard ends a session (`REJECT_AFTER_TIME`, section 6.1 of the
  /// WireGuard paper).
  static let handshakeLifetime: Int64 = 180

  /// Checks that every peer had a recent handshake, unless no packets were sent.
  func handshake() -> CheckResult {
    let count = tunnels.reduce(0) { $0 + ($1.device?.peers.count ?? 0) }
    var result = CheckResult(.handshake, lookedAt: "the last handshakes of \(counted(count, "peer"))")
    for (tunnel, device) in devices(&result) {
      // A hub may have hundreds of laptops that are offline: they are reported in one finding.
      var waiting: [String] = []
      var silent: [String] = []
      for peer in device.peers {
        let who = name(of: peer, in: tunnel)
        switch state(of: peer) {
        case .healthy: break
        case .waiting: waiting.append(who)
        case .silent(let age): silent.append("\(who) for \(Self.duration(age))")
        case .faulty(let severity, let what):
          result.find(severity, "\(who) over \(tunnel.name) \(what)", fix: Self.fix(peer))
        }
      }
      if !waiting.isEmpty {
        result.find(
          .information,
          "no handshake over \(tunnel.name) yet, and only the peer can start one: \(enumerated(waiting))",
          fix:
            "set their Endpoint here, or PersistentKeepalive = 25 on their side, if they must always be "
            + "reachable"
        )
      }
      if !silent.isEmpty {
        result.find(
          .information,
          "no recent handshake over \(tunnel.name), which is normal for an idle peer without "
            + "PersistentKeepalive: \(enumerated(silent))",
          fix: "send a packet to them and run wgfence doctor again, or set PersistentKeepalive = 25")
      }
    }
    return result
  }

  /// The state of a peer.
  private enum PeerState {
    case healthy
    /// It has no endpoint, and there was never a handshake.
    case waiting
    /// No handshake for this number of seconds, and no packet is known to have been sent to it.
    case silent(Int64)
    /// The fault, as the rest of a sentence that begins with the peer's name.
    case faulty(FindingSeverity, String)
  }

  private func state(of peer: WireGuardPeer) -> PeerState {
    guard let latest = peer.latestHandshake else {
      // Without an endpoint nothing can be sent to it, even with a keepalive.
      guard let endpoint = peer.endpoint else { return .waiting }
      guard peer.persistentKeepalive > 0 || peer.sentBytes > 0 else {
        return .faulty(.warning, "has never completed a handshake, and no packet was sent to it yet")
      }
      let sent = counted(Int(clamping: peer.sentBytes), "byte")
      return .faulty(.error, "has never answered a handshake: \(sent) sent to \(endpoint)")
    }
    let age = facts.time - latest
    guard age > Self.handshakeLifetime else { return .healthy }
    let handshake = "had its last handshake \(Self.duration(age)) ago"
    if peer.persistentKeepalive > 0 {
      return .faulty(
        .error, "\(handshake), although a packet is sent to it every \(peer.persistentKeepalive) seconds")
    }
    if facts.wireGuard.sentMeanwhile.contains(peer.publicKey) {
      return .faulty(.error, "\(handshake), although packets are being sent to it")
    }
    return .silent(age)
  }

  private static func fix(_ peer: WireGuardPeer) -> String {
    let place = peer.endpoint.map { "at \($0)" } ?? "on the other side"
    return
      "check that WireGuard runs \(place), that UDP reaches it there, and that each side has the other's "
      + "public key"
  }

  /// Whether there are peers for which only a second reading of the counters shows whether packets are sent to them.
  public var hasSilentPeers: Bool {
    facts.wireGuard.devices.flatMap(\.peers).contains { peer in
      peer.persistentKeepalive == 0
        && (peer.latestHandshake.map { facts.time - $0 > Self.handshakeLifetime } ?? false)
    }
  }

  /// A duration in its largest unit.
  static func duration(_ seconds: Int64) -> String {
    switch seconds {
    case ..<120: counted(Int(seconds), "second")
    case ..<7200: "\(seconds / 60) minutes"
    case ..<172_800: "\(seconds / 3600) hours"
    case _: "\(seconds / 86_400) days"
    }
  }
}
