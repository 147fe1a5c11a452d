// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PacketSets

/// A packet path from a source to a target in one address family, with all packets that a test means by it.
struct TestRoute {
  /// The addresses at both ends.
  struct Ends {
    let sources: IntervalSet
    let destinations: IntervalSet
  }

  /// The zone of the receiving machine from which the packets arrive; of packets that it sends itself, the zone to which
  /// they leave.
  package let zone: SiteZone
  var segments: [PathSegment]
  let family: AddressFamily
  /// The packets of a `deny`: all that the source can send, spoofed or not.
  let whole: Ends
  /// The packets of an `allow`: only sources whose home is the zone. Empty if there are none.
  let claimed: Ends
  /// Example source addresses, preferred for packets that are shown.
  let typicalSources: [IPAddress]
  /// An example destination address, likewise.
  let typicalDestination: IPAddress?

  /// Whether the target's machine itself sends the packets.
  var isOutbound: Bool { segments.last?.entry == nil }
}

extension PacketPaths {
  /// All routes from a source to a target, in the order in which they are checked; empty if no packet is
  /// possible.
  func routes(
    _ source: GrantSource, _ target: GrantTarget, over: String?, _ zoneSources: inout ZoneSources
  ) -> [TestRoute] {
    guard let receiver = views[target.machine] else { return [] }
    var routes: [TestRoute] = []
    for arrival in testArrivals(source, target, over) {
      for family in AddressFamily.allCases {
        routes += self.routes(arrival, family, source, target, receiver, &zoneSources)
      }
    }
    return routes
  }

  /// The arrivals of a test. A list can arrive from each zone that is not a tunnel.
  func testArrivals(_ source: GrantSource, _ target: GrantTarget, _ over: String?) -> [Arrival] {
    let usual = arrivals(source, at: target, over: over)
    guard over == nil, let first = usual.first, let receiver = views[target.machine] else { return usual }
    switch source {
    case .list: break
    case .machine, .machineZone, .tunnel, .zone, .prefix, .anywhere: return usual
    }
    let others = receiver.zones.filter { zone in
      // Hosts of the target zone reach each other without passing the machine.
      zone.kind == .network
        && target != .zone(machine: target.machine, zone: zone.name)
    }
    return usual
      + others.map { Arrival(zone: $0, sources: first.sources, addresses: first.addresses) }
  }

  private func routes(
    _ arrival: Arrival, _ family: AddressFamily, _ source: GrantSource, _ target: GrantTarget,
    _ receiver: SiteView, _ zoneSources: inout ZoneSources
  ) -> [TestRoute] {
    let destinations = destinations(target, receiver.machine, arrival.zone, family)
    let own =
      switch arrival.addresses {
      case .any: ZoneSources.all(family)
      case .prefixes(let prefixes): PacketSpace.addresses(prefixes, family)
      case .zone(let zone): zoneSources.addresses(in: zone, family, on: receiver.machine)
      }
    let whole = own.union(PacketSpace.addresses(arrival.spoofed, family))
    if destinations.isEmpty || whole.isEmpty { return [] }
    let claimed =
      arrival.isOutbound
      ? own : own.intersection(zoneSources.addresses(in: arrival.zone, family, on: receiver.machine))
    let reachable =
      switch target {
      case .machine where arrival.zone.kind != .tunnel:
        destinations.subtracting(
          PacketSpace.addresses(policy.tunnels.flatMap(\.prefixes), family).union(
            ZoneSources.neverSources(family)))
      case .machine: destinations
      case .zone, .subnet: destinations.subtracting(onlyByTunnel(receiver.machine, family))
      }
    let hub = IntervalSet(hubAddresses(arrival.zone).filter { $0.family == family }.map(\.bits))
    let parts: [(Relay, (IntervalSet) -> IntervalSet)] =
      hub.isEmpty
      ? [(.direct, { $0 })] : [(.relayed, { $0.subtracting(hub) }), (.direct, { $0.intersection(hub) })]
    return parts.compactMap { relay, part in
      let sources = part(whole)
      guard !sources.isEmpty, let segments = segments(source, target, arrival, relay) else { return nil }
      return TestRoute(
        zone: arrival.zone, segments: segments, family: family,
        whole: .init(sources: sources, destinations: destinations),
        claimed: .init(sources: part(claimed), destinations: reachable),
        typicalSources: arrival.sources.filter { $0.family == family },
        typicalDestination: destination(target, receiver, arrival.zone, family))
    }
  }

  /// The public addresses that `encrypt` lets a machine reach through a tunnel only, for some or all services.
  private func onlyByTunnel(_ machine: Machine, _ family: AddressFamily) -> IntervalSet {
    let others = policy.encrypted(with: machine.name)
    return PacketSpace.addresses(
      (others.whole + others.shared).flatMap { name -> [Prefix] in
        guard case .addresses(let addresses)? = machines[name]?.endpoint else { return [] }
        return addresses.map { Prefix($0) }
      }, family)
  }

  /// All addresses of a target to which packets from a zone can be sent.
  private func destinations(
    _ target: GrantTarget, _ receiver: Machine, _ zone: SiteZone, _ family: AddressFamily
  ) -> IntervalSet {
    switch target {
    case .machine:
      if zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) {
        return PacketSpace.addresses(receiver.addresses(in: tunnel.name).map { Prefix($0) }, family)
      }
      return ZoneSources.all(family)
    case .zone(_, let name):
      return PacketSpace.addresses(policy.hosts(of: name, on: receiver), family)
    case .subnet(_, let prefix): return PacketSpace.addresses([prefix], family)
    }
  }

  /// Why no packet is possible from a source to a target, and what would make one possible.
  func absence(_ source: GrantSource, _ target: GrantTarget, over: String?) -> (because: String, fix: String)
  {
    let (from, to) = (PolicyWords.text(source), PolicyWords.sentence(target))
    let arrivals = testArrivals(source, target, over)
    guard let arrival = arrivals.first, let receiver = views[target.machine] else {
      return (
        "\(from) and \(target.machine) share no tunnel, and \(target.machine) has no zone from which \(from) "
          + "arrives",
        "give both an address in one tunnel, or name the zone with 'over'"
      )
    }
    if case .list(let name) = source, policy.list(named: name)?.prefixes.isEmpty != false {
      return ("the list \(name) is empty", "add addresses to the list, or remove the test")
    }
    func words(_ families: [AddressFamily]) -> String {
      guard let family = families.first else { return "no address" }
      return families.count > 1 ? "IPv4 and IPv6" : family == .ipv4 ? "IPv4 only" : "IPv6 only"
    }
    let sources = AddressFamily.allCases.filter { family in
      switch arrival.addresses {
      case .any, .zone: true
      case .prefixes(let prefixes): (prefixes + arrival.spoofed).contains { $0.family == family }
      }
    }
    let destinations = AddressFamily.allCases.filter {
      !self.destinations(target, receiver.machine, arrival.zone, $0).isEmpty
    }
    if sources.contains(where: destinations.contains) {
      return (
        "\(target.machine) has no interface that leads from \(arrival.zone.name) to \(to)",
        "add interfaces to the zones, or name another zone with 'over'"
      )
    }
    return (
      "no common address family over \(arrival.zone.name): \(from) has \(words(sources)) and \(to) has "
        + words(destinations),
      "give both an address of one family, or remove the test"
    )
  }
}
