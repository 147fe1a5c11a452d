// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis
internal import Ruleset
internal import PacketSets

/// Writes a machine's specification, one place at a time.
struct SpecificationWriter {
  let policy: Policy
  let live: LiveFacts
  let machine: Machine
  let traffic: GrantedTraffic
  let encryptions: [Encrypted]
  let inputs: [String: IntervalSet]
  let homes: [Home]
  /// Public addresses of the policy's machines.
  let endpoints: [Prefix]
  let translations: [Translated]
  /// The addresses of other machines in each tunnel to which a grant sends packets from the tunnel, by the tunnel's name.
  private let relayed: [String: [AddressFamily: IntervalSet]]
  /// The rates that are above their limits.
  var exceeded: Set<RateCondition>

  /// The public addresses of machines that `encrypt` allows this machine to reach only through a tunnel.
  struct Encrypted: Hashable {
    let tunnel: InterfaceName
    /// WireGuard's port, as a set of ports.
    let listen: IntervalSet
    /// The source ports that WireGuard of this machine may use.
    let sending: IntervalSet
    /// WireGuard's port, as a set of services.
    let own: IntervalSet
    /// The services at which WireGuard of this machine receives.
    let receiving: IntervalSet
    /// The public addresses of the other machines.
    let endpoints: [Prefix]
    /// Public addresses that other hosts use too, with the services that are closed there.
    let shared: [Shared]

    struct Shared: Hashable {
      let endpoints: [Prefix]
      let services: IntervalSet
    }
  }

  /// Addresses whose home is some zones: they are accepted as sources only on the interfaces of these zones.
  struct Home: Hashable {
    enum Kind { case tunnel, zone, behind }
    let kind: Kind
    let zones: [String]
    let prefixes: [Prefix]
  }

  static let loopback = IntervalSet(PacketSpace.number(.loopback))
  static let linkLocal = IntervalSet(
    UInt128(0xfe80) << 112, UInt128(0xfe80) << 112 | ((UInt128(1) << 118) - 1))

