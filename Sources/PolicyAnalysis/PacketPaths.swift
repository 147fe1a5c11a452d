// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage
package import PacketWalk

/// A packet and its packet path: the machines that it passes, in order.
struct PacketPath {
  /// A machine on the path, with the walk of the packet there.
  struct Hop {
    let machine: String
    let trace: Trace
  }

  let packet: Packet
  /// The zone of the receiving machine from which the packet arrives.
  package let zone: SiteZone
  let hops: [Hop]
  /// Whether the target's machine itself sends the packet.
  var isOutbound = false

  /// The first machine that does not accept the packet.
  package var refusal: Hop? { hops.first { $0.trace.verdict != .accept } }
}

/// The packet paths between the ends that a test or a question names, in both address families.
package struct PacketPaths {
  /// A zone from which a source arrives at a machine, and the addresses that the source has there.
  package struct Arrival {
    package let zone: SiteZone
    /// Example addresses, for packets that are shown.
    package let sources: [IPAddress]
    /// All addresses.
    let addresses: Addresses
    /// Addresses that the source has on other interfaces. It can send from them here too, as spoofed packets.
    var spoofed: [Prefix] = []
    /// Whether the target's machine itself sends the packets: then the zone is where they leave.
    package var isOutbound = false
  }

  /// The source addresses of an arrival.
  package enum Addresses {
    case any
    case prefixes([Prefix])
    /// The addresses that a zone of the receiving machine can have.
    case zone(SiteZone)
  }

  let policy: Policy
  /// The views of the machines that packets may pass.
  package let views: [String: SiteView]
  let machines: [String: Machine]
  /// Whether machines that nothing confines send packets to what is beyond them only if a test says over what: then a
  /// group may be both the source of a test and the owner of its target.
  private let onlyConfinedSend: Bool

  /// Creates the paths with the machines that the policy's tests need.
  init(_ site: CompiledSite) {
    let ends = site.policy.tests.map { (from: $0.from, to: $0.to) }
    self.init(site, judges: Self.judges(of: ends, in: site.policy), onlyConfinedSend: true)
  }

  /// Creates the paths with these machines.
  package init(_ site: CompiledSite, judges: Set<String>, onlyConfinedSend: Bool = false) {
    self.onlyConfinedSend = onlyConfinedSend
    policy = site.policy
    views = Dictionary(
      site.policy.machines.filter { judges.contains($0.name) }.map { ($0.name, site.view(of: $0)) },
      uniquingKeysWith: { first, _ in first })
    machines = Dictionary(policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Receivers, hubs, and machines that route a source into a tunnel.
  static func judges(of ends: [(from: [GrantSource], to: [GrantTarget])], in policy: Policy) -> Set<String> {
    if ends.isEmpty { return [] }
    var names = Set(policy.tunnels.compactMap(\.hub))
    for (from, to) in ends {
      names.formUnion(to.map(\.machine))
      for source in from {
        switch source {
        case .machineZone(let name, _): names.insert(name)
        case .prefix(let prefix):
          names.formUnion(
            policy.machines.filter { $0.subnets.contains { $0.contains(prefix) } }.map(\.name))
        case .machine(let name): if !policy.confinements(of: name, .host).isEmpty { names.insert(name) }
        case .tunnel, .zone, .list, .anywhere: break
        }
      }
    }
    return names
  }

  /// The zones from which a source arrives at a target: the one that the test names with `over`, else the
  /// source's own.
  package func arrivals(_ source: GrantSource, at target: GrantTarget, over: String?) -> [Arrival] {
    guard let receiver = views[target.machine] else { return [] }
    let forced = over.flatMap(receiver.zone)
    func shared(_ machine: Machine) -> [SiteZone] {
      policy.tunnels.filter {
        !machine.addresses(in: $0.name).isEmpty && !receiver.machine.addresses(in: $0.name).isEmpty
      }.compactMap { receiver.zone(named: $0.name.description) }
    }
    func outside(_ sources: [IPAddress], _ prefixes: [Prefix]) -> [Arrival] {
      (forced.map { [$0] } ?? receiver.zones.filter { $0.kind == .internet }).map {
        Arrival(zone: $0, sources: sources, addresses: .prefixes(prefixes))
      }
    }
    /// Any source that arrives on the zone's interfaces; over another zone, the sources that the zone can
    /// have.
    func own(_ name: String) -> [Arrival] {
      guard let home = receiver.zone(named: name) else { return [] }
      let zone = forced ?? home
      return [
        Arrival(
          zone: zone, sources: receiver.anyone(in: zone),
          // In a zone with prefixes, other sources do not belong to the zone, though they arrive on its
          // interfaces.
          addresses: zone == home && (home.kind != .network || home.prefixes.isEmpty) ? .any : .zone(home))
      ]
    }
    if over == nil, isOutbound(source, target) {
      let own = AddressFamily.allCases.compactMap { Self.address(of: receiver.machine, $0) }
      return exitZone(target, receiver).map {
        [Arrival(zone: $0, sources: own, addresses: .any, isOutbound: true)]
      } ?? []
    }
    switch source {
    case .machine(let name):
      guard let machine = machines[name] else { return [] }
      return (forced.map { [$0] } ?? shared(machine)).map { zone in
        if zone.kind == .tunnel {
          let tunnel = policy.tunnel(named: zone.name)
          let own = tunnel.map { machine.addresses(in: $0.name) } ?? []
          return Arrival(zone: zone, sources: own, addresses: .prefixes(own.map { Prefix($0) }))
        }
        // Outside the tunnel it sends from its public address, and can spoof others.
        if case .addresses(let own) = machine.endpoint {
          return Arrival(
            zone: zone, sources: own, addresses: .prefixes(own.map { Prefix($0) }),
            spoofed: machine.addresses.flatMap(\.addresses).map { Prefix($0) })
        }
        return Arrival(zone: zone, sources: receiver.anyone(in: zone), addresses: .any)
      }
    case .machineZone(let name, let zoneName):
      if name == receiver.machine.name { return own(zoneName) }
      guard let machine = machines[name] else { return [] }
      let own = machine.zone(named: zoneName)?.prefixes ?? []
      let prefixes = own.isEmpty ? outsideHosts(of: zoneName, on: machine, at: receiver, forced) : own
      let hosts = AddressFamily.allCases.flatMap { family in
        Self.hosts(in: prefixes.filter { $0.family == family }, from: 1)
      }
      return (forced.map { [$0] } ?? shared(machine)).map {
        Arrival(zone: $0, sources: hosts, addresses: .prefixes(prefixes))
      }
    case .anywhere:
      return (forced.map { [$0] } ?? receiver.zones).map { zone in
        if zone.kind == .tunnel {
          // A peer may also send from addresses whose home is not the tunnel.
          return Arrival(
            zone: zone, sources: receiver.anyone(in: zone),
            addresses: .prefixes(receiver.homes.prefixes(of: zone.name)),
            spoofed: AddressFamily.allCases.map {
              Prefix(containing: IPAddress(family: $0, bits: 0), length: 0)
            })
        }
        return Arrival(
          zone: zone, sources: receiver.anyone(in: zone),
          addresses: zone.kind == .network && !zone.prefixes.isEmpty ? .zone(zone) : .any)
      }
    case .tunnel(let name):
      guard let zone = forced ?? receiver.zone(named: name.description) else { return [] }
      let prefixes = policy.tunnel(named: name.description)?.prefixes ?? []
      let last = prefixes.map { IPAddress(family: $0.family, bits: $0.last.bits - 1) }
      return [Arrival(zone: zone, sources: last, addresses: .prefixes(prefixes))]
    case .zone(let name): return own(name)
    case .prefix(let prefix):
      let homes = forced.map { [$0] } ?? receiver.zones(of: prefix)
      return homes.map { Arrival(zone: $0, sources: [prefix.address], addresses: .prefixes([prefix])) }
    case .list(let name):
      let prefixes = policy.list(named: name)?.prefixes ?? []
      return outside(
        AddressFamily.allCases.compactMap { family in prefixes.first { $0.family == family }?.address },
        prefixes)
    }
  }

  /// Whether the machine of a target itself sends to what is beyond it.
  package func isOutbound(_ source: GrantSource, _ target: GrantTarget) -> Bool {
    if case .machine = target { return false }
    return source == .machine(target.machine)
      && (!onlyConfinedSend || !policy.confinements(of: target.machine, .host).isEmpty)
  }

  /// The hosts of a zone without prefixes, without those that have their home elsewhere on the receiver: they cannot come
  /// from there.
  private func outsideHosts(
    of zone: String, on machine: Machine, at receiver: SiteView, _ forced: SiteZone?
  ) -> [Prefix] {
    let shared = policy.tunnels.filter {
      !machine.addresses(in: $0.name).isEmpty && !receiver.machine.addresses(in: $0.name).isEmpty
    }
    let ways = Set(forced.map { [$0.name] } ?? shared.map(\.name.description))
    let homes = AddressHomes(on: receiver.machine, tunnels: policy.tunnels, machines: policy.machines).homes
    let elsewhere = homes.filter { ways.isDisjoint(with: $0.zones) }.flatMap(\.prefixes)
    return Prefix.subtract(elsewhere, from: policy.hosts(of: zone, on: machine))
  }

  /// Every packet path from a source to a target for one port, over these arrivals.
  func paths(
    _ arrivals: [Arrival], _ source: GrantSource, _ target: GrantTarget, _ port: ServicePort
  ) -> [PacketPath] {
    guard let receiver = views[target.machine] else { return [] }
    return arrivals.flatMap { arrival in
      arrival.sources.flatMap { address -> [PacketPath] in
        guard let destination = destination(target, receiver, arrival.zone, address.family),
          let segments = segments(
            source, target, arrival, isHub(address, of: arrival.zone) ? .direct : .relayed)
        else { return [] }
        return Self.packets(port, address, destination).compactMap { path($0, arrival, segments) }
      }
    }
  }

  /// An example address of the target, for packets that are shown.
  func destination(
    _ target: GrantTarget, _ receiver: SiteView, _ zone: SiteZone, _ family: AddressFamily
  ) -> IPAddress? {
    switch target {
    case .machine:
      if zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) {
        return receiver.machine.addresses(in: tunnel.name).first { $0.family == family }
      }
      return Self.address(of: receiver.machine, family)
    case .zone(_, let name):
      return Self.hosts(
        in: policy.hosts(of: name, on: receiver.machine).filter { $0.family == family }, from: 2
      )
      .first
    case .subnet(_, let prefix): return prefix.family == family ? prefix.last : nil
    }
  }

  /// An address of a machine outside its tunnels: the first of its endpoint, else an example.
  private static func address(of machine: Machine, _ family: AddressFamily) -> IPAddress? {
    if case .addresses(let own) = machine.endpoint, let address = own.first(where: { $0.family == family }) {
      return address
    }
    return family == .ipv4 ? IPAddress("192.0.2.77") : IPAddress("2001:db8::77")
  }

  /// Example hosts: one of each prefix, so many addresses before its last; of the internet a public one, if it is in it.
  package static func hosts(in prefixes: [Prefix], from end: UInt128) -> [IPAddress] {
    let isInternet = prefixes.contains { $0.length < 8 }
    let wellKnown = ["9.9.9.9", "2620:fe::9"].compactMap { IPAddress($0) }.filter { address in
      prefixes.contains { $0.contains(Prefix(address)) }
    }
    if isInternet, !wellKnown.isEmpty { return wellKnown }
    return prefixes.prefix(isInternet ? 1 : prefixes.count).map {
      IPAddress(family: $0.family, bits: $0.last.bits - end)
    }
  }

  package static func packets(_ port: ServicePort, _ source: IPAddress, _ destination: IPAddress) -> [Packet]
  {
    func packet(_ transport: IPProtocol, _ port: UInt16 = 0) -> Packet {
      Packet(
        source: source, destination: destination, transport: transport, destinationPort: port, input: nil)
    }
    switch port {
    case .ports(let transport, let range):
      return Set([range.lower, range.upper]).sorted().map { packet(transport, $0) }
    case .protocol(let transport): return [packet(transport)]
    case .echoRequest: return [packet(source.family == .ipv4 ? .icmp : .icmpv6)]
    case .everything: return [packet(.tcp, 443), packet(.udp, 443)]
    }
  }

  /// Walks a packet along its path, with one interface of each zone.
  private func path(_ packet: Packet, _ arrival: Arrival, _ segments: [PathSegment]) -> PacketPath? {
    var hops: [PacketPath.Hop] = []
    for segment in segments {
      guard let view = views[segment.machine], let names = segment.names(view) else { return nil }
      hops.append(.init(machine: segment.machine, trace: segment.trace(packet, names, view)))
    }
    return PacketPath(packet: packet, zone: arrival.zone, hops: hops, isOutbound: arrival.isOutbound)
  }
}
