// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
internal import PolicyLanguage
internal import RulesetModel

/// Two sites while they are compared: machine by machine, those alone that enforce something else, or that lie behind a
/// hub that does.
struct SiteComparison {
  /// One of the two.
  private struct Side {
    let site: CompiledSite
    let machines: [String: Machine]
    let services: ServiceNames
    var tables: [String: KernelTable] = [:]
    var reaches: [String: MachineReach] = [:]

    init(_ site: CompiledSite) {
      self.site = site
      machines = Dictionary(
        site.policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      services = ServiceNames(site.policy)
    }

    /// What a machine enforces; nil where that is nothing, or where there is no such machine.
    mutating func table(of name: String) -> KernelTable? {
      if let known = tables[name] { return known }
      guard let machine = machines[name], !site.isBare(machine) else { return nil }
      let table = site.table(of: machine)
      tables[name] = table
      return table
    }

    /// A machine's table is asked for once or twice, and may be large.
    mutating func forget(_ name: String) { tables[name] = nil }

    mutating func reach(of name: String) -> MachineReach {
      if let known = reaches[name] { return known }
      if machines[name] == nil { return .nothing }
      let reach = MachineReach(table(of: name))
      note(reach, name)
      return reach
    }

    mutating func note(_ reach: MachineReach, _ name: String) {
      reaches[name] = reach
      forget(name)
    }
  }

  private var old: Side
  private var new: Side
  private(set) var changed: Set<String> = []
  private(set) var gained: [SiteDifference.Reach] = []
  private(set) var lost: [SiteDifference.Reach] = []
  private(set) var clearTextGained: [SiteDifference.ClearText] = []
  private(set) var clearTextLost: [SiteDifference.ClearText] = []

  private let workers: any Workers

  init(_ old: CompiledSite, _ new: CompiledSite, _ workers: any Workers) {
    self.old = Side(old)
    self.new = Side(new)
    self.workers = workers
  }

  mutating func compare(only: String?, progress: (Int, Int) -> Void) {
    let names = Set(old.machines.keys).union(new.machines.keys).sorted()
    let hubs = Set((old.site.policy.tunnels + new.site.policy.tunnels).compactMap(\.hub))
    let alike = old.site.machinesAlike(in: new.site)
    var done = 0
    for name in names where !alike.contains(name) && (only == nil || only == name || hubs.contains(name)) {
      if differs(name) { changed.insert(name) }
      done += 1
      progress(done, names.count)
    }
    reach(only.map { changed.intersection(hubs.union([$0])) } ?? changed)
    var asked = changed.union(behindChangedHubs())
    if let only { asked.formIntersection([only]) }
    reach(asked)
    for name in asked.sorted() { compare(name) }
  }

  private mutating func differs(_ name: String) -> Bool {
    if old.machines[name] == nil || new.machines[name] == nil { return true }
    switch (old.table(of: name), new.table(of: name)) {
    case (let one?, let two?) where one.behaves(like: two):
      old.forget(name)
      new.forget(name)
      return false
    case (nil, nil): return false
    default: return true
    }
  }

  /// Works out what is reached on these machines, of both sides at once.
  private mutating func reach(_ names: Set<String>) {
    var wanted: [(isOld: Bool, name: String, table: KernelTable?)] = []
    for name in names.sorted() {
      if old.machines[name] != nil, old.reaches[name] == nil {
        wanted.append((true, name, old.table(of: name)))
      }
      if new.machines[name] != nil, new.reaches[name] == nil {
        wanted.append((false, name, new.table(of: name)))
      }
    }
    let reaches = workers.map(wanted) { MachineReach($0.table) }
    for (want, reach) in zip(wanted, reaches) {
      if want.isOld { old.note(reach, want.name) } else { new.note(reach, want.name) }
    }
  }

  // MARK: Hubs

