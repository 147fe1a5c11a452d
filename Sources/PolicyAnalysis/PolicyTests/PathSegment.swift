// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset
internal import PacketWalk
internal import PacketSets

/// A machine on a packet path: the zone from which packets arrive, if it does not send them itself, and the zone to which
/// they leave.
struct PathSegment: Hashable {
  /// Where a machine sends what it forwards.
  enum Exit {
    case zone(SiteZone)
    /// Any interface that is not a tunnel: the policy does not say which.
    case anyNetwork(SiteZone)
    /// The same without the interfaces of containers, for addresses that are not on this machine.
    case outside(SiteZone)
  }

  /// The interfaces of one packet on one machine.
  struct Names {
    /// The input interface; nil if the machine itself sends the packet.
    let input: InterfaceName?
    /// The output interface; nil if the packet is for the machine itself.
    let output: InterfaceName?
  }

  let machine: String
  /// Nil if the machine itself sends the packets.
  let entry: SiteZone?
  /// Nil if the packets are for the machine itself.
  let exit: Exit?

  /// The address type of the packets' destination on the machine.
  var destinationType: AddressType { exit == nil ? .local : .unicast }

  /// The interfaces on which packets arrive, as numbers; nil if the machine itself sends them.
  func inputs(_ names: ReachNames) -> IntervalSet? { entry.map { names.inputs($0) } }

  /// The interfaces on which packets leave, as numbers; nil if they are for the machine itself.
  func outputs(_ names: ReachNames) -> IntervalSet? {
    switch exit {
    case nil: nil
    case .zone(let zone) where zone.kind == .internet:
      // On a card that a zone with prefixes names, other destinations are in the internet.
      IntervalSet.union(
        names.zones.filter { $0.kind == .internet || ($0.kind == .network && !$0.prefixes.isEmpty) }
          .map { names.inputs($0) })
    case .zone(let zone): names.inputs(zone)
    case .anyNetwork: Self.everything(but: [.tunnel], names)
    case .outside: Self.everything(but: [.tunnel, .containers], names)
    }
  }

  private static func everything(but kinds: Set<SiteZone.Kind>, _ names: ReachNames) -> IntervalSet {
    IntervalSet(0, .max).subtracting(
      IntervalSet.union(
        names.zones.filter { kinds.contains($0.kind) }.map { names.inputs($0) }
          + [IntervalSet(PacketSpace.number(.loopback))]))
  }

  /// One possible interface name of each side; nil if a zone has no interface.
  func names(_ view: SiteView) -> Names? {
    let input = entry.flatMap { view.interface(of: $0) }
    if entry != nil, input == nil { return nil }
    switch exit {
    case nil: return Names(input: input, output: nil)
    case .zone(let zone), .anyNetwork(let zone), .outside(let zone):
      return view.interface(of: zone).map { Names(input: input, output: $0) }
    }
  }

  /// Walks a packet that arrives and leaves on these interfaces.
  func trace(_ packet: Packet, _ names: Names, _ view: SiteView) -> Trace {
    var packet = packet
    packet.input = names.input
    packet.destinationType = destinationType
    guard let output = names.output else { return view.arrival(packet) }
    return entry == nil ? view.departure(packet, by: output) : view.passage(packet, to: output)
  }

  /// Two segments are equal if they have the same machine, entry zone and exit zone.
  static func == (left: Self, right: Self) -> Bool {
    left.machine == right.machine && left.entry?.name == right.entry?.name && left.exitName == right.exitName
  }

  /// Hashes the fields that `==` compares.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(machine)
    hasher.combine(entry?.name)
    hasher.combine(exitName)
  }

  /// The name of the exit zone. For any network it is empty, and for any outside a dot: no zone has such a name.
  private var exitName: String? {
    switch exit {
    case nil: nil
    case .zone(let zone): zone.name
    case .anyNetwork: ""
    case .outside: "."
    }
  }
}

extension PacketPaths {
  /// Whether packets in a tunnel come from its hub itself, or are relayed by it.
  enum Relay {
    case direct
    case relayed
  }

