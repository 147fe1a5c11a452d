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
      for peer in device.peers { judge(peer, of: device, in: tunnel, &result) }
    }
    return result
  }

  private func judge(
    _ peer: WireGuardPeer, of device: WireGuardDevice, in tunnel: DoctorTunnel, _ result: inout CheckResult
  ) {
    let who = "\(name(of: peer, in: tunnel)) over \(tunnel.name)"
    let keepalive = peer.persistentKeepalive > 0
    let fix: String
    if let endpoint = peer.endpoint {
      fix =
        "see that WireGuard runs at \(endpoint), that UDP reaches it there, and that each side has the other's public key"
    } else {
      fix =
        "give the peer an Endpoint here, or have the other side begin: PersistentKeepalive = 25 there keeps it heard"
    }
    guard let latest = peer.latestHandshake else {
      if keepalive || peer.sentBytes > 0 {
        result.find(
          .error,
          "\(who) has never answered a handshake"
            + (peer.endpoint.map {
              ": \(counted(Int(clamping: peer.sentBytes), "byte")) were sent to \($0) in vain"
            } ?? ""),
          fix: fix)
      } else if peer.endpoint != nil {
        result.find(.warning, "\(who) has never been heard, and nothing was sent to it yet", fix: fix)
      } else {
        result.find(.information, "\(who) has never been heard: it has to begin", fix: fix)
      }
      return
    }
    let age = facts.time - latest
    guard age > Self.handshakeLifetime else { return }
    let heard = "\(who) was last heard \(Self.duration(age)) ago"
    if keepalive {
      result.find(
        .error, "\(heard), though a packet is sent to it every \(peer.persistentKeepalive) seconds", fix: fix)
    } else if facts.wireGuard.sentMeanwhile.contains(peer.publicKey) {
      result.find(.error, "\(heard), though packets are being sent to it", fix: fix)
    } else {
      result.find(
        .information, "\(heard): it is silent, which without PersistentKeepalive may be all right",
        fix: "send something to it and look again, or set PersistentKeepalive = 25 for it")
    }
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