  /// Machines to which a hub passes on something else than before.
  private mutating func behindChangedHubs() -> Set<String> {
    var result: Set<String> = []
    let names = Set((old.site.policy.tunnels + new.site.policy.tunnels).map(\.name))
    for name in names.sorted() {
      let hubs = (hub(of: name, old), hub(of: name, new))
      if hubs.0 != hubs.1 {
        result.formUnion(members(of: name, old) + members(of: name, new))
        continue
      }
      guard let hub = hubs.0, changed.contains(hub) else { continue }
      let (before, after) = (old.reach(of: hub).passages, new.reach(of: hub).passages)
      let moved =
        PacketSpaceIndex.remainder(of: after, without: before)
        + PacketSpaceIndex.remainder(of: before, without: after)
      for family in AddressFamily.allCases {
        let destinations = IntervalSet.union(moved.filter { $0.family == family }.map { $0[.destination] })
        if destinations.isEmpty { continue }
        for side in [old, new] {
          for machine in side.site.policy.machines {
            let own =
              machine.addresses(in: name).map { Prefix($0) } + machine.subnets
              + machine.zones.flatMap(\.prefixes)
            if !destinations.isDisjoint(with: PacketSpace.addresses(own, family)) {
              result.insert(machine.name)
            }
          }
        }
      }
    }
    return result
  }

  private func hub(of tunnel: InterfaceName, _ side: Side) -> String? {
    side.site.policy.tunnel(named: tunnel.description)?.hub
  }

  private func members(of tunnel: InterfaceName, _ side: Side) -> [String] {
    side.site.policy.machines.filter { !$0.addresses(in: tunnel).isEmpty }.map(\.name)
  }

  /// Of what a machine lets in or on, that which a hub on the way passes on as well. `destinations` are the addresses by
  /// which the packets go on their way, nil where the classes have their own.
  private static func behindHub(
    _ spaces: [PacketSpace], _ machine: Machine, _ side: inout Side, toItself: Bool
  ) -> [PacketSpace] {
    var spaces = spaces
    for tunnel in side.site.policy.tunnels {
      guard let hub = tunnel.hub, hub != machine.name, let relay = side.machines[hub],
        !machine.addresses(in: tunnel.name).isEmpty
      else { continue }
      let inside = IntervalSet(PacketSpace.number(tunnel.name))
      let own = machine.addresses(in: tunnel.name).map { Prefix($0) }
      let theirs = toItself ? own : machine.subnets + machine.zones.flatMap(\.prefixes)
      let destinations = AddressFamily.allCases.map { ($0, PacketSpace.addresses(theirs, $0)) }
      let passages = side.reach(of: hub).passages.filter { passage in
        passage.mayHave(.output, inside)
          && destinations.contains { $0.0 == passage.family && passage.mayHave(.destination, $0.1) }
      }
      var result: [PacketSpace] = []
      for space in spaces {
        if let outside = space.narrowed(.input, outside: inside) { result.append(outside) }
        guard let arriving = space.narrowed(.input, to: inside) else { continue }
        let direct = PacketSpace.addresses(
          relay.addresses(in: tunnel.name).map { Prefix($0) }, space.family)
        if let near = arriving.narrowed(.source, to: direct) { result.append(near) }
        for passage in passages where passage.family == space.family {
          var conditions: [(PacketSpace.Field, IntervalSet)] = [
            (.source, passage[.source]), (.service, passage[.service]),
          ]
          if !toItself { conditions.append((.destination, passage[.destination])) }
          if let relayed = arriving.narrowed(conditions) { result.append(relayed) }
        }
      }
      spaces = result
    }
    return spaces
  }

  // MARK: One machine

  private mutating func compare(_ name: String) {
    let before = old.machines[name]
    let after = new.machines[name]
    let isOnOneSide = before == nil || after == nil
    let arrivals = (
      Self.arrivals(before, &old, isOnOneSide), Self.arrivals(after, &new, isOnOneSide)
    )
    let passages = (Self.passages(before, &old), Self.passages(after, &new))
    if let after {
      gained += Self.named(
        PacketSpaceIndex.remainder(of: arrivals.1, without: arrivals.0), after, new, isPassage: false)
      gained += Self.named(
        PacketSpaceIndex.remainder(of: passages.1, without: passages.0), after, new, isPassage: true)
    }
    if let before {
      lost += Self.named(
        PacketSpaceIndex.remainder(of: arrivals.0, without: arrivals.1), before, old, isPassage: false)
      lost += Self.named(
        PacketSpaceIndex.remainder(of: passages.0, without: passages.1), before, old, isPassage: true)
    }
    guard let before, let after else { return }
    let (one, two) = (Self.departures(before, &old), Self.departures(after, &new))
    clearTextGained += Self.clearText(
      zip(one, two).map { PacketSpaceIndex.remainder(of: $1, without: $0) }, after, new)
    clearTextLost += Self.clearText(
      zip(one, two).map { PacketSpaceIndex.remainder(of: $0, without: $1) }, before, old)
  }

