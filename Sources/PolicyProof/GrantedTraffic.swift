// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis
internal import Ruleset

/// What the grants of a policy open on one machine, derived from the policy without the compiler, so that the
/// compiled ruleset can be compared with it.
struct GrantedTraffic {
  /// Packets to the machine itself that a grant accepts from a zone.
  struct Arrival: Hashable {
    let zone: SiteZone
    let ports: [ServicePort]
    let sources: Sources
    var condition: Condition = .none
    var limit: ConnectionLimit?
  }

  /// Packets that the machine forwards because of a grant.
  struct Passage {
    let zone: SiteZone
    let ports: [ServicePort]
    let sources: Sources
    let destinations: [Prefix]
    let exit: Exit
    var limit: ConnectionLimit?
  }

  /// Packets that the machine itself, or its containers, may send although they are confined.
  struct Departure: Hashable {
    let sender: Confinement.Sender
    let ports: [ServicePort]
    let destinations: [Prefix]
    let exit: Exit
  }

  enum Sources: Hashable {
    case anyone
    case prefixes([Prefix])
  }

  /// A further condition on packets to the ports of the host's own DHCP clients.
  enum Condition: Hashable {
    case none
    case dhcp
    case dhcpv6
  }

  enum Exit: Hashable {
    case interfaces([InterfacePattern])
    /// Any interface that is not a tunnel.
    case anyNetwork
    /// Any interface that is not a tunnel, not of containers, and not of a network without prefixes.
    case internet
  }

  let zones: [SiteZone]
  private(set) var arrivals: [Arrival] = []
  private(set) var passages: [Passage] = []
  private(set) var departures: [Departure] = []
  /// The limits of grants for these packets.
  var limits: Set<ConnectionLimit> {
    Set(arrivals.compactMap(\.limit)).union(passages.compactMap(\.limit))
  }

  private let policy: Policy
  private let machine: Machine
  /// The subnets of other machines that share a tunnel with this one.
  private let neighbours: [(subnet: Prefix, machine: Machine)]

  /// What is granted on a machine on a day. `machines` are the machines of the policy by name.
  init(
    _ policy: Policy, _ machine: Machine, _ machines: [String: Machine], today: CalendarDate,
    grants: GrantIndex
  ) {
    self.policy = policy
    self.machine = machine
    neighbours = policy.machines.filter { other in
      other.name != machine.name && !other.subnets.isEmpty
        && policy.tunnels.contains {
          !machine.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty
        }
    }.flatMap { other in other.subnets.map { ($0, other) } }
    zones = SiteZone.zones(of: machine, in: policy)
    addBuiltIn()
    let confined = Set(policy.confinements.filter { $0.machine == machine.name }.map(\.sender))
    for grant in grants.concerning(machine) where grant.until.map({ $0 >= today }) ?? true {
      let ports = Set(grant.services.flatMap(\.ports)).sorted()
      // What nothing confines needs no grant.
      if !confined.isEmpty { addDepartures(grant, ports, confined, machines) }
      if isOnlyOutbound(grant) { continue }
      let own = grant.to.filter { $0.machine == machine.name }
      if !own.isEmpty {
        for (zone, sources) in byZone(grant.from.flatMap { self.arrivals(of: $0, machines) }) {
          for target in own { add(target, zone, ports, sources, grant.limit) }
        }
      }
      for tunnel in policy.tunnels {
        let outward = byZone(grant.from.flatMap { departures(of: $0, into: tunnel, machines) })
        if outward.isEmpty { continue }
        let destinations = grant.to.flatMap { target -> [Prefix] in
          guard target.machine != machine.name, let receiver = machines[target.machine],
            !receiver.addresses(in: tunnel.name).isEmpty
          else { return [] }
          return Self.destinations(target, receiver, tunnel, policy)
        }
        if destinations.isEmpty { continue }
        for (zone, sources) in outward {
          passages.append(
            Passage(
              zone: zone, ports: ports, sources: sources, destinations: destinations,
              exit: .interfaces([.exact(tunnel.name)]), limit: grant.limit))
        }
      }
    }
    passages.removeAll { !Self.isPossible($0) }
  }

