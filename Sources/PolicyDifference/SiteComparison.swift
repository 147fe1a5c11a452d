// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset
internal import PacketSets

/// Compares two sites, machine by machine. Only machines with a changed ruleset, or behind a hub with a
/// changed ruleset, are compared in full.
struct SiteComparison {
  private var old: ComparedSite
  private var new: ComparedSite
  private(set) var changed: Set<String> = []
  private(set) var gained: [SiteDifference.Reach] = []
  private(set) var lost: [SiteDifference.Reach] = []
  private(set) var clearTextGained: [SiteDifference.ClearText] = []
  private(set) var clearTextLost: [SiteDifference.ClearText] = []
  private(set) var outboundGained: [SiteDifference.Outbound] = []
  private(set) var outboundLost: [SiteDifference.Outbound] = []

  private let workers: any Workers

  init(_ old: CompiledSite, _ new: CompiledSite, _ workers: any Workers) {
    self.old = ComparedSite(old)
    self.new = ComparedSite(new)
    self.workers = workers
  }

  mutating func compare(only: String?, progress: (Int, Int) -> Void) {
    let names = Set(old.machines.keys).union(new.machines.keys).sorted()
    let hubs = Set((old.site.policy.tunnels + new.site.policy.tunnels).compactMap(\.hub))
    let alike = old.site.machinesAlike(in: new.site)
    let wanted = names.filter { !alike.contains($0) && (only == nil || only == $0 || hubs.contains($0)) }
    // In shares, because the tables of a thousand machines need much memory.
    for start in stride(from: 0, to: wanted.count, by: Self.share) {
      let share = wanted[start..<min(start + Self.share, wanted.count)]
      compile(share)
      changed.formUnion(share.filter { differs($0) })
      reach(changed.intersection(share))
      progress(start + share.count, wanted.count)
    }
    var asked = changed.union(behindChangedHubs())
    if let only { asked.formIntersection([only]) }
    reach(asked)
    for name in asked.sorted() { compare(name) }
  }

  /// The number of machines that are compiled and compared at once.
  private static let share = 64

  /// Compiles the tables of these machines, for both sites at once.
  private mutating func compile(_ names: ArraySlice<String>) {
    let wanted = names.flatMap { name in
      [(old.site, old.machines[name]), (new.site, new.machines[name])].map { site, machine in
        (site: site, machine: machine.flatMap { site.isBare($0) ? nil : $0 })
      }
    }
    let tables = workers.map(wanted) { want in want.machine.map { want.site.table(of: $0) } }
    for (place, name) in names.enumerated() {
      old.note(tables[2 * place], name)
      new.note(tables[2 * place + 1], name)
    }
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

  /// Computes what is reachable on these machines, for both sites at once.
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
    let ports = old.tunnelPorts.union(new.tunnelPorts)
    let reaches = workers.map(wanted) { MachineReach($0.table, tunnelPorts: ports) }
    for (want, reach) in zip(wanted, reaches) {
      if want.isOld { old.note(reach, want.name) } else { new.note(reach, want.name) }
    }
  }

  // MARK: Hubs

  /// Machines for which the packets that a hub forwards to them have changed.
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

  private func hub(of tunnel: InterfaceName, _ side: ComparedSite) -> String? {
    side.site.policy.tunnel(named: tunnel.description)?.hub
  }

  private func members(of tunnel: InterfaceName, _ side: ComparedSite) -> [String] {
    side.site.policy.machines.filter { !$0.addresses(in: tunnel).isEmpty }.map(\.name)
  }

  /// The destination of packets: the machine itself, or what is behind it.
  enum Place {
    case itself
    case beyond
  }

