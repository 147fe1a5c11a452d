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
  private let homes: [Home]
  /// Public addresses of the policy's machines.
  private let endpoints: [Prefix]

  /// The public addresses of machines that are to be reached by a tunnel or not at all, seen from the machine.
  struct Encrypted: Hashable {
    let tunnel: InterfaceName
    /// WireGuard's port.
    let listen: IntervalSet
    /// Packets to it.
    let own: IntervalSet
    /// The others' public addresses.
    let endpoints: [Prefix]
  }

  /// Addresses that belong to some interfaces, and are sources on these alone.
  struct Home: Hashable {
    enum Kind { case tunnel, zone, behind }
    let kind: Kind
    let zones: [String]
    let prefixes: [Prefix]
  }

  private static let loopback = IntervalSet(PacketSpace.number(.loopback))
  private static let linkLocal = IntervalSet(
    UInt128(0xfe80) << 112, UInt128(0xfe80) << 112 | ((UInt128(1) << 118) - 1))

  init(
    _ policy: Policy, _ machine: Machine, _ machines: [String: Machine], _ traffic: GrantedTraffic,
    _ live: LiveEndpoints
  ) {
    /// The public addresses of a machine, as far as they are known.
    func endpoints(of other: Machine) -> [Prefix] {
      switch other.endpoint {
      case .roaming: []
      case .addresses(let addresses): addresses.map { Prefix($0) }
      case .live: (live.addresses[other.name] ?? []).map { Prefix($0) }
      }
    }
    self.policy = policy
    self.machine = machine
    self.traffic = traffic
    var inputs: [String: IntervalSet] = [:]
    var claimed = Self.loopback
    for zone in traffic.zones where zone.kind != .internet {
      var names = IntervalSet.union(zone.interfaces.map { PacketSpace.names($0) })
      if zone.kind == .containers {
        names = names.subtracting(IntervalSet(live.sharedBridges.map { PacketSpace.number($0) }.sorted()))
      }
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
      return Encrypted(
        tunnel: tunnel.name, listen: IntervalSet(UInt128(listen)),
        own: PacketSpace.Service.ports(.udp, listen...listen), endpoints: others.flatMap { endpoints(of: $0) }
      )
    }
    self.endpoints = policy.machines.flatMap { endpoints(of: $0) }
    var homes = policy.tunnels.map {
      Home(kind: .tunnel, zones: [$0.name.description], prefixes: $0.prefixes)
    }
    homes += traffic.zones.filter { $0.kind != .tunnel && !$0.prefixes.isEmpty }.map {
      Home(kind: .zone, zones: [$0.name], prefixes: $0.prefixes)
    }
    for other in policy.machines where other.name != machine.name && !other.subnets.isEmpty {
      let tunnels = policy.tunnels.filter {
        !machine.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty
      }
      if tunnels.isEmpty { continue }
      homes.append(
        Home(kind: .behind, zones: tunnels.map(\.name.description), prefixes: other.subnets))
    }
    self.homes = homes
  }

  /// What the places behind the gate depend on: machines that have it in common have the same there.
  struct Signature: Hashable {
    fileprivate let zones: [SiteZone]
    fileprivate let encryptions: [Encrypted]
    fileprivate let homes: [Home]
    fileprivate let subnets: [Prefix]
    fileprivate let passages: Set<Way>
    fileprivate let redirected: [GrantedTraffic.Arrival]

    fileprivate struct Way: Hashable {
      let zone: String
      let destinations: [Prefix]
      let exit: GrantedTraffic.Exit
    }
  }

  var signature: Signature {
    Signature(
      zones: traffic.zones, encryptions: encryptions, homes: homes, subnets: machine.subnets,
      passages: Set(
        traffic.passages.map {
          Signature.Way(zone: $0.zone.name, destinations: $0.destinations, exit: $0.exit)
        }), redirected: traffic.arrivals.filter { mayPassThrough($0.zone) })
  }

  // MARK: Clauses

  private func input(_ zone: SiteZone) -> IntervalSet { inputs[zone.name] ?? .empty }

  private func input(_ kinds: SiteZone.Kind...) -> IntervalSet {
    IntervalSet.union(traffic.zones.filter { kinds.contains($0.kind) }.map { input($0) })
  }

  private func elsewhere(_ tunnel: InterfaceName) -> IntervalSet {
    IntervalSet(0, .max).subtracting(IntervalSet(PacketSpace.number(tunnel)))
  }

  private typealias Conditions = [(PacketSpace.Field, IntervalSet)]

  /// Sources that belong to the zone of the interface by which they come.
  private static func ofLink(_ family: AddressFamily) -> IntervalSet {
    family == .ipv6
      ? linkLocal.union(IntervalSet(0)) : IntervalSet(0xa9fe_0000, 0xa9fe_ffff).union(IntervalSet(0))
  }

  /// The packets of a zone: what comes by its interfaces. Of an interface of a zone with prefixes, these are the zone's
  /// and the rest is of `internet`.
  private func packets(of zone: SiteZone, _ family: AddressFamily) -> [Conditions] {
    func own(_ zone: SiteZone) -> IntervalSet {
      PacketSpace.addresses(zone.prefixes, family).union(Self.ofLink(family))
    }
    switch zone.kind {
    case .tunnel, .containers: return [[(.input, input(zone))]]
    case .network where zone.prefixes.isEmpty: return [[(.input, input(zone))]]
    case .network: return [[(.input, input(zone)), (.source, own(zone))]]
    case .internet:
      let shared = traffic.zones.filter { $0.kind == .network && !$0.prefixes.isEmpty }
      return [[(.input, input(zone))]]
        + shared.map { [(.input, input($0)), (.source, IntervalSet(0, .max).subtracting(own($0)))] }
    }
  }

  /// Whether packets of a zone may pass through this machine to others.
  private func mayPassThrough(_ zone: SiteZone) -> Bool {
    zone.kind == .containers || traffic.passages.contains { $0.zone.name == zone.name }
  }

  private static let localTypes = IntervalSet([2, 3, 4, 5] as [UInt128])
  private static let otherTypes = IntervalSet([1, 6, 7, 8] as [UInt128])
  private static let noLinkLayer = IntervalSet(UInt128(LinkType.linkless.rawValue))
  private static let replies = PacketSpace.Connection.set {
    $0.direction == .reply && $0.state == .established
  }
  /// Destination unreachable, time exceeded, parameter problem (RFC 792); errors of ICMPv6 (RFC 4443).
  private static let errors: Conditions = [
    (
      .service,
      PacketSpace.Service.types(.icmp, 3...3).union(PacketSpace.Service.types(.icmp, 11...12))
        .union(PacketSpace.Service.types(.icmpv6, 1...4))
    ), (.connection, PacketSpace.Connection.set { $0.state == .related }),
  ]
  private static let redirects = PacketSpace.Service.types(.icmp, 5...5)
    .union(PacketSpace.Service.types(.icmpv6, 137...137))
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

  /// Before fragments are put together: addresses and interfaces.
  func sources() -> MachineSpecification.Place {
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
    draft.say(.sourceRoutes, .drop, [(.sourceRoute, IntervalSet(1, 0xff))])
    let outside = IntervalSet(0, .max).subtracting(input(.tunnel))
    for tunnel in traffic.zones where tunnel.kind == .tunnel {
      draft.say(
        .linkTypes, .drop,
        [(.input, input(tunnel)), (.inputType, IntervalSet(0, 0xffff).subtracting(Self.noLinkLayer))])
    }
    for family in AddressFamily.allCases {
      let inside = machine.addresses.flatMap(\.addresses).map { Prefix($0) }
      draft.say(
        .tunnelAddresses, .drop,
        [(.destination, PacketSpace.addresses(inside, family)), (.input, outside)], family)
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
        draft.say(.works, .accept, [(.source, sources)], family)
      }
      for zone in traffic.zones where zone.kind == .containers && !zone.prefixes.isEmpty {
        draft.say(
          .zoneSources, .drop,
          [(.input, input(zone)), (.source, IntervalSet(0, .max).subtracting(Self.ofLink(family)))], family)
      }
    }
    return draft.finished(.works, .accept)
  }

  /// Before conntrack: what needs no connection to be recognised.
  func raw() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "raw", input: .present, output: .absent)
    draft.say(.works, .accept, [(.input, Self.loopback)])
    for zone in traffic.zones where zone.kind == .network || zone.kind == .internet {
      let closed: Conditions = [
        (.tcpFlags, Self.firstFlags),
        (.service, PacketSpace.Service.all(.tcp).subtracting(openPorts(zone))),
      ]
      for family in AddressFamily.allCases {
        draft.say(.closedPorts, .drop, any: packets(of: zone, family).map { $0 + closed }, family)
      }
    }
    return draft.finished(.works, .accept)
  }

  /// TCP ports that some grant opens for packets that arrive in the zone.
  private func openPorts(_ zone: SiteZone) -> IntervalSet {
    let ports =
      traffic.arrivals.filter { $0.zone.name == zone.name }.flatMap(\.ports)
      + traffic.passages.filter { $0.zone.name == zone.name }.flatMap(\.ports)
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
    draft.say(.works, .accept, [(.destinationType, Self.otherTypes), (.input, input(.containers))])
    return MachineSpecification.Place(
      chain: draft.chain, everything: draft.everything, clauses: draft.clauses,
      granted: (.granted, granted(draft)), rest: draft.rest)
  }

  /// What grants let through at the gate, whatever else is said of it.
  private func granted(_ draft: SpecificationDraft) -> [PacketSpace] {
    var result: [PacketSpace] = []
    for space in draft.everything {
      for arrival in traffic.arrivals {
        for conditions in conditions(of: arrival, .service, space.family) {
          add(space, conditions + [(.destinationType, Self.localTypes)], to: &result)
        }
      }
      for passage in traffic.passages {
        let conditions: Conditions = [
          (.destinationType, Self.otherTypes),
          (.destination, PacketSpace.addresses(passage.destinations, space.family)),
          (.source, Self.sources(passage.sources, space.family)),
          (.service, IntervalSet.union(passage.ports.map(Self.services))),
        ]
        for own in packets(of: passage.zone, space.family) { add(space, own + conditions, to: &result) }
      }
    }
    return result
  }

  private func add(_ space: PacketSpace, _ conditions: Conditions, to result: inout [PacketSpace]) {
    if let inside = space.narrowed(conditions) { result.append(inside) }
  }

  /// What a packet that some grant lets in must be; `ports` is the field that holds the port which its sender wrote.
  private func conditions(
    of arrival: GrantedTraffic.Arrival, _ ports: PacketSpace.Field, _ family: AddressFamily
  ) -> [Conditions] {
    var conditions: Conditions = [(.source, Self.sources(arrival.sources, family))]
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
        own + conditions + [(ports, IntervalSet.union(withPorts.map(Self.services)))],
        own + conditions + [(.service, IntervalSet.union(others.map(Self.services)))],
      ]
    }
  }

  private static func sources(_ sources: GrantedTraffic.Sources, _ family: AddressFamily) -> IntervalSet {
    switch sources {
    case .anyone: IntervalSet(0, .max)
    case .prefixes(let prefixes): PacketSpace.addresses(prefixes, family)
    }
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

  /// What this host receives behind every translation.
  func input() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "input", input: .present, output: .absent)
    draft.splitByTransport()
    draft.say(.works, .accept, [(.input, Self.loopback)])
    draft.say(.works, .accept, [(.connection, Self.replies)])
    draft.say(.works, .accept, Self.errors)
    // Translated from the address of another to one of this host: granted for this host by its original port, or not.
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
    draft.say(.ungranted, .drop, [(.destinationType, Self.otherTypes)])
    return draft.finished(.works, .accept)
  }

  /// What passes through this host.
  func forward() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "forward", input: .present, output: .present)
    tunnelOnly(&draft, .reject)
    for part in encryptions {
      let outside = (PacketSpace.Field.output, elsewhere(part.tunnel))
      for family in AddressFamily.allCases {
        let endpoints = PacketSpace.addresses(part.endpoints, family)
        refuse(&draft, .encrypted, .reject, [[(.destination, endpoints), outside]], family)
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
    draft.say(.works, .accept, [containers])
    draft.say(.granted, .accept, [(.connection, Self.translated)])
    draft.say(.forwarded, .drop, [(.destinationType, Self.localTypes)])
    for family in AddressFamily.allCases {
      var groups: [Conditions] = []
      for passage in traffic.passages where !Self.sources(passage.sources, family).isEmpty {
        let exit =
          switch passage.exit {
          case .interfaces(let patterns): IntervalSet.union(patterns.map { PacketSpace.names($0) })
          case .anyNetwork: IntervalSet(0, .max).subtracting(input(.tunnel))
          }
        let way: Conditions = [
          (.destination, PacketSpace.addresses(passage.destinations, family)), (.output, exit),
        ]
        groups += packets(of: passage.zone, family).map { $0 + way }
      }
      draft.say(.granted, .accept, any: groups, family)
    }
    return draft.finished(.forwarded, .drop)
  }

  /// WireGuard's ports, and those of Docker Swarm: 2377/tcp, 7946/tcp, 7946/udp, 4789/udp.
  private var hostServices: IntervalSet {
    let swarm: [(IPProtocol, UInt16)] = [(.tcp, 2377), (.tcp, 7946), (.udp, 7946), (.udp, 4789)]
    let handshakes = policy.tunnels.compactMap(\.listen).map { (IPProtocol.udp, $0) }
    return IntervalSet.union((swarm + handshakes).map { PacketSpace.Service.ports($0.0, $0.1...$0.1) })
  }

  /// TCP that neither opens a connection nor belongs to one.
  private static let midstream: Conditions = [
    (.connection, fresh),
    (.service, PacketSpace.Service.all(.tcp)), (.tcpFlags, laterFlags),
  ]

  /// What this host sends.
  func output() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "output", input: .absent, output: .present)
    draft.say(.works, .accept, [(.output, Self.loopback)])
    tunnelOnly(&draft, .reject)
    for part in encryptions {
      // WireGuard's own packets go from its port to its port.
      let others: [Conditions] = [
        [(.service, Self.everyService.subtracting(part.own))],
        [(.sourcePort, IntervalSet(0, 0xffff).subtracting(part.listen))],
      ]
      clearText(&draft, part, .reject, others)
    }
    draft.say(.midstream, .reset, Self.midstream)
    return draft.finished(.works, .accept)
  }

  /// What leaves, when every other table has had its say on the way.
  func postrouting() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "postrouting", input: .absent, output: .present)
    tunnelOnly(&draft, .drop)
    for part in encryptions {
      clearText(&draft, part, .drop, [[(.service, Self.everyService.subtracting(part.own))]])
    }
    return draft.finished(.works, .accept)
  }

  /// Destinations inside tunnels and behind them leave by the tunnel, or to this host itself.
  private func tunnelOnly(_ draft: inout SpecificationDraft, _ outcome: MachineSpecification.Outcome) {
    let own = homes.filter { $0.kind == .zone }.flatMap(\.prefixes) + machine.subnets
    for home in homes where home.kind != .zone {
      let tunnels = IntervalSet.union(traffic.zones.filter { home.zones.contains($0.name) }.map { input($0) })
      let elsewhere = IntervalSet(0, .max).subtracting(tunnels).subtracting(Self.loopback)
      for family in AddressFamily.allCases {
        var inside = PacketSpace.addresses(home.prefixes, family)
        if home.kind == .behind {
          inside = inside.subtracting(PacketSpace.addresses(own + policy.tunnels.flatMap(\.prefixes), family))
        }
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
      let endpoints = PacketSpace.addresses(part.endpoints, family)
      refuse(&draft, .encrypted, outcome, refused.map { [(.destination, endpoints), outside] + $0 }, family)
    }
  }

  /// Says that packets are refused: those with an answer by a reset where they begin a TCP connection.
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