  /// Whether a packet can match both the sources and the destinations: some of them must have the same
  /// family.
  private static func isPossible(_ passage: Passage) -> Bool {
    guard case .prefixes(let sources) = passage.sources else { return !passage.destinations.isEmpty }
    return passage.destinations.contains { destination in sources.contains { $0.family == destination.family }
    }
  }

  /// Merges the sources of each zone, in the order of the zones.
  private func byZone(_ parts: [(SiteZone, Sources)]) -> [(SiteZone, Sources)] {
    if parts.count < 2 { return parts }
    return zones.compactMap { zone in
      let own = parts.filter { $0.0.name == zone.name }.map(\.1)
      if own.isEmpty { return nil }
      var prefixes: [Prefix] = []
      for sources in own {
        guard case .prefixes(let some) = sources else { return (zone, .anyone) }
        prefixes += some
      }
      return (zone, .prefixes(prefixes))
    }
  }

  private mutating func addBuiltIn() {
    for tunnel in policy.tunnels where !machine.addresses(in: tunnel.name).isEmpty {
      if let live = machine.livePorts[tunnel.name], let port = PortRange(live.port), !live.peers.isEmpty {
        for zone in zones where zone.kind == .network || zone.kind == .internet {
          arrivals.append(
            Arrival(
              zone: zone, ports: [.ports(.udp, port)], sources: .prefixes(live.peers.map { Prefix($0) })))
        }
      }
      guard let port = tunnel.listen.flatMap({ PortRange($0) }) else { continue }
      arrivals += zones.map { Arrival(zone: $0, ports: [.ports(.udp, port)], sources: .anyone) }
    }
    guard let dhcp = PortRange(68), let dhcpv6 = PortRange(546) else { return }
    for zone in zones where zone.kind == .network || zone.kind == .internet {
      arrivals.append(Arrival(zone: zone, ports: [.ports(.udp, dhcp)], sources: .anyone, condition: .dhcp))
      arrivals.append(
        Arrival(zone: zone, ports: [.ports(.udp, dhcpv6)], sources: .anyone, condition: .dhcpv6))
    }
  }

  private mutating func add(
    _ target: GrantTarget, _ zone: SiteZone, _ ports: [ServicePort], _ sources: Sources,
    _ limit: ConnectionLimit?
  ) {
    switch target {
    case .machine: arrivals.append(Arrival(zone: zone, ports: ports, sources: sources, limit: limit))
    case .zone(_, let name):
      // Hosts of one zone reach each other without passing this machine.
      guard name != zone.name else { return }
      let home = machine.zone(named: name)
      passages.append(
        Passage(
          zone: zone, ports: ports, sources: sources, destinations: Self.hosts(of: name, on: machine, policy),
          exit: home.map { .interfaces($0.interfaces) } ?? .internet, limit: limit))
    case .subnet(_, let prefix):
      let home = machine.zones.first { $0.prefixes.contains { $0.contains(prefix) } }
      passages.append(
        Passage(
          zone: zone, ports: ports, sources: sources, destinations: [prefix],
          exit: home.map { .interfaces($0.interfaces) } ?? .anyNetwork, limit: limit))
    }
  }

  /// Whether a grant is only about what one machine and its containers send to places outside: nobody forwards that.
  private func isOnlyOutbound(_ grant: Grant) -> Bool {
    var machines: Set<String> = []
    for target in grant.to {
      if case .machine = target { return false }
      machines.insert(target.machine)
    }
    for source in grant.from {
      switch source {
      case .machine(let name), .machineZone(let name, Zone.containers): machines.insert(name)
      case .tunnel, .zone, .machineZone, .prefix, .list, .anywhere: return false
      }
    }
    return machines.count == 1
  }