  /// Answers to a host's own DHCP client and the control of links are no services, and the same everywhere.
  private static let noService = IntervalSet.union([
    PacketSpace.Service.ports(.udp, 68...68), PacketSpace.Service.ports(.udp, 546...546),
    PacketSpace.Service.types(.icmpv6, 130...136), PacketSpace.Service.types(.icmpv6, 143...143),
  ])

  /// WireGuard's own port is open by every way, and is told only of a machine that both sides have.
  private static func arrivals(_ machine: Machine?, _ side: inout Side, _ isAlone: Bool) -> [PacketSpace] {
    guard let machine else { return [] }
    let own = side.services.wireGuard
    let spaces = side.reach(of: machine.name).arrivals.compactMap {
      $0.narrowed(.service, outside: noService)
    }
    let granted = behindHub(
      spaces.compactMap { $0.narrowed(.service, outside: own) }, machine, &side, toItself: true)
    return isAlone ? granted : granted + spaces.compactMap { $0.narrowed(.service, to: own) }
  }

  /// What is passed on into a tunnel is told where it arrives, and what containers send outward is theirs to send.
  private static func passages(_ machine: Machine?, _ side: inout Side) -> [PacketSpace] {
    guard let machine else { return [] }
    let tunnels = IntervalSet(side.site.policy.tunnels.map { PacketSpace.number($0.name) })
    let containers = containers(machine, side)
    let spaces = side.reach(of: machine.name).passages.compactMap { space in
      space.narrowed(.output, outside: tunnels)?.narrowed(.input, outside: containers)?
        .narrowed(.service, outside: noService)
    }
    return behindHub(spaces, machine, &side, toItself: false)
  }

  private static func containers(_ machine: Machine, _ side: Side) -> IntervalSet {
    let names = ReachNames(side.site.policy, machine)
    return IntervalSet.union(names.zones.filter { $0.kind == .containers }.map { names.inputs($0) })
  }

  /// What the machine sends, and what its containers do.
  private static func departures(_ machine: Machine, _ side: inout Side) -> [[PacketSpace]] {
    let containers = containers(machine, side)
    let reach = side.reach(of: machine.name)
    // Whatever the source: what counts is whether some packet leaves.
    return [
      reach.departures,
      reach.passages.compactMap { space in
        space.narrowed(.input, to: containers).flatMap {
          PacketSpace($0.family, input: .present, output: .present).narrowed([
            (.output, $0[.output]), (.destination, $0[.destination]), (.service, $0[.service]),
          ])
        }
      },
    ]
  }

  // MARK: Names

  private struct Way: Hashable {
    let zone: Int
    let family: AddressFamily
    let to: [String]
  }

