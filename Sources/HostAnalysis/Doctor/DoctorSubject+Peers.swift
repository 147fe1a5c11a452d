// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Whether the peers answer.
extension DoctorSubject {
  /// After so many seconds without a new handshake WireGuard takes a session for dead (`REJECT_AFTER_TIME`, section 6.1 of
  /// the WireGuard paper).
  static let handshakeLifetime: Int64 = 180

  /// Every peer has been heard lately, or has had no reason to be.
  func handshake() -> CheckResult {
    let count = tunnels.reduce(0) { $0 + ($1.device?.peers.count ?? 0) }
    var result = CheckResult(.handshake, lookedAt: "the last handshakes of \(counted(count, "peer"))")
    for (tunnel, device) in devices(&result) {
      // A hub may have hundreds of laptops that are at home: they are told together.
      var waiting: [String] = []
      var silent: [String] = []
      for peer in device.peers {
        let who = name(of: peer, in: tunnel)
        switch state(of: peer) {
        case .well: break
        case .waiting: waiting.append(who)
        case .silent(let age): silent.append("\(who) for \(Self.duration(age))")
        case .ill(let severity, let what):
          result.find(severity, "\(who) over \(tunnel.name) \(what)", fix: Self.fix(peer))
        }
      }
      if !waiting.isEmpty {
        result.find(
          .information, "never heard over \(tunnel.name), and they have to begin: \(enumerated(waiting))",
          fix:
            "give them an Endpoint here, or PersistentKeepalive = 25 on their side, if they are to be reached at any time"
        )
      }
      if !silent.isEmpty {
        result.find(
          .information,
          "silent over \(tunnel.name), which without PersistentKeepalive may be all right: \(enumerated(silent))",
          fix: "send something to them and look again, or set PersistentKeepalive = 25")
      }
    }
    return result
  }

  /// How a peer does.
  private enum PeerState {
    case well
    /// It has no endpoint and was never heard.
    case waiting
    /// Not heard for so many seconds, and nothing is known to have been sent to it.
    case silent(Int64)
    /// What it does, behind its name.
    case ill(FindingSeverity, String)
  }

  private func state(of peer: WireGuardPeer) -> PeerState {
    guard let latest = peer.latestHandshake else {
      // Without an endpoint nothing can be sent to it, whatever its keepalive.
      guard let endpoint = peer.endpoint else { return .waiting }
      guard peer.persistentKeepalive > 0 || peer.sentBytes > 0 else {
        return .ill(.warning, "has never been heard, and nothing was sent to it yet")
      }
      let sent = counted(Int(clamping: peer.sentBytes), "byte")
      return .ill(.error, "has never answered a handshake: \(sent) went to \(endpoint) in vain")
    }
    let age = facts.time - latest
    guard age > Self.handshakeLifetime else { return .well }
    let heard = "was last heard \(Self.duration(age)) ago"
    if peer.persistentKeepalive > 0 {
      return .ill(
        .error, "\(heard), though a packet is sent to it every \(peer.persistentKeepalive) seconds")
    }
    if facts.wireGuard.sentMeanwhile.contains(peer.publicKey) {
      return .ill(.error, "\(heard), though packets are being sent to it")
    }
    return .silent(age)
  }

  private static func fix(_ peer: WireGuardPeer) -> String {
    let place = peer.endpoint.map { "at \($0)" } ?? "on the other side"
    return
      "see that WireGuard runs \(place), that UDP reaches it there, and that each side has the other's public key"
  }

  /// Whether there are peers of whom only a second reading can tell whether anything is sent to them.
  public var hasSilentPeers: Bool {
    facts.wireGuard.devices.flatMap(\.peers).contains { peer in
      peer.persistentKeepalive == 0
        && (peer.latestHandshake.map { facts.time - $0 > Self.handshakeLifetime } ?? false)
    }
  }

  /// A length of time in its largest unit.
  static func duration(_ seconds: Int64) -> String {
    switch seconds {
    case ..<120: counted(Int(seconds), "second")
    case ..<7200: "\(seconds / 60) minutes"
    case ..<172_800: "\(seconds / 3600) hours"
    case _: "\(seconds / 86_400) days"
    }
  }
}
