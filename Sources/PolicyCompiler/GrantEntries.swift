// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// All grants, sorted by the zone where their packets arrive on this machine, and by their destination.
struct GrantEntries {
  /// Grants to this machine itself, by zone name.
  private(set) var local: [String: [GrantEntry]] = [:]
  /// Grants through this machine, by zone name, in policy order.
  private(set) var transit: [String: [(destination: TransitDestination, entries: [GrantEntry])]] = [:]

  /// What confined senders on this machine may send, in policy order.
  private(set) var outbound:
    [Confinement.Sender: [(destination: TransitDestination, entries: [GrantEntry])]] = [:]

  private let site: Site
  private let restriction: Restriction
  private var nextNumber = 0
  /// The index of a destination in `transit`.
  private var places: [PlaceKey: Int] = [:]

  private struct PlaceKey: Hashable {
    let zone: String
    let destination: TransitDestination
  }

  /// The numbers of entries that were narrowed to one family.
  private var narrowedNumbers: [NarrowedKey: Int] = [:]

  private struct NarrowedKey: Hashable {
    let number: Int
    let family: AddressFamily
  }

  /// `outbound` are the grants for what confined senders send: a restriction closes this machine, but what its own programs
  /// may do stays as it is.
  init(site: Site, grants: GrantIndex, outbound: GrantIndex, restriction: Restriction) {
    self.restriction = restriction
    self.site = site
    addHandshakes()
    addDHCP()
    let senders = Set(site.policy.confinements.filter { $0.machine == site.machine.name }.map(\.sender))
    if !senders.isEmpty {
      for indexed in outbound.concerning(site.machine) {
        addOutbound(indexed.grant, indexed.template, senders)
      }
    }
    for indexed in grants.concerning(site.machine) {
      if indexed.grant.isOutboundOnly { continue }
      addArrivals(indexed.grant, indexed.template)
      for tunnel in site.policy.tunnels { addPassage(indexed.grant, indexed.template, tunnel) }
    }
    narrowDestinations()
  }

  /// WireGuard's own port is open from everywhere: WireGuard does not answer unknown peers. A port that it chose itself
  /// is open from its peers: after WireGuard, another program may have it.
  private mutating func addHandshakes() {
    for tunnel in site.policy.tunnels where !site.machine.addresses(in: tunnel.name).isEmpty {
      if let live = site.machine.livePorts[tunnel.name] { addHandshakes(live, of: tunnel) }
      guard let listen = tunnel.listen, let port = PortRange(listen) else { continue }
      let name = Identifier.clean(tunnel.name.description)
      let entry = GrantEntry(
        counter: "allow-tunnel-\(name)",
        origin: site.origin(tunnel.location.line, "tunnel \(tunnel.name)"),
        services: [Service(name: "tunnel-\(name)", ports: [.ports(.udp, port)])], sources: .anyone,
        isEverywhere: true)
      let entries = entries(entry, [.anyone])
      for zone in site.zones { local[zone.name, default: []] += entries }
    }
  }

  private mutating func addHandshakes(_ live: LivePort, of tunnel: Tunnel) {
    guard !live.peers.isEmpty, let port = PortRange(live.port) else { return }
    let name = Identifier.clean(tunnel.name.description)
    let entry = GrantEntry(
      counter: "allow-tunnel-\(name)",
      origin: site.origin(tunnel.location.line, "tunnel \(tunnel.name)"),
      services: [Service(name: "tunnel-\(name)-now", ports: [.ports(.udp, port)])], sources: .anyone)
    for zone in site.networks where zone.kind != .containers {
      local[zone.name, default: []] += entries(entry, [.addresses(live.peers)])
    }
  }

  private mutating func addDHCP() {
    let kinds: [(String, UInt16, GrantEntry.Condition)] = [("dhcp", 68, .dhcp), ("dhcpv6", 546, .dhcpv6)]
    for (name, number, condition) in kinds {
      guard let port = PortRange(number) else { continue }
      let entry = GrantEntry(
        counter: "allow-\(name)", origin: Origin(reason: "replies to this host's \(name) client"),
        services: [Service(name: name, ports: [.ports(.udp, port)])], sources: .anyone, condition: condition,
        isEverywhere: true)
      let entries = entries(entry, [.anyone])
      for zone in site.networks where zone.kind != .containers { local[zone.name, default: []] += entries }
    }
  }

