// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyLanguage
internal import PolicyAnalysis

/// What `confine` lets out.
extension SpecificationWriter {
  /// Says of all packets of a sender that no clause covers yet what becomes of them. `sending` are the conditions that a
  /// packet is the sender's.
  func confined(_ draft: inout SpecificationDraft, _ sender: Confinement.Sender, _ sending: Conditions) {
    let own = policy.confinements.filter { $0.machine == machine.name && $0.sender == sender }
    guard !own.isEmpty else { return draft.say(.works, .accept, sending) }
    for family in AddressFamily.allCases {
      let every = IntervalSet(0, family == .ipv4 ? 0xffff_ffff : .max)
      let towards = own.map { $0.destinations.map { PacketSpace.addresses($0, family) } ?? every }
      let free = every.subtracting(IntervalSet.union(towards))
      if !free.isEmpty { draft.say(.works, .accept, sending + [(.destination, free)], family) }
    }
    if sender == .host { alwaysSent(&draft) }
    draft.say(.works, .accept, sending + [(.output, input(.containers))])
    for family in AddressFamily.allCases {
      let groups = traffic.departures.filter { $0.sender == sender }.map { departure -> Conditions in
        sending + [
          (.output, exit(departure.exit)),
          (.destination, PacketSpace.addresses(departure.destinations, family)),
          (.service, IntervalSet.union(departure.ports.map(\.services))),
        ]
      }
      draft.say(.granted, .granted, any: groups, family)
    }
    draft.say(.confined, .reset, sending + [(.service, PacketSpace.Service.all(.tcp))])
    draft.say(.confined, .reject, sending)
  }

  /// Replies, errors, and what keeps the network and the tunnels of a host working.
  private func alwaysSent(_ draft: inout SpecificationDraft) {
    draft.say(.works, .accept, [(.connection, Self.replies)])
    draft.say(.works, .accept, Self.errors)
    for tunnel in policy.tunnels where !machine.addresses(in: tunnel.name).isEmpty {
      let udp = (PacketSpace.Field.service, PacketSpace.Service.all(.udp))
      let ports = [tunnel.listen, machine.livePorts[tunnel.name]?.port].compactMap { $0 }.map { UInt128($0) }
      let others = policy.machines.filter {
        $0.name != machine.name && !$0.addresses(in: tunnel.name).isEmpty
      }
      let receivers = others.flatMap { other -> [Prefix] in
        switch other.endpoint {
        case .roaming: []
        case .addresses(let addresses): addresses.map { Prefix($0) }
        case .live: (live.addresses[other.name] ?? []).map { Prefix($0) }
        }
      }
      // Who may call this machine: behind a hub only the hub. Where all have fixed addresses, it sends to nobody else.
      let callers = tunnel.hub.flatMap { hub in hub == machine.name ? nil : others.filter { $0.name == hub } }
      let areFixed = (callers ?? others).allSatisfy {
        if case .addresses = $0.endpoint { true } else { false }
      }
      for family in AddressFamily.allCases {
        let there = PacketSpace.addresses(receivers, family)
        let isBound = areFixed && !(callers ?? others).isEmpty
        for port in ports.sorted() {
          let sent: Conditions = [udp, (.sourcePort, IntervalSet(port))]
          if !isBound { draft.say(.works, .accept, sent, family) }
          if isBound, !there.isEmpty { draft.say(.works, .accept, sent + [(.destination, there)], family) }
        }
        // A port that WireGuard chooses is not known: what it sends is known by its receivers.
        guard machine.endpoint == .roaming || tunnel.listen == nil, !there.isEmpty else { continue }
        let to =
          tunnel.listen.map { PacketSpace.Service.ports(.udp, $0...$0) } ?? PacketSpace.Service.all(.udp)
        draft.say(.works, .accept, [(.service, to), (.destination, there)], family)
      }
    }
    // RFC 2131 section 4.1, RFC 8415 section 7.2.
    for (client, server) in [(68, 67), (546, 547)] as [(UInt128, UInt16)] {
      draft.say(
        .works, .accept,
        [(.service, PacketSpace.Service.ports(.udp, server...server)), (.sourcePort, IntervalSet(client))])
    }
    let listeners = PacketSpace.Service.types(.icmpv6, 131...132)
      .union(PacketSpace.Service.types(.icmpv6, 143...143))
    draft.say(
      .works, .accept,
      any: [
        [(.service, PacketSpace.Service.types(.icmpv6, 133...136)), (.hopLimit, IntervalSet(255))],
        [(.service, listeners), (.hopLimit, IntervalSet(1))],
      ], .ipv6)
    draft.say(
      .works, .accept, [(.service, PacketSpace.Service.all(.igmp)), (.destinationType, Self.groups)])
  }

  /// The interfaces of an exit.
  func exit(_ exit: GrantedTraffic.Exit) -> IntervalSet {
    switch exit {
    case .interfaces(let patterns): IntervalSet.union(patterns.map { PacketSpace.names($0) })
    case .anyNetwork: IntervalSet(0, .max).subtracting(input(.tunnel))
    case .internet:
      IntervalSet.union(
        traffic.zones.filter { $0.kind == .internet || ($0.kind == .network && !$0.prefixes.isEmpty) }
          .map { input($0) })
    }
  }

  // MARK: refuse

  /// The first packet of a TCP connection.
  static let firstOfConnection: Conditions = [
    (.service, PacketSpace.Service.all(.tcp)), (.tcpFlags, firstFlags),
  ]

  /// The zones that `refuse` names.
  var answered: [SiteZone] {
    traffic.zones.filter { zone in policy.refused.contains { $0.name == zone.name } }
  }

  /// The packets of a zone to whose senders an answer goes back by the same zone: in a tunnel not every source. A host does
  /// not answer what was sent to many (RFC 1122 sections 3.2.2 and 4.2.3.10, RFC 4443 section 2.4).
  /// Of the packets that are `forwarded`, none came in a frame for many.
  func answerable(in zone: SiteZone, _ family: AddressFamily, forwarded: Bool = false) -> [Conditions] {
    packets(of: zone, family).map { own in
      var one = own + [(.destinationType, IntervalSet(0, .max).subtracting(Self.unansweredTypes))]
      if zone.kind != .tunnel, !forwarded {
        one.append((.packetType, IntervalSet(0, .max).subtracting(Self.framesForMany)))
      }
      return zone.kind == .tunnel
        ? one + [(.source, PacketSpace.addresses(traffic.inside(zone), family))] : one
    }
  }

  /// Says that packets which no grant accepts are stopped: those of a zone of `refuse` with an answer, if it is of these
  /// kinds.
  func stop(
    _ draft: inout SpecificationDraft, _ claim: ProofClaim, _ conditions: Conditions,
    answering kinds: Set<SiteZone.Kind> = [.tunnel, .network, .internet, .containers], forwarded: Bool = false
  ) {
    for zone in answered where !isAboveAnswers && kinds.contains(zone.kind) {
      for family in AddressFamily.allCases {
        for own in answerable(in: zone, family, forwarded: forwarded) {
          draft.say(.answered, .reset, own + conditions + Self.firstOfConnection, family)
          draft.say(.answered, .reject, own + conditions, family)
        }
      }
    }
    draft.say(claim, .drop, conditions)
  }
}