  /// What a grant lets this machine and its containers send, of those that are confined.
  private mutating func addDepartures(
    _ grant: Grant, _ ports: [ServicePort], _ confined: Set<Confinement.Sender>, _ machines: [String: Machine]
  ) {
    func add(_ sender: Confinement.Sender, _ destinations: [Prefix], _ exit: Exit) {
      if destinations.isEmpty { return }
      departures.append(Departure(sender: sender, ports: ports, destinations: destinations, exit: exit))
    }
    for target in grant.to {
      var senders: Set<Confinement.Sender> = []
      let isOwn = target.machine == machine.name
      for source in grant.from {
        switch source {
        case .machine(let name): if name == machine.name { senders.insert(.host) }
        case .tunnel(let name): if !isOwn, !machine.addresses(in: name).isEmpty { senders.insert(.host) }
        case .machineZone(let name, let zone):
          if name == machine.name, zone == Zone.containers { senders.insert(.containers) }
        case .zone(let zone): if isOwn, zone == Zone.containers { senders.insert(.containers) }
        case .anywhere: senders.formUnion(isOwn ? [.containers] : [.containers, .host])
        case .prefix, .list: break
        }
      }
      for sender in senders.intersection(confined) {
        if !isOwn {
          guard let receiver = machines[target.machine] else { continue }
          for tunnel in tunnels(with: receiver) {
            add(
              sender, Self.destinations(target, receiver, tunnel, policy), .interfaces([.exact(tunnel.name)]))
          }
          continue
        }
        switch target {
        case .machine: break
        case .zone(_, let name):
          add(
            sender, Self.hosts(of: name, on: machine, policy),
            machine.zone(named: name).map { .interfaces($0.interfaces) } ?? .internet)
        case .subnet(_, let prefix):
          let home = machine.zones.first { $0.prefixes.contains { $0.contains(prefix) } }
          add(sender, [prefix], home.map { .interfaces($0.interfaces) } ?? .anyNetwork)
        }
      }
    }
  }

  private func zone(named name: String) -> SiteZone? { zones.first { $0.name == name } }

  /// The tunnels in which this machine and another one have addresses.
  private func tunnels(with other: Machine) -> [Tunnel] {
    policy.tunnels.filter {
      !machine.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty
    }
  }

  /// The zones from which a source arrives at the machine, and its addresses there.
  private func arrivals(of source: GrantSource, _ machines: [String: Machine]) -> [(SiteZone, Sources)] {
    switch source {
    case .machine(let name):
      guard name != machine.name, let other = machines[name] else { return [] }
      return tunnels(with: other).compactMap { tunnel in
        zone(named: tunnel.name.description).map {
          ($0, .prefixes(other.addresses(in: tunnel.name).map { Prefix($0) }))
        }
      }
    case .tunnel(let name):
      guard let tunnel = policy.tunnel(named: name.description), !machine.addresses(in: name).isEmpty,
        let zone = zone(named: name.description)
      else { return [] }
      return [(zone, .prefixes(tunnel.prefixes))]
    case .zone(let name): return zone(named: name).map { [($0, .anyone)] } ?? []
    case .machineZone(machine.name, let name): return zone(named: name).map { [($0, .anyone)] } ?? []
    case .machineZone(let name, let zoneName):
      guard let other = machines[name] else { return [] }
      return tunnels(with: other).compactMap { tunnel in
        zone(named: tunnel.name.description).map {
          ($0, .prefixes(Self.hosts(of: zoneName, on: other, policy)))
        }
      }
    case .anywhere: return zones.map { ($0, $0.kind == .tunnel ? .prefixes(inside($0)) : .anyone) }
    case .prefix(let prefix): return homes(of: prefix).map { ($0, .prefixes([prefix])) }
    case .list(let name):
      let prefixes = policy.list(named: name)?.prefixes ?? []
      return zones.filter { $0.kind == .network || $0.kind == .internet }.map { ($0, .prefixes(prefixes)) }
    }
  }