  private static func named(
    _ spaces: [PacketSpace], _ machine: Machine, _ side: Side, isPassage: Bool
  ) -> [SiteDifference.Reach] {
    if spaces.isEmpty { return [] }
    let names = ReachNames(side.site.policy, machine)
    var ways: [Way: [(sources: IntervalSet, services: IntervalSet)]] = [:]
    for space in spaces {
      let to = isPassage ? names.destinations(space[.destination], space.family) : []
      for (index, zone) in names.zones.enumerated()
      where !names.inputs(zone).isDisjoint(with: space[.input]) {
        let way = Way(zone: index, family: space.family, to: to)
        ways[way, default: []].append((space[.source], space[.service]))
      }
    }
    struct Row: Hashable {
      let zone: Int
      let to: [String]
      let from: String
    }
    var rows: [Row: (services: IntervalSet, addresses: Set<String>)] = [:]
    for (way, parts) in ways {
      let zone = names.zones[way.zone]
      for (sources, services) in bySources(parts) {
        for source in names.sources(sources, way.family, in: zone) {
          let row = Row(zone: way.zone, to: way.to, from: source.name)
          rows[row, default: (.empty, [])].services = (rows[row]?.services ?? .empty).union(services)
          if source.prefixes.count <= ReachNames.mostMachines {
            rows[row]?.addresses.formUnion(source.prefixes.map(\.description))
          }
        }
      }
    }
    return rows.flatMap { row, reach -> [SiteDifference.Reach] in
      let zone = names.zones[row.zone]
      return side.services.names(reach.services).map { service in
        SiteDifference.Reach(
          machine: machine.name, to: row.to.isEmpty ? nil : row.to.joined(separator: " "),
          service: service.name, transport: service.transport, ports: service.ports, from: row.from,
          addresses: reach.addresses.sorted(), over: zone.name,
          isFromOutside: (zone.kind == .internet || (zone.kind != .tunnel && row.from == zone.name))
            && !service.name.hasPrefix("tunnel "))
      }
    }
  }

  /// Cuts overlapping parts so that each service has all its sources: sources, and the services that just they reach.
  private static func bySources(_ parts: [(sources: IntervalSet, services: IntervalSet)]) -> [(
    IntervalSet, IntervalSet
  )] {
    let cuts = Set(
      parts.flatMap { $0.services.intervals.flatMap { [$0.lower, $0.upper + 1] } }
    ).sorted()
    var result: [IntervalSet: [(UInt128, UInt128)]] = [:]
    for (lower, next) in zip(cuts, cuts.dropFirst()) {
      let sources = IntervalSet.union(parts.filter { $0.services.contains(lower) }.map(\.sources))
      if !sources.isEmpty { result[sources, default: []].append((lower, next - 1)) }
    }
    return result.map { ($0.key, IntervalSet(ranges: $0.value)) }
  }

  /// What leaves outside a tunnel, by the machines that it is for.
  private static func clearText(
    _ parts: [[PacketSpace]], _ machine: Machine, _ side: Side
  ) -> [SiteDifference.ClearText] {
    if parts.allSatisfy(\.isEmpty) { return [] }
    let names = ReachNames(side.site.policy, machine)
    struct Row: Hashable {
      let to: String
      let over: [String]
    }
    var rows: [Row: IntervalSet] = [:]
    for (part, space) in parts.enumerated().flatMap({ part, spaces in spaces.map { (part, $0) } }) {
      let over = names.zones.filter {
        $0.kind != .tunnel && !names.inputs($0).isDisjoint(with: space[.output])
      }.map(\.name)
      if over.isEmpty { continue }
      var rest = space[.destination]
      for other in side.site.policy.machines where other.name != machine.name {
        var own = other.addresses.flatMap(\.addresses).map { Prefix($0) } + other.subnets
        if case .addresses(let addresses) = other.endpoint { own += addresses.map { Prefix($0) } }
        let theirs = rest.intersection(PacketSpace.addresses(own, space.family))
        if theirs.isEmpty { continue }
        rest = rest.subtracting(theirs)
        let row = Row(to: other.name, over: over)
        rows[row] = (rows[row] ?? .empty).union(space[.service])
      }
      // Containers may send anywhere else in any case.
      if part > 0 { continue }
      for prefix in ReachNames.prefixes(rest, space.family).prefix(ReachNames.mostMachines) {
        let row = Row(to: prefix.description, over: over)
        rows[row] = (rows[row] ?? .empty).union(space[.service])
      }
    }
    return rows.map { row, services in
      let all = side.services.names(services)
      return SiteDifference.ClearText(
        machine: machine.name, to: row.to, over: row.over,
        services: all.count > 8 ? ["any but WireGuard's own"] : all.map(\.name))
    }.sorted { ($0.machine, $0.to) < ($1.machine, $1.to) }
  }
}
