// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis
internal import PacketSets

/// The places behind translation and routing: received, forwarded and sent packets.
extension SpecificationWriter {
  /// Packets that this host receives, after translation.
  func input() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "input", input: .present, output: .absent)
    draft.splitByTransport()
    // Evaluated at ingress as packets for this host.
    for family in AddressFamily.allCases {
      let untranslated = (PacketSpace.Field.connection, Self.untranslated)
      draft.say(.works, .accept, any: toOwnAddresses(family).map { $0 + [untranslated] }, family)
    }
    draft.say(.works, .accept, [(.input, Self.loopback)])
    draft.say(.works, .accept, [(.connection, Self.replies)])
    draft.say(.works, .accept, Self.errors)
    if !staying.isEmpty {
      // Packets of tunnels and containers have no tag: those that have one are treated as packets of networks.
      stop(&draft, .sameInterface, [(.tag, Self.tag)], answering: [.network, .internet])
    }
    // Redirected from the address of another host to one of this host: evaluated by the original port.
    for zone in traffic.zones where mayPassThrough(zone) {
      let redirected: Conditions = [(.connection, Self.translated)]
      for family in AddressFamily.allCases {
        let granted = traffic.arrivals.filter { $0.zone.name == zone.name }.flatMap {
          conditions(of: $0, .originalService, family)
        }
        draft.say(.granted, .granted, any: granted.map { $0 + redirected }, family)
        draft.say(.ungranted, .drop, any: packets(of: zone, family).map { $0 + redirected }, family)
      }
    }
    for family in AddressFamily.allCases { draft.say(.ungranted, .drop, any: relayed(family), family) }
    draft.say(.ungranted, .drop, [(.destinationType, Self.otherTypes)])
    return draft.finished(.works, .accept)
  }

  /// Packets that this host forwards.
  func forward() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "forward", input: .present, output: .present)
    tunnelOnly(&draft, .reject)
    for part in encryptions {
      let outside = (PacketSpace.Field.output, elsewhere(part.tunnel))
      for family in AddressFamily.allCases {
        refuse(&draft, .encrypted, .reject, closed(part, family).map { $0 + [outside] }, family)
      }
    }
    draft.say(.works, .accept, [(.connection, Self.replies)])
    draft.say(.works, .accept, Self.errors)
    draft.say(.forwarded, .drop, [(.input, Self.loopback)])
    let containers = (PacketSpace.Field.input, input(.containers))
    draft.say(.midstream, .reset, Self.midstream + [containers])
    for family in AddressFamily.allCases {
      let hosts = PacketSpace.addresses(policy.tunnels.flatMap(\.prefixes) + endpoints, family)
      let toHosts: Conditions = [containers, (.destination, hosts), (.service, hostServices)]
      draft.say(.hostServices, .reset, toHosts + [(.service, PacketSpace.Service.all(.tcp))], family)
      draft.say(.hostServices, .reject, toHosts, family)
    }
    confined(&draft, .containers, [containers])
    let networks = input(.network, .internet)
    for interval in staying.intervals {
      for name in interval.lower...interval.upper {
        draft.say(.sameInterface, .accept, [(.input, IntervalSet(name)), (.output, IntervalSet(name))])
      }
    }
    // No grant accepted these at ingress: they go nowhere else.
    if !staying.isEmpty {
      stop(&draft, .sameInterface, [(.input, networks), (.tag, Self.tag)], forwarded: true)
    }
    // Accepted at ingress from every sender: it stays on its link.
    let discovery = PacketSpace.Service.types(.icmpv6, 133...136)
    draft.say(
      .forwarded, .drop,
      [(.service, discovery), (.input, IntervalSet(0, .max).subtracting(input(.containers)))])
    draft.say(.granted, .accept, [(.connection, Self.translated)])
    for family in AddressFamily.allCases {
      let back = traffic.zones.filter { $0.kind == .tunnel }.map { zone -> Conditions in
        [
          (.input, input(zone)), (.output, input(zone)), (.destination, relayed(in: zone, family)),
          (.service, Self.everyService.subtracting(PacketSpace.Service.all(.icmpv6))),
        ]
      }
      draft.say(.granted, .accept, any: back, family)
    }
    draft.say(.forwarded, .drop, [(.destinationType, Self.localTypes)])
    for family in AddressFamily.allCases {
      var groups: [Conditions] = []
      for passage in traffic.passages where !Self.sources(passage.sources, family).isEmpty {
        let path: Conditions = [
          (.destination, destinations(of: passage, family)), (.output, exit(passage.exit)),
        ]
        groups += packets(of: passage.zone, family).map { $0 + path }
      }
      draft.say(.granted, .accept, any: groups, family)
    }
    stop(&draft, .forwarded, [], forwarded: true)
    return draft.finished(.forwarded, .drop)
  }

  /// Services between hosts: WireGuard's ports, and Docker Swarm's 2377/tcp, 7946/tcp, 7946/udp, 4789/udp and ESP.
  private var hostServices: IntervalSet {
    let swarm: [(IPProtocol, UInt16)] = [(.tcp, 2377), (.tcp, 7946), (.udp, 7946), (.udp, 4789)]
    let handshakes = policy.tunnels.compactMap(\.listen).map { (IPProtocol.udp, $0) }
    return IntervalSet.union((swarm + handshakes).map { PacketSpace.Service.ports($0.0, $0.1...$0.1) })
      .union(PacketSpace.Service.all(.esp))
  }

  /// TCP packets that neither open a connection nor belong to one.
  private static let midstream: Conditions = [
    (.connection, fresh),
    (.service, PacketSpace.Service.all(.tcp)), (.tcpFlags, laterFlags),
  ]

  /// Packets that this host sends.
  func output() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "output", input: .absent, output: .present)
    draft.say(.works, .accept, [(.output, Self.loopback)])
    tunnelOnly(&draft, .reject)
    for part in encryptions {
      // WireGuard's own packets have its port as destination, and as source on machines that others call.
      let others: [Conditions] = [
        [(.service, Self.everyService.subtracting(part.own))],
        [(.sourcePort, IntervalSet(0, 0xffff).subtracting(part.sending))],
      ]
      clearText(&draft, part, .reject, others)
    }
    draft.say(.midstream, .reset, Self.midstream)
    confined(&draft, .host, [])
    return draft.finished(.works, .accept)
  }

  /// Packets that leave, after all other tables.
  func postrouting() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "postrouting", input: .absent, output: .present)
    tunnelOnly(&draft, .drop)
    for part in encryptions {
      clearText(&draft, part, .drop, [[(.service, Self.everyService.subtracting(part.own))]])
    }
    return draft.finished(.works, .accept)
  }

  /// Packets to destinations inside tunnels and behind them leave only through the tunnel, or are for this
  /// host itself.
  private func tunnelOnly(_ draft: inout SpecificationDraft, _ outcome: MachineSpecification.Outcome) {
    for home in homes where home.kind != .zone {
      let tunnels = IntervalSet.union(traffic.zones.filter { home.zones.contains($0.name) }.map { input($0) })
      let elsewhere = IntervalSet(0, .max).subtracting(tunnels).subtracting(Self.loopback)
      for family in AddressFamily.allCases {
        let inside = PacketSpace.addresses(home.prefixes, family)
        refuse(
          &draft, .tunnelOnly, outcome,
          [
            [(.destination, inside), (.output, elsewhere)],
            [
              (.destination, inside), (.output, tunnels),
              (.outputType, IntervalSet(0, 0xffff).subtracting(Self.noLinkLayer)),
            ],
          ], family)
      }
    }
  }

  private func clearText(
    _ draft: inout SpecificationDraft, _ part: Encrypted, _ outcome: MachineSpecification.Outcome,
    _ refused: [Conditions]
  ) {
    let outside = (PacketSpace.Field.output, elsewhere(part.tunnel))
    for family in AddressFamily.allCases {
      let groups = closed(part, family).flatMap { closed in refused.map { closed + [outside] + $0 } }
      refuse(&draft, .encrypted, outcome, groups, family)
    }
  }

  /// What a line of `encrypt` closes outside the tunnel: public addresses, and of shared ones some services.
  private func closed(_ part: Encrypted, _ family: AddressFamily) -> [Conditions] {
    [[(.destination, PacketSpace.addresses(part.endpoints, family))]]
      + part.shared.map {
        [(.destination, PacketSpace.addresses($0.endpoints, family)), (.service, $0.services)]
      }
  }

  /// Specifies that packets are refused. If the refusal has an answer, a first TCP packet gets a reset.
  private func refuse(
    _ draft: inout SpecificationDraft, _ claim: ProofClaim, _ outcome: MachineSpecification.Outcome,
    _ groups: [Conditions], _ family: AddressFamily
  ) {
    if outcome == .reject {
      let first: Conditions = [(.service, PacketSpace.Service.all(.tcp)), (.tcpFlags, Self.firstFlags)]
      draft.say(claim, .reset, any: groups.map { $0 + first }, family)
    }
    draft.say(claim, outcome, any: groups, family)
  }
}