  /// The entries of a grant in one zone: one entry for all sources of a kind.
  private mutating func entries(_ template: GrantEntry, _ sources: [GrantEntry.Sources]) -> [GrantEntry] {
    var merged: [GrantEntry.Sources] = []
    for source in sources {
      switch (merged.last, source) {
      case (.anyone, .anyone): break
      case (.addresses(let old), .addresses(let new)): merged[merged.count - 1] = .addresses(old + new)
      case (.prefixes(let old), .prefixes(let new)): merged[merged.count - 1] = .prefixes(old + new)
      default: merged.append(source)
      }
    }
    return merged.map { sources in
      var entry = template
      entry.sources = sources
      entry.number = nextNumber
      nextNumber += 1
      return entry
    }
  }

  /// A grant to this machine, or to destinations in its zones.
  private mutating func addArrivals(_ grant: Grant, _ template: GrantEntry) {
    let targets = grant.to.filter { $0.machine == site.machine.name }
    if targets.isEmpty { return }
    var sources: [String: [GrantEntry.Sources]] = [:]
    for source in grant.from {
      for (zone, arrival) in arrivals(source) { sources[zone.name, default: []].append(arrival) }
    }
    for zone in site.zones {
      guard let arrivals = sources[zone.name] else { continue }
      let entries = entries(template, arrivals)
      for target in targets {
        switch (target, destination(of: target)) {
        case (.machine, _): local[zone.name, default: []] += entries
        // Inside a zone hosts reach each other without this machine.
        case (.zone(_, zone.name), _), (_, nil): break
        case (_, let destination?): append(entries, from: zone, through: destination)
        }
      }
    }
  }

  /// The zones of this machine where packets of a source arrive, with their sources as seen there.
  private func arrivals(_ source: GrantSource) -> [(SiteZone, GrantEntry.Sources)] {
    switch source {
    case .machine(let name):
      guard name != site.machine.name, let other = site.machine(named: name) else { return [] }
      return site.tunnels(shared: site.machine, other).compactMap { tunnel in
        site.zone(named: tunnel.name.description).map { ($0, .addresses(other.addresses(in: tunnel.name))) }
      }
    case .tunnel(let name):
      guard let tunnel = site.policy.tunnel(named: name.description),
        !site.machine.addresses(in: name).isEmpty,
        let zone = site.zone(named: name.description)
      else { return [] }
      return [(zone, .prefixes(tunnel.prefixes))]
    case .zone(let name):
      return site.zone(named: name).map { [($0, .anyone)] } ?? []
    case .machineZone(let name, let zoneName):
      if name == site.machine.name { return site.zone(named: zoneName).map { [($0, .anyone)] } ?? [] }
      guard let other = site.machine(named: name) else { return [] }
      let hosts = hosts(of: zoneName, on: other)
      return site.tunnels(shared: site.machine, other).compactMap { tunnel in
        site.zone(named: tunnel.name.description).map { ($0, hosts) }
      }
    case .anywhere: return site.zones.map { ($0, anywhere(in: $0)) }
    case .prefix(let prefix): return zones(of: prefix).map { ($0, .prefixes([prefix])) }
    case .list(let name): return site.networks.filter { $0.kind != .containers }.map { ($0, .list(name)) }
    }
  }

  /// Every source of a zone. In a tunnel these are the addresses whose home it is: a peer that may send from any address
  /// is not the internet.
  private func anywhere(in zone: SiteZone) -> GrantEntry.Sources {
    zone.kind == .tunnel ? .prefixes(site.homes.prefixes(of: zone.name)) : .anyone
  }

  /// The hosts that another machine routes from one of its zones, as sources.
  private func hosts(of zone: String, on other: Machine) -> GrantEntry.Sources {
    let own = other.zone(named: zone)?.prefixes ?? []
    return own.isEmpty ? .outside(site.homes(of: other).elsewhere(other)) : .prefixes(own)
  }