  init(
    _ policy: Policy, _ machine: Machine, _ machines: [String: Machine], _ traffic: GrantedTraffic,
    _ live: LiveFacts, exceeded: Set<RateCondition> = []
  ) {
    self.exceeded = exceeded
    /// The known public addresses of a machine.
    func endpoints(of other: Machine) -> [Prefix] {
      switch other.endpoint {
      case .roaming: []
      case .addresses(let addresses): addresses.map { Prefix($0) }
      case .live: (live.addresses[other.name] ?? []).map { Prefix($0) }
      }
    }
    self.policy = policy
    self.live = live
    self.machine = machine
    self.traffic = traffic
    translations = Self.translated(policy, machine, machines, traffic.zones)
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
      // A line without `shared` for a machine is stronger than one with it.
      let whole = Set(lines.flatMap { line in line.machines.filter { !line.shared.contains($0) } })
      let names = Set(lines.flatMap(\.machines)).subtracting([machine.name]).sorted()
      if names.isEmpty { return nil }
      let others = names.filter { whole.contains($0) }.compactMap { machines[$0] }
      let shared = names.filter { !whole.contains($0) }.compactMap { machines[$0] }.map { other in
        let granted = (policy.grants + policy.failsafe).filter { grant in
          grant.to.contains(.machine(other.name)) && grant.from.contains(where: Self.arrivesInTunnel)
        }
        return Encrypted.Shared(
          endpoints: endpoints(of: other),
          services: IntervalSet.union(granted.flatMap { $0.services.flatMap(\.ports) }.map(\.services)))
      }
      // A machine that no other one calls may use any port.
      let isCalled = machine.endpoint != .roaming
      let own = PacketSpace.Service.ports(.udp, listen...listen)
      let live = machine.livePorts[tunnel.name].map { PacketSpace.Service.ports(.udp, $0.port...$0.port) }
      return Encrypted(
        tunnel: tunnel.name, listen: IntervalSet(UInt128(listen)),
        sending: isCalled ? IntervalSet(UInt128(listen)) : IntervalSet(0, 0xffff), own: own,
        receiving: own.union(live ?? .empty), endpoints: others.flatMap { endpoints(of: $0) },
        shared: shared)
    }
    self.endpoints = policy.machines.flatMap { endpoints(of: $0) }
    var homes = policy.tunnels.map {
      Home(kind: .tunnel, zones: [$0.name.description], prefixes: $0.prefixes)
    }
    homes += traffic.zones.filter { $0.kind != .tunnel && !$0.prefixes.isEmpty }.map {
      Home(kind: .zone, zones: [$0.name], prefixes: $0.prefixes)
    }
    // Endpoints stay reachable outside the tunnel for WireGuard's own packets, and a zone's addresses are on
    // a link.
    let outside = policy.machines.flatMap(\.endpoint.prefixes) + machine.zones.flatMap(\.prefixes)
    for other in policy.machines where other.name != machine.name && !other.subnets.isEmpty {
      let tunnels = policy.tunnels.filter {
        !machine.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty
      }
      if tunnels.isEmpty { continue }
      homes.append(
        Home(
          kind: .behind, zones: tunnels.map(\.name.description),
          prefixes: Prefix.subtract(outside, from: other.subnets)))
    }
    self.homes = homes
    var relayed: [String: [AddressFamily: IntervalSet]] = [:]
    for tunnel in policy.tunnels {
      let passages = traffic.passages.filter { passage in
        guard passage.zone.name == tunnel.name.description, case .interfaces(let exits) = passage.exit else {
          return false
        }
        return exits.contains(.exact(tunnel.name))
      }
      if passages.isEmpty { continue }
      let others = policy.machines.filter { $0.name != machine.name }
        .flatMap { $0.addresses(in: tunnel.name) }.map { Prefix($0) }
      // Other rules are about these too.
      let special =
        encryptions.flatMap { $0.endpoints + $0.shared.flatMap(\.endpoints) }
        + homes.filter { $0.kind != .zone && !$0.zones.contains(tunnel.name.description) }.flatMap(\.prefixes)
      for family in AddressFamily.allCases {
        let granted = passages.filter { !Self.sources($0.sources, family).isEmpty }.flatMap(\.destinations)
        relayed[tunnel.name.description, default: [:]][family] =
          PacketSpace.addresses(granted, family).intersection(PacketSpace.addresses(others, family))
          .subtracting(PacketSpace.addresses(special, family))
      }
    }
    self.relayed = relayed
  }

  private static func arrivesInTunnel(_ source: GrantSource) -> Bool {
    switch source {
    case .machine, .machineZone, .tunnel, .anywhere: true
    case .zone, .prefix, .list: false
    }
  }

  /// What the places behind ingress depend on. Machines with the same signature have the same specification
  /// there.
  struct Signature: Hashable {
    fileprivate let zones: [SiteZone]
    fileprivate let encryptions: [Encrypted]
    fileprivate let homes: [Home]
    fileprivate let subnets: [Prefix]
    fileprivate let translations: [Translated]
    fileprivate let passages: Set<PassageKey>
    fileprivate let departures: Set<GrantedTraffic.Departure>
    fileprivate let confinements: [Confinement]
    fileprivate let answered: [String]
    fileprivate let exceeded: Set<RateCondition>
    fileprivate let tunnelPorts: [InterfaceName: LivePort]
    fileprivate let redirected: [GrantedTraffic.Arrival]
    /// This machine's own addresses inside the destinations of a passage.
    fileprivate let ownDestinations: [Prefix]

    fileprivate struct PassageKey: Hashable {
      let zone: String
      let destinations: [Prefix]
      let exit: GrantedTraffic.Exit
    }
  }

  /// This machine's addresses in its tunnels.
  var ownAddresses: [Prefix] { machine.addresses.flatMap(\.addresses).map { Prefix($0) } }

  var signature: Signature {
    Signature(
      zones: traffic.zones, encryptions: encryptions, homes: homes, subnets: machine.subnets,
      translations: translations,
      passages: Set(
        traffic.passages.map {
          Signature.PassageKey(zone: $0.zone.name, destinations: $0.destinations, exit: $0.exit)
        }), departures: Set(traffic.departures),
      confinements: policy.confinements.filter { $0.machine == machine.name },
      answered: answered.map(\.name), exceeded: exceeded, tunnelPorts: machine.livePorts,
      redirected: traffic.arrivals.filter { mayPassThrough($0.zone) },
      ownDestinations: ownAddresses.filter { own in
        traffic.passages.contains { $0.destinations.contains { $0.overlaps(own) } }
      })
  }

  // MARK: Clauses

  func input(_ zone: SiteZone) -> IntervalSet { inputs[zone.name] ?? .empty }

  func input(_ kinds: SiteZone.Kind...) -> IntervalSet {
    IntervalSet.union(traffic.zones.filter { kinds.contains($0.kind) }.map { input($0) })
  }

  /// The interfaces on which packets may stay: those of networks that the policy names exactly, and the host's bridges.
  var staying: IntervalSet {
    let named = traffic.zones.filter { $0.kind == .network }.flatMap(\.interfaces).compactMap { pattern in
      if case .exact(let name) = pattern { PacketSpace.number(name) } else { nil }
    }
    let bridges = live.bridges.union(shared).map { PacketSpace.number($0) }
    return IntervalSet((named + bridges).sorted()).intersection(input(.network, .internet))
  }

  /// Bridges that the zone of containers names but that are networks.
  private var shared: Set<InterfaceName> {
    let containers = traffic.zones.filter { $0.kind == .containers }.flatMap(\.interfaces)
    return live.sharedBridges.filter { bridge in containers.contains { $0.matches(bridge) } }
  }

  /// The packets that arrive through a tunnel for this machine's own address there: they are for this host, whatever the
  /// routing table says.
  func toOwnAddresses(_ family: AddressFamily) -> [Conditions] {
    traffic.zones.filter { $0.kind == .tunnel }.map {
      [(.input, input($0)), (.destination, ownAddresses(in: $0, family))]
    }
  }

  /// This machine's own addresses in a tunnel; none for another zone.
  func ownAddresses(in zone: SiteZone, _ family: AddressFamily) -> IntervalSet {
    guard zone.kind == .tunnel, let tunnel = policy.tunnels.first(where: { $0.name.description == zone.name })
    else {
      return .empty
    }
    return PacketSpace.addresses(machine.addresses(in: tunnel.name).map { Prefix($0) }, family)
  }

  /// The addresses of other machines in a tunnel to which a grant sends packets from it: these are for others, whatever the
  /// routing table says. None for another zone.
  func relayed(in zone: SiteZone, _ family: AddressFamily) -> IntervalSet {
    relayed[zone.name]?[family] ?? .empty
  }

  /// The packets that arrive through a tunnel for other machines there.
  func relayed(_ family: AddressFamily) -> [Conditions] {
    traffic.zones.filter { $0.kind == .tunnel }.map {
      [(.input, input($0)), (.destination, relayed(in: $0, family))]
    }
  }

  func elsewhere(_ tunnel: InterfaceName) -> IntervalSet {
    IntervalSet(0, .max).subtracting(IntervalSet(PacketSpace.number(tunnel)))
  }

  typealias Conditions = [(PacketSpace.Field, IntervalSet)]

  /// Sources that belong to the zone of the interface on which they arrive.
  static func ofLink(_ family: AddressFamily) -> IntervalSet {
    family == .ipv6
      ? linkLocal.union(IntervalSet(0)) : IntervalSet(0xa9fe_0000, 0xa9fe_ffff).union(IntervalSet(0))
  }

  /// The packets of a zone: those that arrive on its interfaces. On an interface of a zone with prefixes,
  /// only sources in the prefixes belong to the zone; the others belong to `internet`.
  package func packets(of zone: SiteZone, _ family: AddressFamily) -> [Conditions] {
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

  /// Whether this machine may forward packets of a zone.
  func mayPassThrough(_ zone: SiteZone) -> Bool {
    zone.kind == .containers || traffic.passages.contains { $0.zone.name == zone.name }
  }

  static let localTypes = IntervalSet([2, 3, 4, 5] as [UInt128])
  /// Broadcast and multicast.
  static let sharedTypes = IntervalSet([3, 5] as [UInt128])
  /// `PACKET_BROADCAST`, `PACKET_MULTICAST`.
  static let framesForMany = IntervalSet([1, 2] as [UInt128])
  /// Broadcast, anycast and multicast.
  static let unansweredTypes = IntervalSet([3, 4, 5] as [UInt128])
  static let groups = IntervalSet(5)
  static let otherTypes = IntervalSet([1, 6, 7, 8] as [UInt128])
  static let noLinkLayer = IntervalSet(UInt128(LinkType.linkless.rawValue))
  static let replies = PacketSpace.Connection.set {
    $0.direction == .reply && $0.state == .established
  }
  /// Destination unreachable, time exceeded, parameter problem (RFC 792); errors of ICMPv6 (RFC 4443).
  static let errors: Conditions = [
    (
      .service,
      PacketSpace.Service.types(.icmp, 3...3).union(PacketSpace.Service.types(.icmp, 11...12))
        .union(PacketSpace.Service.types(.icmpv6, 1...4))
    ), (.connection, PacketSpace.Connection.set { $0.state == .related }),
  ]
  static let redirects = PacketSpace.Service.types(.icmp, 5...5)
    .union(PacketSpace.Service.types(.icmpv6, 137...137))
  static let translated = PacketSpace.Connection.set {
    $0.status?.contains(.destinationNAT) ?? false
  }
  static let untranslated = PacketSpace.Connection.set {
    $0.status.map { !$0.contains(.destinationNAT) } ?? false
  }
  static let tag = IntervalSet(1)
  /// IPv4 headers of seven words and more, in the first byte of the packet; the IPv6 routing header (RFC 8200 section 4.4).
  static let sourceRoutes = IntervalSet(0x47, 0x4f).union(IntervalSet(43))
  static let everyService = IntervalSet(0, 0xff_ffff)

  /// Flags of the first packet of a TCP connection: of FIN, SYN, RST and ACK, only SYN.
  static let firstFlags = IntervalSet(
    (0...0xff as ClosedRange<UInt128>).filter { $0 & 0x17 == 2 })
  static let laterFlags = IntervalSet(0, 0xff).subtracting(firstFlags)
  static let fresh = PacketSpace.Connection.set { $0.state == .new }
  static let invalid = PacketSpace.Connection.set { $0.state == .invalid }
  static let notReplies = PacketSpace.Connection.set { $0.direction != .reply }
}

extension SpecificationWriter {
  /// Whether the answers of `refuse` are above their rate.
  var isAboveAnswers: Bool {
    exceeded.contains { if case .packets = $0 { true } else { false } }
  }

  /// The packets that a grant with this limit accepts, of all: without the new connections above it.
  func within(_ limit: ConnectionLimit?) -> Conditions {
    guard let limit, exceeded.contains(.connections(limit)) else { return [] }
    return [(.connection, PacketSpace.Connection.set { $0.state != .new })]
  }
}