  /// The zones that are the home of an address, as policy-language.md defines it: the tunnel that has it,
  /// else the zone that has it, else the tunnels to the machine behind which it is, else `internet` and every
  /// network zone without prefixes.
  private func homes(of prefix: Prefix) -> [SiteZone] {
    if let tunnel = policy.tunnels.first(where: { $0.prefixes.contains { $0.overlaps(prefix) } }) {
      return tunnel.prefixes.contains { $0.contains(prefix) }
        ? zones.filter { $0.name == tunnel.name.description } : withoutHome(prefix)
    }
    if let own = zones.first(where: { $0.kind != .tunnel && $0.prefixes.contains { $0.overlaps(prefix) } }) {
      if own.kind == .containers { return [] }
      return own.prefixes.contains { $0.contains(prefix) } ? [own] : withoutHome(prefix)
    }
    guard let owner = neighbours.first(where: { $0.subnet.contains(prefix) })?.machine else {
      return withoutHome(prefix)
    }
    let names = tunnels(with: owner).map(\.name.description)
    return zones.filter { names.contains($0.name) }
  }

  /// The addresses whose home is a tunnel: its prefixes, and the subnets of other machines that this machine reaches through
  /// it, without the machines' public addresses and the zones of this machine.
  func inside(_ tunnel: SiteZone) -> [Prefix] {
    let behind = neighbours.filter { neighbour in
      tunnels(with: neighbour.machine).contains { $0.name.description == tunnel.name }
    }.map(\.subnet)
    let never = policy.machines.flatMap(\.endpoint.prefixes) + machine.zones.flatMap(\.prefixes)
    let own = policy.tunnel(named: tunnel.name)?.prefixes ?? []
    return own + Prefix.subtract(never, from: behind)
  }

  private func withoutHome(_ prefix: Prefix) -> [SiteZone] {
    zones.filter { $0.kind == .internet || ($0.kind == .network && $0.prefixes.isEmpty && prefix.length > 0) }
  }

  /// The zones from which a source enters the machine to be forwarded into a tunnel: as the tunnel's hub, or
  /// from one of the machine's own zones.
  private func departures(
    of source: GrantSource, into tunnel: Tunnel, _ machines: [String: Machine]
  ) -> [(SiteZone, Sources)] {
    var result: [(SiteZone, Sources)] = []
    if case .machineZone(machine.name, let name) = source, !machine.addresses(in: tunnel.name).isEmpty,
      let zone = zone(named: name)
    {
      result.append((zone, zone.prefixes.isEmpty ? .anyone : .prefixes(zone.prefixes)))
    }
    if case .prefix(let prefix) = source, !machine.addresses(in: tunnel.name).isEmpty,
      machine.subnets.contains(where: { $0.contains(prefix) })
    {
      // Behind a `map` this machine sees the hosts by their own addresses.
      let maps = policy.translations.filter { $0.machine == machine.name }.compactMap { translation in
        if case .map(let inside, let outside) = translation.kind { (inside, outside) } else { nil }
      }
      let own =
        maps.first { $0.1.contains(prefix) }.map { inside, outside in
          Prefix(
            containing: IPAddress(
              family: prefix.family, bits: inside.address.bits + (prefix.address.bits - outside.address.bits)),
            length: prefix.length)
        } ?? prefix
      result += homes(of: own).filter { $0.prefixes.contains { $0.contains(own) } }
        .map { ($0, .prefixes([own])) }
    }
    guard tunnel.hub == machine.name, let inside = zone(named: tunnel.name.description) else { return result }
    switch source {
    case .machine(let name) where name != machine.name:
      let addresses = machines[name]?.addresses(in: tunnel.name) ?? []
      if !addresses.isEmpty { result.append((inside, .prefixes(addresses.map { Prefix($0) }))) }
    case .tunnel(tunnel.name): result.append((inside, .prefixes(tunnel.prefixes)))
    case .machineZone(let name, let zoneName) where name != machine.name:
      if let other = machines[name], !other.addresses(in: tunnel.name).isEmpty {
        result.append((inside, .prefixes(Self.hosts(of: zoneName, on: other, policy))))
      }
    case .anywhere: result.append((inside, .prefixes(self.inside(inside))))
    case .prefix(let prefix):
      if homes(of: prefix).contains(where: { $0.name == inside.name }),
        !tunnel.prefixes.contains(where: { $0.contains(prefix) })
      {
        result.append((inside, .prefixes([prefix])))
      }
    case .machine, .tunnel, .zone, .machineZone, .list: break
    }
    return result
  }
}