  /// The zones where the addresses of a prefix belong. Containers may send from any address: no prefix is
  /// accepted there.
  private func zones(of prefix: Prefix) -> [SiteZone] {
    let names: (SiteZone) -> Bool
    if let home = site.homes.home(of: prefix) {
      names = { home.zones.contains($0.name) }
    } else if prefix.length == 0 {
      names = { $0.kind == .internet }
    } else {
      names = { $0.kind == .internet || ($0.kind == .network && $0.prefixes.isEmpty) }
    }
    return site.zones.filter { $0.kind != .containers && names($0) }
  }

  /// What a grant lets confined senders on this machine send.
  private mutating func addOutbound(
    _ grant: Grant, _ template: GrantEntry, _ senders: Set<Confinement.Sender>
  ) {
    for target in grant.to {
      let own = grant.senders(to: target, on: site.machine).intersection(senders)
      if own.isEmpty { continue }
      var destinations: [TransitDestination] = []
      if target.machine == site.machine.name {
        destinations = destination(of: target).map { [$0] } ?? []
      } else if let receiver = site.machine(named: target.machine) {
        destinations = site.tunnels(shared: site.machine, receiver).map {
          destination(of: target, behind: receiver, $0)
        }
      }
      for sender in own {
        // A host's packets all have one source for the limit of a grant, which is about the sources of a service.
        var unlimited = template
        unlimited.limit = nil
        let entries = entries(unlimited, [.anyone])
        for destination in destinations where destination.isOutside || !destination.prefixes.isEmpty {
          if let place = outbound[sender]?.firstIndex(where: { $0.destination == destination }) {
            outbound[sender]?[place].entries += entries
          } else {
            outbound[sender, default: []].append((destination, entries))
          }
        }
      }
    }
  }

  /// A grant between others: packets that this machine routes from its zone into the tunnel, or relays as its
  /// hub.
  private mutating func addPassage(_ grant: Grant, _ template: GrantEntry, _ tunnel: Tunnel) {
    var sources: [(zone: SiteZone, sources: [GrantEntry.Sources])] = []
    if restriction == .none, tunnel.hub == site.machine.name,
      let zone = site.zone(named: tunnel.name.description)
    {
      sources.append((zone, grant.from.compactMap { peers($0, tunnel) }))
    }
    if !site.machine.addresses(in: tunnel.name).isEmpty {
      for case .machineZone(site.machine.name, let name) in grant.from {
        guard let zone = site.zone(named: name) else { continue }
        sources.append((zone, [zone.prefixes.isEmpty ? .anyone : .prefixes(zone.prefixes)]))
      }
      for case .prefix(let prefix) in grant.from {
        let inside = site.policy.inside(prefix, on: site.machine.name)
        guard site.machine.subnets.contains(where: { $0.contains(prefix) }),
          let home = site.homes.home(of: inside), home.kind == .zone
        else { continue }
        for zone in site.zones where zone.kind == .network && home.zones.contains(zone.name) {
          sources.append((zone, [.prefixes([inside])]))
        }
      }
    }
    for (zone, sources) in sources where !sources.isEmpty {
      let entries = entries(template, sources)
      for target in grant.to where target.machine != site.machine.name {
        guard let receiver = site.machine(named: target.machine),
          !receiver.addresses(in: tunnel.name).isEmpty
        else { continue }
        append(entries, from: zone, through: destination(of: target, behind: receiver, tunnel))
      }
    }
  }

  /// The addresses with which a source that is another peer of the tunnel appears at the hub.
  private func peers(_ source: GrantSource, _ tunnel: Tunnel) -> GrantEntry.Sources? {
    switch source {
    case .machine(let name):
      guard name != site.machine.name, let other = site.machine(named: name) else { return nil }
      let addresses = other.addresses(in: tunnel.name)
      return addresses.isEmpty ? nil : .addresses(addresses)
    case .tunnel(tunnel.name): return .prefixes(tunnel.prefixes)
    case .machineZone(let name, let zoneName):
      guard name != site.machine.name, let other = site.machine(named: name),
        !other.addresses(in: tunnel.name).isEmpty
      else { return nil }
      return hosts(of: zoneName, on: other)
    case .anywhere: return .prefixes(site.homes.prefixes(of: tunnel.name.description))
    case .prefix(let prefix):
      guard let home = site.homes.home(of: prefix), home.kind == .remoteSubnets,
        home.zones.contains(tunnel.name.description)
      else { return nil }
      return .prefixes([prefix])
    case .tunnel, .zone, .list: return nil
    }
  }

