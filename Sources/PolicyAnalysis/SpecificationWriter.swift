// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
internal import PolicyLanguage
internal import RulesetModel

/// Writes a machine's specification, place by place.
struct SpecificationWriter {
  private let policy: Policy
  private let machine: Machine
  private let traffic: GrantedTraffic
  private let encryptions: [Encrypted]
  private let inputs: [String: IntervalSet]

  /// What must travel inside a tunnel or not at all, seen from the machine.
  struct Encrypted: Hashable {
    let tunnel: InterfaceName
    /// WireGuard's port.
    let listen: IntervalSet
    /// Packets to it.
    let own: IntervalSet
    /// The others' addresses in the tunnel, and the networks behind them.
    let inside: [Prefix]
    /// The others' public addresses.
    let endpoints: [Prefix]
  }

  private static let loopback = IntervalSet(PacketSpace.number(.loopback))
  private static let linkLocal = IntervalSet(
    UInt128(0xfe80) << 112, UInt128(0xfe80) << 112 | ((UInt128(1) << 118) - 1))

  init(_ policy: Policy, _ machine: Machine, _ machines: [String: Machine], _ traffic: GrantedTraffic) {
    self.policy = policy
    self.machine = machine
    self.traffic = traffic
    var inputs: [String: IntervalSet] = [:]
    var claimed = Self.loopback
    for zone in traffic.zones where zone.kind != .internet {
      let names = IntervalSet.union(zone.interfaces.map { PacketSpace.names($0) })
      inputs[zone.name] = names
      claimed = claimed.union(names)
    }
    inputs[Zone.internet] = IntervalSet(0, .max).subtracting(claimed)
    self.inputs = inputs
    encryptions = policy.tunnels.compactMap { tunnel in
      guard let listen = tunnel.listen else { return nil }
      let lines = policy.encryptions.filter {
        $0.tunnel == tunnel.name && $0.machines.contains(machine.name)
      }
      let others = Set(lines.flatMap(\.machines)).subtracting([machine.name]).sorted().compactMap {
        machines[$0]
      }
      if others.isEmpty { return nil }
      let endpoints = others.flatMap { other -> [IPAddress] in
        if case .addresses(let addresses) = other.endpoint { addresses } else { [] }
      }
      return Encrypted(
        tunnel: tunnel.name, listen: IntervalSet(UInt128(listen)),
        own: PacketSpace.Service.ports(.udp, listen...listen),
        inside: others.flatMap { other in
          other.addresses(in: tunnel.name).map { Prefix($0) } + other.subnets
        }, endpoints: endpoints.map { Prefix($0) })
    }
  }

  /// What the places behind the gate hang on: machines that have it alike are alike there.
  struct Signature: Hashable {
    fileprivate let zones: [SiteZone]
    fileprivate let encryptions: [Encrypted]
    fileprivate let passages: Set<Exit>

    fileprivate struct Exit: Hashable {
      let zone: String
      let exit: GrantedTraffic.Exit
    }
  }

  var signature: Signature {
    Signature(
      zones: traffic.zones, encryptions: encryptions,
      passages: Set(traffic.passages.map { Signature.Exit(zone: $0.zone.name, exit: $0.exit) }))
  }

  // MARK: Clauses

  private func input(_ zone: SiteZone) -> IntervalSet { inputs[zone.name] ?? .empty }

  private func input(_ kinds: SiteZone.Kind...) -> IntervalSet {
    IntervalSet.union(traffic.zones.filter { kinds.contains($0.kind) }.map { input($0) })
  }

  private func elsewhere(_ tunnel: InterfaceName) -> IntervalSet {
    IntervalSet(0, .max).subtracting(IntervalSet(PacketSpace.number(tunnel)))
  }

  private static let replies = PacketSpace.Connection.set {
    $0.direction == .reply && ($0.state == .established || $0.state == .related)
  }
  private static let icmp = PacketSpace.Service.all(.icmp).union(PacketSpace.Service.all(.icmpv6))
  private static let errors: [(PacketSpace.Field, IntervalSet)] = [
    (.service, icmp), (.connection, PacketSpace.Connection.set { $0.state == .related }),
  ]
  private static let translated = PacketSpace.Connection.set {
    $0.status?.contains(.destinationNAT) ?? false
  }
  private static let everyService = IntervalSet(0, 0xff_ffff)

  /// Flags of the first packet of a TCP connection: of FIN, SYN, RST and ACK the SYN alone.
  private static let firstFlags = IntervalSet(
    (0...0xff as ClosedRange<UInt128>).filter { $0 & 0x17 == 2 })
  private static let laterFlags = IntervalSet(0, 0xff).subtracting(firstFlags)
  private static let fresh = PacketSpace.Connection.set { $0.state == .new }
  private static let invalid = PacketSpace.Connection.set { $0.state == .invalid }
  private static let notReplies = PacketSpace.Connection.set { $0.direction != .reply }

