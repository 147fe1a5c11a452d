// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

extension DoctorSubject {
  /// Checks that no other table translates first what a line of `translate` is about: the first chain in a hook decides for
  /// the whole connection.
  func otherTranslation(_ walks: Reading<DoctorWalks.Granted>) -> CheckResult {
    guard let role else { return .notMade(.otherTranslation, Self.noPolicy) }
    let own = role.policy.translations.filter { $0.machine == role.machine.name }
    var result = CheckResult(
      .otherTranslation,
      lookedAt: "\(counted(own.count, "line")) of 'translate', and what other tables translate")
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
