// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PacketWalk
public import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

extension DoctorSubject {
  /// What on this host takes away the effect of lines of `translate`, or loses its packets to them. `walk` is through the
  /// tables that are loaded, or that will be.
  public func translationClashes(
    of site: @autoclosure () -> CompiledSite, through walk: PacketWalk, in environment: any HostEnvironment
  ) -> [DoctorFinding] {
    guard let role, role.policy.translations.contains(where: { $0.machine == role.machine.name }) else {
      return []
    }
    return otherTranslation(DoctorWalks(self, of: site(), through: walk, in: environment).granted).findings
  }

  /// Checks that no other table translates first what a line of `translate` is about: the first chain in a hook decides for
  /// the whole connection.
  func otherTranslation(_ walks: Reading<DoctorWalks.Granted>) -> CheckResult {
    guard let role else { return .notMade(.otherTranslation, Self.noPolicy) }
    let own = role.policy.translations.filter { $0.machine == role.machine.name }
    var result = CheckResult(
      .otherTranslation,
      lookedAt:
        "\(counted(own.count, "line")) of 'translate', what other tables translate, and the sockets of this host"
    )
    for translation in own { findSilencedSockets(translation, &result) }
    guard case .known(let granted) = walks else {
      if case .unknown(let why) = walks, !own.isEmpty { return .notMade(.otherTranslation, why) }
      return result
    }
    var found: Set<String> = []
    for translation in own {
      for packet in granted.packets {
        guard let (step, becomes) = foreignTranslation(of: packet, translation),
          found.insert("\(translation.location.line) \(step.place)").inserted
        else { continue }
        let line = "line \(translation.location.line)"
        switch translation.kind {
        case .masquerade:
          result.find(
            .information,
            "\(step.place) translates sources first, so \(line) of 'translate' has no effect on them",
            fix: "remove that rule (wg-quick adds one by PostUp = iptables … MASQUERADE), or the line")
        case .forward, .map:
          result.find(
            .warning,
            "\(step.place) translates \(packet.what) first, to \(becomes), so \(line) of 'translate' has no "
              + "effect on it",
            fix: "publish that port elsewhere, or remove the line")
        }
      }
    }
    return result
  }

  /// Finds sockets of this host from which a line forwards packets elsewhere.
  private func findSilencedSockets(_ translation: PolicyLanguage.Translation, _ result: inout CheckResult) {
    guard case .forward(let services, let target, _) = translation.kind else { return }
    for listener in facts.host.listeners where !listener.isLoopbackOnly {
      guard let range = PortRange(listener.port),
        services.contains(where: { $0.holds(.ports(listener.protocol, range)) })
      else { continue }
      let who = listener.process.map { "\($0.name)[\($0.pid)]" } ?? "a socket of this host"
      result.find(
        .information,
        "\(who) listens on port \(listener.port)/\(listener.protocol), but line \(translation.location.line) of "
          + "'translate' sends what arrives over \(translation.over) for that port to \(target)",
        fix: "let it listen on another port or address, or forward another port")
    }
  }

  /// The step in which another table translates a packet that a line of `translate` is about, and to what.
  private func foreignTranslation(
    of packet: DoctorWalks.GrantedPacket, _ line: PolicyLanguage.Translation
  ) -> (step: TraceStep, becomes: String)? {
    let side: TranslationSide
    switch line.kind {
    case .masquerade(let sources):
      guard sources.contains(packet.zone) else { return nil }
      side = .source
    case .forward(let services, _, _):
      guard packet.zone == line.over, let sent = packet.trace.packet,
        let range = PortRange(sent.flow?.original.destinationPort ?? sent.destinationPort),
        services.contains(where: { $0.holds(.ports(sent.transport, range)) })
      else { return nil }
      side = .destination
    case .map(_, let outside):
      guard packet.zone == line.over, let sent = packet.trace.packet,
        outside.contains(sent.flow?.original.destination ?? sent.destination)
      else { return nil }
      side = .destination
    }
    for step in packet.trace.steps {
      guard case .translated(let translation) = step.outcome, translation.side == side else { continue }
      // The first translation of a side is the only one.
      if step.table == Ruleset.tableName, step.family == NFT.familyInet { return nil }
      let address = translation.address.map(\.description) ?? "an address that is not known"
      return (step, address + (translation.port.map { " port \($0)" } ?? ""))
    }
    return nil
  }
}