  // MARK: Places

  /// Before conntrack: what needs no connection to be known for what it is.
  func raw() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "raw", input: .present, output: .absent)
    draft.say(.works, .accept, [(.input, Self.loopback)])
    for zone in traffic.zones where zone.kind == .network || zone.kind == .internet {
      let open = openPorts(zone)
      draft.say(
        .closedPorts, .drop,
        [
          (.input, input(zone)), (.tcpFlags, Self.firstFlags),
          (.service, PacketSpace.Service.all(.tcp).subtracting(open)),
        ])
    }
    for tunnel in policy.tunnels {
      let outside = elsewhere(tunnel.name)
      for family in AddressFamily.allCases {
        draft.say(
          .tunnelAddresses, .drop,
          [(.source, PacketSpace.addresses(tunnel.prefixes, family)), (.input, outside)], family)
        let own = machine.addresses(in: tunnel.name).map { Prefix($0) }
        draft.say(
          .tunnelAddresses, .drop, [(.destination, PacketSpace.addresses(own, family)), (.input, outside)],
          family)
      }
    }
    for zone in traffic.zones where !zone.prefixes.isEmpty {
      for family in AddressFamily.allCases {
        var own = PacketSpace.addresses(zone.prefixes, family).union(IntervalSet(0))
        if family == .ipv6 { own = own.union(Self.linkLocal) }
        draft.say(
          .zoneSources, .drop,
          [(.input, input(zone)), (.source, IntervalSet(0, .max).subtracting(own))], family)
      }
    }
    let outside = IntervalSet(0, .max).subtracting(input(.tunnel))
    for list in policy.block {
      for family in AddressFamily.allCases {
        let blocked = PacketSpace.addresses(policy.list(named: list.name)?.prefixes ?? [], family)
        draft.say(.blocked, .drop, [(.input, outside), (.source, blocked)], family)
      }
    }
    return draft.finished(.works, .accept)
  }

  /// TCP ports that some grant opens for packets that arrive in the zone.
  private func openPorts(_ zone: SiteZone) -> IntervalSet {
    let ports =
      traffic.arrivals.filter { $0.zone == zone }.flatMap(\.ports)
      + traffic.passages.filter { $0.zone == zone }.flatMap(\.ports)
    return IntervalSet.union(
      ports.map { port in
        if case .ports(.tcp, let range) = port {
          PacketSpace.Service.ports(.tcp, range.lower...range.upper)
        } else {
          .empty
        }
      })
  }

  /// Behind conntrack, before any translation: where grants decide.
  func gate() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "gate", input: .present, output: .absent)
    draft.say(.works, .accept, [(.input, Self.loopback)])
    for part in encryptions {
      for family in AddressFamily.allCases {
        let sources = PacketSpace.addresses(part.endpoints, family)
        let outside: [(PacketSpace.Field, IntervalSet)] = [
          (.source, sources), (.input, elsewhere(part.tunnel)),
        ]
        // WireGuard's own packets go on: to this machine's port, or from the other's in answer to it.
        let foreign = Self.everyService.subtracting(part.own)
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
      .midstream, .drop, [(.connection, Self.invalid)])
    draft.say(.works, .accept, Self.errors)
    let discovery = PacketSpace.Service.types(.icmpv6, 133...136)
    let listeners = PacketSpace.Service.types(.icmpv6, 130...132)
      .union(PacketSpace.Service.types(.icmpv6, 143...143))
    draft.say(
      .works, .accept,
      any: [
        [(.service, discovery), (.hopLimit, IntervalSet(255))],
        [(.service, listeners), (.source, Self.linkLocal)],
      ], .ipv6)
    draft.say(.works, .accept, [(.destinationType, IntervalSet(1)), (.input, input(.containers))])
    return MachineSpecification.Place(
      chain: draft.chain, everything: draft.everything, clauses: draft.clauses,
      granted: (.granted, granted(draft)), rest: draft.rest)
  }

  /// What grants let through at the gate, whatever else is said of it.
  private func granted(_ draft: SpecificationDraft) -> [PacketSpace] {
    let local = IntervalSet([2, 3, 4, 5, 6, 7, 8] as [UInt128])
    var result: [PacketSpace] = []
    for space in draft.everything {
      for arrival in traffic.arrivals {
        var conditions = [(PacketSpace.Field.input, input(arrival.zone)), (.destinationType, local)]
        switch arrival.condition {
        case .none: break
        case .dhcp: conditions.append((.sourcePort, IntervalSet(67)))
        case .dhcpv6:
          guard space.family == .ipv6 else { continue }
          conditions += [(.sourcePort, IntervalSet(547)), (.source, Self.linkLocal)]
        }
        add(space, conditions, arrival.sources, arrival.ports, to: &result)
      }
      for passage in traffic.passages {
        let conditions = [
          (PacketSpace.Field.input, input(passage.zone)), (.destinationType, IntervalSet(1)),
          (.destination, PacketSpace.addresses(passage.destinations, space.family)),
        ]
        add(space, conditions, passage.sources, passage.ports, to: &result)
      }
    }
    return result
  }

  private func add(
    _ space: PacketSpace, _ conditions: [(PacketSpace.Field, IntervalSet)], _ sources: GrantedTraffic.Sources,
    _ ports: [ServicePort], to result: inout [PacketSpace]
  ) {
    guard var space = space.narrowed(conditions) else { return }
    if case .prefixes(let prefixes) = sources {
      guard let inside = space.narrowed(.source, to: PacketSpace.addresses(prefixes, space.family)) else {
        return
      }
      space = inside
    }
    let services = IntervalSet.union(ports.map(Self.services))
    if let inside = space.narrowed(.service, to: services) { result.append(inside) }
  }

  /// The packets that belong to a service.
  static func services(_ port: ServicePort) -> IntervalSet {
    switch port {
    case .ports(let transport, let range): PacketSpace.Service.ports(transport, range.lower...range.upper)
    case .protocol(let transport): PacketSpace.Service.all(transport)
    case .echoRequest:
      // RFC 792 type 8, RFC 4443 type 128.
      PacketSpace.Service.types(.icmp, 8...8).union(PacketSpace.Service.types(.icmpv6, 128...128))
    }
  }

  /// What is for this host after every translation: judged at the gate, or turned inward behind it.
  func input() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "input", input: .present, output: .absent)
    draft.say(.works, .accept, [(.input, Self.loopback)])
    draft.say(.works, .accept, [(.connection, Self.replies)])
    let containers = input(.containers)
    draft.say(
      .ungranted, .drop,
      any: [
        [(.input, containers), (.connection, Self.translated)],
        [(.input, containers), (.destinationType, IntervalSet(1))],
      ])
    for zone in traffic.zones
    where zone.kind != .containers && traffic.passages.contains(where: { $0.zone == zone }) {
      draft.say(.ungranted, .drop, [(.input, input(zone)), (.destinationType, IntervalSet(1))])
    }
    return draft.finished(.works, .accept)
  }

  /// What passes through this host.
  func forward() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "forward", input: .present, output: .present)
    clearText(&draft, .reject)
    draft.say(.works, .accept, [(.connection, Self.replies)])
    draft.say(.works, .accept, Self.errors)
    draft.say(.midstream, .reject, Self.midstream + [(.input, input(.containers))])
    draft.say(.works, .accept, [(.input, input(.containers))])
    draft.say(.granted, .accept, [(.connection, Self.translated)])
    var groups: [[(PacketSpace.Field, IntervalSet)]] = []
    for passage in traffic.passages {
      let exit =
        switch passage.exit {
        case .interfaces(let patterns): IntervalSet.union(patterns.map { PacketSpace.names($0) })
        case .anyNetwork: IntervalSet(0, .max).subtracting(input(.tunnel))
        }
      let group = [(PacketSpace.Field.input, input(passage.zone)), (.output, exit)]
      if !groups.contains(where: { $0[0].1 == group[0].1 && $0[1].1 == group[1].1 }) { groups.append(group) }
    }
    draft.say(.granted, .accept, any: groups)
    return draft.finished(.forwarded, .drop)
  }

  /// TCP that neither opens a connection nor belongs to one.
  private static let midstream: [(PacketSpace.Field, IntervalSet)] = [
    (.connection, fresh),
    (.service, PacketSpace.Service.all(.tcp)), (.tcpFlags, laterFlags),
  ]

  /// What this host sends.
  func output() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "output", input: .absent, output: .present)
    draft.say(.works, .accept, [(.output, Self.loopback)])
    clearText(&draft, .reject)
    draft.say(.midstream, .reject, Self.midstream)
    return draft.finished(.works, .accept)
  }

  /// What leaves, when every other table has had its say on the way.
  func postrouting() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "postrouting", input: .absent, output: .present)
    clearText(&draft, .drop)
    return draft.finished(.works, .accept)
  }

  private func clearText(_ draft: inout SpecificationDraft, _ outcome: MachineSpecification.Outcome) {
    for part in encryptions {
      let outside = (PacketSpace.Field.output, elsewhere(part.tunnel))
      for family in AddressFamily.allCases {
        let inside = PacketSpace.addresses(part.inside, family)
        let endpoints = PacketSpace.addresses(part.endpoints, family)
        draft.say(.encrypted, outcome, [(.destination, inside), outside], family)
        draft.say(
          .encrypted, outcome,
          [(.destination, endpoints), outside, (.service, Self.everyService.subtracting(part.own))], family)
      }
    }
  }
}
