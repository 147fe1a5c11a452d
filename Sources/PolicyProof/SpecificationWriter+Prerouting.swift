// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis
internal import PacketSets

/// The places before translation and routing: arriving packets.
extension SpecificationWriter {

  /// Before reassembly of fragments and before conntrack: checks of addresses and interfaces, and what needs no connection
  /// state.
  package func sources() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "sources", input: .present, output: .absent)
    draft.say(.works, .accept, [(.input, Self.loopback)])
    let mapped = IntervalSet(UInt128(0xffff) << 32, UInt128(0xffff) << 32 | 0xffff_ffff)
    let own = IntervalSet(0x7f00_0000, 0x7fff_ffff)
    let never =
      own.union(IntervalSet(0xe000_0000, 0xefff_ffff)).union(IntervalSet(0xffff_ffff))
    let never6 = mapped.union(IntervalSet(1)).union(IntervalSet(UInt128(0xff) << 120, .max))
    draft.say(.impossible, .drop, any: [[(.source, never)], [(.destination, own)]], .ipv4)
    draft.say(
      .impossible, .drop, any: [[(.source, never6)], [(.destination, mapped.union(IntervalSet(1)))]], .ipv6)
    draft.say(.sourceRoutes, .drop, [(.options, Self.sourceRoutes)])
    let outside = IntervalSet(0, .max).subtracting(input(.tunnel))
    for tunnel in traffic.zones where tunnel.kind == .tunnel {
      draft.say(
        .linkTypes, .drop,
        [(.input, input(tunnel)), (.inputType, IntervalSet(0, 0xffff).subtracting(Self.noLinkLayer))])
    }
    for family in AddressFamily.allCases {
      // From the tunnel itself and from containers they are reachable.
      for own in machine.addresses {
        let through = traffic.zones.filter { $0.interfaces.contains(.exact(own.tunnel)) }.map { input($0) }
        let others = IntervalSet(0, .max).subtracting(IntervalSet.union(through + [input(.containers)]))
        let inside = PacketSpace.addresses(own.addresses.map { Prefix($0) }, family)
        draft.say(.tunnelAddresses, .drop, [(.destination, inside), (.input, others)], family)
      }
      for list in policy.block {
        let blocked = PacketSpace.addresses(policy.list(named: list.name)?.prefixes ?? [], family)
        draft.say(.blocked, .drop, [(.input, outside), (.source, blocked)], family)
      }
      for home in homes {
        let sources = PacketSpace.addresses(home.prefixes, family)
        let there = IntervalSet.union(traffic.zones.filter { home.zones.contains($0.name) }.map { input($0) })
        draft.say(
          home.kind == .tunnel ? .tunnelAddresses : .zoneSources, .drop,
          [(.source, sources), (.input, IntervalSet(0, .max).subtracting(there))], family)
        refuseClosedPorts(&draft, [(.source, sources)], family)
        draft.say(.works, .accept, [(.source, sources)], family)
      }
      for zone in traffic.zones where zone.kind == .containers && !zone.prefixes.isEmpty {
        draft.say(
          .zoneSources, .drop,
          [(.input, input(zone)), (.source, IntervalSet(0, .max).subtracting(Self.ofLink(family)))], family)
      }
      refuseClosedPorts(&draft, [], family)
    }
    return draft.finished(.works, .accept)
  }

  /// The first packets to closed ports, of those that meet these conditions.
  private func refuseClosedPorts(
    _ draft: inout SpecificationDraft, _ conditions: Conditions, _ family: AddressFamily
  ) {
    for zone in traffic.zones where zone.kind == .network || zone.kind == .internet {
      let closed: Conditions = [
        (.tcpFlags, Self.firstFlags),
        (.service, PacketSpace.Service.all(.tcp).subtracting(openPorts(zone))),
      ]
      // What is not for this host may stay on its interface.
      let subject: [Conditions] = [
        [(.destinationType, Self.localTypes)], [(.input, IntervalSet(0, .max).subtracting(staying))],
      ]
      let isAnswered = !isAboveAnswers && answered.contains { $0.name == zone.name }
      if isAnswered {
        let unanswered: [Conditions] =
          [[(.destinationType, Self.unansweredTypes)]]
          + subject.map { $0 + [(.packetType, Self.framesForMany)] }
        draft.say(
          .closedPorts, .drop,
          any: packets(of: zone, family).flatMap { own in
            unanswered.map { conditions + own + closed + $0 }
          }, family)
      }
      draft.say(
        .closedPorts, isAnswered ? .reset : .drop,
        any: packets(of: zone, family).flatMap { own in subject.map { conditions + own + closed + $0 } },
        family)
    }
  }

  /// TCP ports that a grant opens for packets that arrive in the zone.
  private func openPorts(_ zone: SiteZone) -> IntervalSet {
    let ports =
      traffic.arrivals.filter { $0.zone.name == zone.name }.flatMap(\.ports)
      + traffic.passages.filter { $0.zone.name == zone.name }.flatMap(\.ports)
    return IntervalSet.union(
      ports.map { port in
        switch port {
        case .ports(.tcp, let range): PacketSpace.Service.ports(.tcp, range.lower...range.upper)
        case .everything: PacketSpace.Service.all(.tcp)
        case .ports, .protocol, .echoRequest: .empty
        }
      })
  }

  /// After conntrack, before any translation: grants decide here.
  func ingress() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "ingress", input: .present, output: .absent)
    draft.say(.works, .accept, [(.input, Self.loopback)])
    // A routing header in the second fragment of a packet is seen only now.
    draft.say(.sourceRoutes, .drop, [(.options, Self.sourceRoutes)], .ipv6)
    for part in encryptions {
      for family in AddressFamily.allCases {
        let sources = PacketSpace.addresses(part.endpoints, family)
        let outside: [(PacketSpace.Field, IntervalSet)] = [
          (.source, sources), (.input, elsewhere(part.tunnel)),
        ]
        // WireGuard's own packets pass: to this machine's port, or replies from the other machine's port.
        let foreign = Self.everyService.subtracting(part.receiving)
        draft.say(
          .encrypted, .drop,
          any: [
            outside + [(.service, foreign.subtracting(PacketSpace.Service.all(.udp)))],
            outside + [(.service, foreign), (.sourcePort, IntervalSet(0, 0xffff).subtracting(part.listen))],
            outside + [
              (.service, foreign), (.connection, Self.notReplies),
            ],
          ], family)
      }
    }
    draft.say(.works, .accept, [(.connection, Self.replies)])
    draft.say(
      .sameInterface, .tagged,
      [(.connection, Self.invalid), (.input, staying), (.destinationType, Self.otherTypes)])
    draft.say(
      .midstream, .drop, [(.connection, Self.invalid)])
    draft.say(.works, .accept, Self.errors)
    draft.say(.redirects, .drop, [(.service, Self.redirects)])
    draft.say(
      .redirects, .drop,
      [(.service, PacketSpace.Service.types(.icmpv6, 134...134)), (.input, input(.tunnel, .containers))])
    let discovery = PacketSpace.Service.types(.icmpv6, 133...136)
    let listeners = PacketSpace.Service.types(.icmpv6, 130...132)
      .union(PacketSpace.Service.types(.icmpv6, 143...143))
    draft.say(
      .works, .accept,
      any: [
        [(.service, discovery), (.hopLimit, IntervalSet(255))],
        [(.service, listeners), (.source, Self.linkLocal)],
      ], .ipv6)
    // IGMP, to groups only.
    draft.say(
      .works, .accept,
      [
        (.service, PacketSpace.Service.all(.igmp)), (.destinationType, Self.groups),
        (.input, input(.network, .internet, .containers)),
      ])
    draft.say(.works, .accept, [(.destinationType, Self.otherTypes), (.input, input(.containers))])
    return MachineSpecification.Place(
      chain: draft.chain, everything: draft.everything, clauses: draft.clauses,
      granted: (.granted, granted(draft)),
      tagged: draft.everything.compactMap {
        $0.narrowed([(.input, staying), (.destinationType, Self.otherTypes.union(Self.sharedTypes))])
      }, answered: answeredPackets(draft), silent: aboveLimits(draft), rest: draft.rest)
  }

  /// The packets of zones of `refuse`, below the rate of answers.
  private func answeredPackets(_ draft: SpecificationDraft) -> [PacketSpace] {
    if isAboveAnswers { return [] }
    return draft.everything.flatMap { space in
      answered.flatMap { answerable(in: $0, space.family) }.compactMap { space.narrowed($0) }
    }
  }

  /// The new connections above the limits of their grants.
  private func aboveLimits(_ draft: SpecificationDraft) -> [PacketSpace] {
    if exceeded.isEmpty { return [] }
    var unlimited = self
    unlimited.exceeded = []
    return unlimited.granted(draft).compactMap { $0.narrowed([(.connection, Self.fresh)]) }
  }

  /// The packets that grants accept at ingress, without regard to the clauses.
  private func granted(_ draft: SpecificationDraft) -> [PacketSpace] {
    var result: [PacketSpace] = []
    for space in draft.everything {
      for arrival in traffic.arrivals {
        let own = ownAddresses(in: arrival.zone, space.family)
        let others = IntervalSet(0, .max).subtracting(relayed(in: arrival.zone, space.family))
        for conditions in conditions(of: arrival, .service, space.family) {
          add(
            space, conditions + [(.destinationType, Self.localTypes), (.destination, others)], to: &result)
          add(
            space, conditions + [(.destinationType, Self.otherTypes), (.destination, own)], to: &result)
        }
      }
      for passage in traffic.passages {
        let conditions: Conditions =
          within(passage.limit) + [
            (.destination, destinations(of: passage, space.family)),
            (.source, Self.sources(passage.sources, space.family)),
            (.service, IntervalSet.union(passage.ports.map(\.services))),
          ]
        let relayed = relayed(in: passage.zone, space.family)
        for own in packets(of: passage.zone, space.family) {
          add(space, own + conditions + [(.destinationType, Self.otherTypes)], to: &result)
          add(
            space, own + conditions + [(.destinationType, Self.localTypes), (.destination, relayed)],
            to: &result)
        }
      }
    }
    return result
  }

  /// The destinations to which packets are sent through this machine. Its own addresses are not among them.
  func destinations(of passage: GrantedTraffic.Passage, _ family: AddressFamily) -> IntervalSet {
    PacketSpace.addresses(passage.destinations, family).subtracting(ownAddresses(in: passage.zone, family))
  }

  private func add(_ space: PacketSpace, _ conditions: Conditions, to result: inout [PacketSpace]) {
    if let inside = space.narrowed(conditions) { result.append(inside) }
  }

  /// The conditions of packets that a grant accepts. `ports` is the field that holds the port to which the
  /// sender sent.
  func conditions(
    of arrival: GrantedTraffic.Arrival, _ ports: PacketSpace.Field, _ family: AddressFamily
  ) -> [Conditions] {
    var conditions: Conditions = [(.source, Self.sources(arrival.sources, family))] + within(arrival.limit)
    switch arrival.condition {
    case .none: break
    case .dhcp: conditions.append((.sourcePort, IntervalSet(67)))
    case .dhcpv6:
      if family == .ipv4 { return [] }
      conditions += [(.sourcePort, IntervalSet(547)), (.source, Self.linkLocal)]
    }
    let (withPorts, others) = (
      arrival.ports.filter { if case .ports = $0 { true } else { false } },
      arrival.ports.filter { if case .ports = $0 { false } else { true } }
    )
    return packets(of: arrival.zone, family).flatMap { own -> [Conditions] in
      [
        own + conditions + [(ports, IntervalSet.union(withPorts.map(\.services)))],
        own + conditions + [(.service, IntervalSet.union(others.map(\.services)))],
      ]
    }
  }

  package static func sources(_ sources: GrantedTraffic.Sources, _ family: AddressFamily) -> IntervalSet {
    switch sources {
    case .anyone: IntervalSet(0, .max)
    case .prefixes(let prefixes): PacketSpace.addresses(prefixes, family)
    }
  }
}