  /// The packets, of those that a machine accepts, that a hub on the packet path also forwards.
  private static func behindHub(
    _ spaces: [PacketSpace], _ machine: Machine, _ side: inout ComparedSite, _ place: Place
  ) -> [PacketSpace] {
    var spaces = spaces
    for tunnel in side.site.policy.tunnels {
      guard let hub = tunnel.hub, hub != machine.name, let relay = side.machines[hub],
        !machine.addresses(in: tunnel.name).isEmpty
      else { continue }
      let inside = IntervalSet(PacketSpace.number(tunnel.name))
      let own = machine.addresses(in: tunnel.name).map { Prefix($0) }
      let theirs = place == .itself ? own : machine.subnets + machine.zones.flatMap(\.prefixes)
      let destinations = AddressFamily.allCases.map { ($0, PacketSpace.addresses(theirs, $0)) }
      let passages = side.relayed(by: hub, towards: theirs).filter { passage in
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
            (.service, passage[.service]), (.source, passage[.source]),
          ]
          if place == .beyond { conditions.append((.destination, passage[.destination])) }
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
    var arrivals = (Self.arrivals(before, &old), Self.arrivals(after, &new))
    // For a machine that is in only one site, what every machine accepts is not reported.
    if before != nil, after != nil {
      arrivals.0 += Self.handshakes(before, &old)
      arrivals.1 += Self.handshakes(after, &new)
    }
    let passages = (Self.passages(before, &old), Self.passages(after, &new))
    if let after {
      gained += Self.named(
        PacketSpaceIndex.remainder(of: arrivals.1, without: arrivals.0), after, new, .itself)
      gained += Self.named(
        PacketSpaceIndex.remainder(of: passages.1, without: passages.0), after, new, .beyond)
    }
    if let before {
      lost += Self.named(
        PacketSpaceIndex.remainder(of: arrivals.0, without: arrivals.1), before, old, .itself)
      lost += Self.named(
        PacketSpaceIndex.remainder(of: passages.0, without: passages.1), before, old, .beyond)
    }
    guard let before, let after else { return }
    let (one, two) = (Self.departures(before, &old), Self.departures(after, &new))
    let moreSent = zip(one, two).map { PacketSpaceIndex.remainder(of: $1, without: $0) }
    let lessSent = zip(one, two).map { PacketSpaceIndex.remainder(of: $0, without: $1) }
    if isConfined(name) {
      outboundGained += Self.outbound(moreSent, after, new)
      outboundLost += Self.outbound(lessSent, before, old)
    } else {
      clearTextGained += Self.clearText(moreSent, after, new)
      clearTextLost += Self.clearText(lessSent, before, old)
    }
  }

  /// Whether one of the sites confines what a machine or its containers send.
  private func isConfined(_ name: String) -> Bool {
    [old, new].contains { side in
      side.site.policy.confinements.contains { $0.machine == name }
        || side.site.replaced[name]?.chains.contains { $0.name.hasPrefix("confined-") } == true
    }
  }

  /// Neighbour and multicast listener discovery. It is not a service, no grant can name it, and it is the
  /// same everywhere.
  private static let noService = IntervalSet.union([
    PacketSpace.Service.types(.icmpv6, 130...136), PacketSpace.Service.types(.icmpv6, 143...143),
  ])

  private static func arrivals(_ machine: Machine?, _ side: inout ComparedSite) -> [PacketSpace] {
    guard let machine else { return [] }
    let own = noService.union(side.services.wireGuard)
    let spaces = side.reach(of: machine.name).arrivals.compactMap { $0.narrowed(.service, outside: own) }
    return behindHub(spaces, machine, &side, .itself)
  }

  /// WireGuard's own port. It is open from every zone, with or without a hub in between.
  private static func handshakes(_ machine: Machine?, _ side: inout ComparedSite) -> [PacketSpace] {
    guard let machine else { return [] }
    let own = side.services.wireGuard
    return side.reach(of: machine.name).arrivals.compactMap { $0.narrowed(.service, to: own) }
  }

  /// Packets that a machine forwards. Packets into a tunnel are reported at the receiving machine; outbound
  /// traffic of containers is always allowed.
  private static func passages(_ machine: Machine?, _ side: inout ComparedSite) -> [PacketSpace] {
    guard let machine else { return [] }
    let tunnels = IntervalSet(side.site.policy.tunnels.map { PacketSpace.number($0.name) })
    let containers = containers(machine, side)
    let spaces = side.reach(of: machine.name).passages.compactMap { space in
      space.narrowed(.output, outside: tunnels)?.narrowed(.input, outside: containers)?
        .narrowed(.service, outside: noService)
    }
    return behindHub(spaces, machine, &side, .beyond)
  }

  private static func containers(_ machine: Machine, _ side: ComparedSite) -> IntervalSet {
    let names = ReachNames(side.site.policy, machine)
    return IntervalSet.union(names.zones.filter { $0.kind == .containers }.map { names.inputs($0) })
  }

  /// What the machine sends, and what its containers send.
  private static func departures(_ machine: Machine, _ side: inout ComparedSite) -> [[PacketSpace]] {
    let containers = containers(machine, side)
    let reach = side.reach(of: machine.name)
    // The source is ignored: only whether some packet leaves matters.
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
}