  /// The destination of packets to a target of another machine, which leave through a tunnel.
  private func destination(
    of target: GrantTarget, behind receiver: Machine, _ tunnel: Tunnel
  ) -> TransitDestination {
    let prefixes: [Prefix]
    var isOutside = false
    switch target {
    case .machine: prefixes = receiver.addresses(in: tunnel.name).map { Prefix($0) }
    case .subnet(_, let prefix): prefixes = [prefix]
    case .zone(_, let name):
      let own = receiver.zone(named: name)?.prefixes ?? []
      isOutside = own.isEmpty
      prefixes = own.isEmpty ? site.homes(of: receiver).elsewhere(receiver) : own
    }
    return TransitDestination(
      label: label(of: target), prefixes: prefixes, isOutside: isOutside,
      exit: .interfaces([.exact(tunnel.name)]))
  }

  private func label(of target: GrantTarget) -> String {
    switch target {
    case .machine(let name): Identifier.clean(name)
    case .zone(let name, let zone): Identifier.clean("\(name).\(zone)")
    case .subnet(let name, let prefix): Identifier.clean("\(name).\(prefix)")
    }
  }

  /// The destination that this machine routes to; nil for the machine itself.
  private func destination(of target: GrantTarget) -> TransitDestination? {
    switch target {
    case .machine: return nil
    case .zone(_, let name):
      guard let zone = site.zone(named: name) else { return nil }
      let exit = zone.kind == .internet ? TransitDestination.Exit.internet : .interfaces(zone.interfaces)
      return zone.prefixes.isEmpty
        ? TransitDestination(
          label: label(of: target), prefixes: site.homes.elsewhere(site.machine), isOutside: true, exit: exit)
        : TransitDestination(label: label(of: target), prefixes: zone.prefixes, exit: exit)
    case .subnet(_, let prefix):
      let zone = site.machine.zones.first { $0.prefixes.contains { $0.contains(prefix) } }
      return TransitDestination(
        label: label(of: target), prefixes: [prefix],
        exit: zone.map { .interfaces($0.interfaces) } ?? .anyNetwork)
    }
  }

  private mutating func append(
    _ all: [GrantEntry], from zone: SiteZone, through destination: TransitDestination
  ) {
    let families = Set(destination.prefixes.map(\.family))
    let entries = destination.isOutside ? all : all.compactMap { narrowed($0, to: families) }
    if entries.isEmpty { return }
    let key = PlaceKey(zone: zone.name, destination: destination)
    if let index = places[key] {
      transit[zone.name]?[index].entries += entries
    } else {
      places[key] = transit[zone.name]?.count ?? 0
      transit[zone.name, default: []].append((destination, entries))
    }
  }

  /// Removes the destination addresses of a family that none of their sources has: a packet has only one
  /// family.
  private mutating func narrowDestinations() {
    for (zone, places) in transit {
      transit[zone] = places.map { destination, entries in
        let families = entries.reduce(into: Set<AddressFamily>()) { $0.formUnion($1.sources.families) }
        if destination.isOutside {
          var narrowed = destination
          narrowed.families = families
          return (narrowed, entries)
        }
        let prefixes = destination.prefixes.filter { families.contains($0.family) }
        return (
          TransitDestination(label: destination.label, prefixes: prefixes, exit: destination.exit), entries
        )
      }
    }
  }

  /// The entry with only the sources of these families; nil if it has none.
  private mutating func narrowed(_ entry: GrantEntry, to families: Set<AddressFamily>) -> GrantEntry? {
    let both = entry.sources.families
    if both.isSubset(of: families) { return both.isEmpty ? nil : entry }
    guard let family = both.intersection(families).first else { return nil }
    var narrowed = entry
    switch entry.sources {
    case .anyone, .list, .outside: return entry
    case .addresses(let addresses): narrowed.sources = .addresses(addresses.filter { $0.family == family })
    case .prefixes(let prefixes): narrowed.sources = .prefixes(prefixes.filter { $0.family == family })
    }
    let key = NarrowedKey(number: entry.number, family: family)
    if let known = narrowedNumbers[key] {
      narrowed.number = known
    } else {
      narrowed.number = nextNumber
      narrowedNumbers[key] = nextNumber
      nextNumber += 1
    }
    return narrowed
  }
}