  /// The machines between a source and a target, in order; nil if the receiver does not have the zone. For
  /// relayed packets in a tunnel with a hub, the hub is one of them.
  func segments(_ source: GrantSource, _ target: GrantTarget, _ arrival: Arrival, _ relay: Relay)
    -> [PathSegment]?
  {
    let zone = arrival.zone
    guard let receiver = views[target.machine] else { return nil }
    if arrival.isOutbound {
      guard let exit = exit(target, receiver) else { return nil }
      return [PathSegment(machine: receiver.machine.name, entry: nil, exit: exit)]
    }
    var segments: [PathSegment] = []
    if case .machine(let sender) = source, zone.kind == .tunnel, views[sender] != nil,
      !policy.confinements(of: sender, .host).isEmpty
    {
      segments.append(PathSegment(machine: sender, entry: nil, exit: .zone(zone)))
    }
    if zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) {
      // Another machine routes a source behind it into the tunnel.
      if let (name, home) = router(of: source, to: receiver.machine) {
        segments.append(PathSegment(machine: name, entry: home, exit: .zone(zone)))
      }
      if let hub = hub(of: tunnel, source, target), relay == .relayed, views[hub] != nil {
        segments.append(PathSegment(machine: hub, entry: zone, exit: .zone(zone)))
      }
    }
    let exit = exit(target, receiver)
    if case .machine = target {} else if exit == nil { return nil }
    return segments + [PathSegment(machine: receiver.machine.name, entry: zone, exit: exit)]
  }

  /// Where a machine sends packets to a target; nil if they are for the machine itself, or if it has no such zone.
  private func exit(_ target: GrantTarget, _ receiver: SiteView) -> PathSegment.Exit? {
    switch target {
    case .machine: return nil
    case .zone(_, let name): return receiver.zone(named: name).map { .zone($0) }
    case .subnet(_, let prefix):
      if let home = receiver.zones.first(where: { $0.prefixes.contains { $0.contains(prefix) } }) {
        return .zone(home)
      }
      if let home = receiver.homes.home(of: prefix)?.zones.compactMap({ receiver.zone(named: $0) }).first(
        where: {
          $0.kind == .tunnel
        })
      {
        return .zone(home)
      }
      let isBehind = receiver.machine.subnets.contains { $0.contains(prefix) }
      return receiver.zone(named: Zone.internet).map { isBehind ? .anyNetwork($0) : .outside($0) }
    }
  }

  /// The zone to which the target's machine sends what it sends itself.
  func exitZone(_ target: GrantTarget, _ receiver: SiteView) -> SiteZone? {
    switch exit(target, receiver) {
    case .zone(let zone), .anyNetwork(let zone), .outside(let zone): zone
    case nil: nil
    }
  }

  /// The machine that routes a source into a tunnel, and the zone from which the source arrives there; nil if
  /// no machine of the policy routes it, or if that machine has no zone for it.
  private func router(of source: GrantSource, to receiver: Machine) -> (name: String, zone: SiteZone)? {
    switch source {
    case .machineZone(let name, let zone) where name != receiver.name:
      return views[name]?.zone(named: zone).map { (name, $0) }
    case .prefix(let prefix):
      guard
        let owner = policy.machines.first(where: { other in
          other.name != receiver.name && other.subnets.contains { $0.contains(prefix) }
        }),
        let zone = views[owner.name]?.zones.first(where: { $0.prefixes.contains { $0.contains(prefix) } })
      else { return nil }
      return (owner.name, zone)
    case .machineZone, .machine, .tunnel, .zone, .list, .anywhere: return nil
    }
  }

  /// The hub that relays packets of a source to a target; nil if the tunnel has no hub, or if the hub is the
  /// source or the target.
  func hub(of tunnel: Tunnel, _ source: GrantSource, _ target: GrantTarget) -> String? {
    guard let hub = tunnel.hub, hub != target.machine, hub != source.machine else { return nil }
    return hub
  }

  /// Whether an address is one of the hub's addresses in the tunnel of this zone.
  func isHub(_ address: IPAddress, of zone: SiteZone) -> Bool {
    hubAddresses(zone).contains(address)
  }

  /// The addresses that a tunnel's hub has in the tunnel; empty if the zone is not a tunnel, or has no hub.
  func hubAddresses(_ zone: SiteZone) -> [IPAddress] {
    guard zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name), let hub = tunnel.hub else {
      return []
    }
    return machines[hub]?.addresses(in: tunnel.name) ?? []
  }
}
