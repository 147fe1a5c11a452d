// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
public import PolicyLanguage
public import RulesetModel

/// The policy's own tests, run on what the policy compiles to: each packet that a line speaks of, judged on each machine
/// on its way, in both address families.
public struct PolicyTestRun: Sendable {
  /// A test that does not hold.
  public struct Failure: Sendable {
    /// The line of `tests`.
    public let location: SourceLocation
    /// What was expected of which service, in words.
    public let expectation: String
    /// The packet that shows it; nil where no packet could be made.
    public let packet: Packet?
    /// The machine that decided otherwise.
    public let machine: String
    /// The packet's way on that machine; nil where no packet could be made.
    public let trace: Trace?
    /// The line that decided, or why there is no packet.
    public let because: String
  }

  /// Expectations that hold: one for each source, target and service of a line.
  public private(set) var passed = 0
  /// What does not hold, in the order of the lines.
  public private(set) var failures: [Failure] = []

  private let policy: Policy
  private let views: [String: SiteView]

  /// Runs the tests of a site's policy on what its machines enforce.
  public init(_ site: CompiledSite) {
    policy = site.policy
    var views: [String: SiteView] = [:]
    let judges = Self.judges(of: policy)
    for machine in policy.machines where judges.contains(machine.name) {
      views[machine.name] = site.view(of: machine)
    }
    self.views = views
    for test in policy.tests {
      for source in test.from {
        for target in test.to where !Self.isSelf(source, target) { run(test, source, target) }
      }
    }
  }

  /// The machines that some test's packets meet: receivers, hubs, and those that route a source into a tunnel.
  private static func judges(of policy: Policy) -> Set<String> {
    if policy.tests.isEmpty { return [] }
    var names = Set(policy.tunnels.compactMap(\.hub))
    for test in policy.tests {
      names.formUnion(test.to.map(\.machine))
      for case .machineZone(let name, _) in test.from { names.insert(name) }
    }
    return names
  }

  /// A machine does not send to itself through its firewall: groups that meet themselves leave it out.
  private static func isSelf(_ source: GrantSource, _ target: GrantTarget) -> Bool {
    if case .machine(let name) = source, case .machine(name) = target { true } else { false }
  }

  private mutating func run(_ test: PolicyTest, _ source: GrantSource, _ target: GrantTarget) {
    for service in test.allow {
      let journeys = service.ports.flatMap { self.journeys(test, source, target, $0) }
      let blocked = journeys.lazy.compactMap { journey in journey.refusal.map { (journey, $0) } }.first
      let words = "\(Self.text(source)) may reach \(service.name) on \(Self.text(target))"
      if journeys.isEmpty {
        failures.append(
          Failure(
            location: test.location, expectation: words, packet: nil, machine: target.machine, trace: nil,
            because: "no packet can go this way: the two share no tunnel, or no address family on it"))
      } else if let (journey, stop) = blocked {
        fail(test, words, journey, stop)
      } else {
        passed += 1
      }
    }
    for service in test.deny {
      let journeys = service.ports.flatMap { self.journeys(test, source, target, $0) }
      let words = "\(Self.text(source)) may not reach \(service.name) on \(Self.text(target))"
      if let journey = journeys.first(where: { $0.refusal == nil }), let last = journey.stops.last {
        fail(test, words, journey, last)
      } else {
        passed += 1
      }
    }
  }

  private mutating func fail(_ test: PolicyTest, _ words: String, _ journey: Journey, _ stop: Stop) {
    let because = views[stop.machine].map { "\($0.because(stop.trace)) \($0.reason(stop.trace))" } ?? ""
    failures.append(
      Failure(
        location: test.location, expectation: words, packet: journey.packet, machine: stop.machine,
        trace: stop.trace,
        because: because))
  }

  /// What a machine on the way does with a packet.
  private struct Stop {
    let machine: String
    let trace: Trace
  }

  /// A packet and the machines that judge it, in the order in which it meets them.
  private struct Journey {
    let packet: Packet
    let stops: [Stop]
    var refusal: Stop? { stops.first { $0.trace.verdict != .accept } }
  }

  /// Every packet that a line speaks of for one port.
  private func journeys(
    _ test: PolicyTest, _ source: GrantSource, _ target: GrantTarget, _ port: ServicePort
  ) -> [Journey] {
    guard let receiver = views[target.machine] else { return [] }
    return ways(test.over, source, receiver).flatMap { way in
      way.sources.flatMap { address -> [Journey] in
        guard let destination = destination(target, receiver, way.zone, address.family) else { return [] }
        return packets(port, address, destination).compactMap {
          journey($0, source, target, receiver, way.zone)
        }
      }
    }
  }

  /// The zones of the receiving machine by which a source comes, with the addresses that it has there.
  private func ways(
    _ over: String?, _ source: GrantSource, _ receiver: SiteView
  ) -> [(zone: SiteZone, sources: [IPAddress])] {
    func named(_ name: String) -> SiteZone? { receiver.zone(named: name) }
    func shared(_ machine: Machine) -> [SiteZone] {
      policy.tunnels.filter {
        !machine.addresses(in: $0.name).isEmpty && !receiver.machine.addresses(in: $0.name).isEmpty
      }.compactMap { named($0.name.description) }
    }
    let forced = over.flatMap(named)
    switch source {
    case .machine(let name):
      guard let machine = policy.machine(named: name) else { return [] }
      return (forced.map { [$0] } ?? shared(machine)).map { zone in
        if zone.kind == .tunnel {
          return (zone, policy.tunnel(named: zone.name).map { machine.addresses(in: $0.name) } ?? [])
        }
        // Outside the tunnel it has its public address, and whatever it claims to have.
        var addresses = receiver.anyone(in: zone)
        if case .addresses(let own) = machine.endpoint { addresses = own }
        return (zone, addresses)
      }
    case .machineZone(let name, let zoneName):
      guard let machine = policy.machine(named: name), let home = machine.zone(named: zoneName) else {
        return []
      }
      if name == receiver.machine.name {
        return (forced ?? named(zoneName)).map { [($0, receiver.anyone(in: $0))] } ?? []
      }
      let hosts = home.prefixes.map { IPAddress(family: $0.family, bits: $0.last.bits - 1) }
      return (forced.map { [$0] } ?? shared(machine)).map { ($0, hosts) }
    case .tunnel(let name):
      let last = policy.tunnel(named: name.description)?.prefixes.map {
        IPAddress(family: $0.family, bits: $0.last.bits - 1)
      }
      return (forced ?? named(name.description)).map { [($0, last ?? [])] } ?? []
    case .zone(let name): return (forced ?? named(name)).map { [($0, receiver.anyone(in: $0))] } ?? []
    case .prefix(let prefix):
      return (forced.map { [$0] } ?? receiver.zones.filter { $0.kind == .internet }).map {
        ($0, [prefix.address])
      }
    case .list(let name):
      let prefixes = policy.list(named: name)?.prefixes ?? []
      let addresses = AddressFamily.allCases.compactMap { family in
        prefixes.first { $0.family == family }?.address
      }
      return (forced.map { [$0] } ?? receiver.zones.filter { $0.kind == .internet }).map { ($0, addresses) }
    }
  }

  private func destination(
    _ target: GrantTarget, _ receiver: SiteView, _ zone: SiteZone, _ family: AddressFamily
  ) -> IPAddress? {
    switch target {
    case .machine:
      if zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) {
        return receiver.machine.addresses(in: tunnel.name).first { $0.family == family }
      }
      if case .addresses(let own) = receiver.machine.endpoint,
        let address = own.first(where: { $0.family == family })
      {
        return address
      }
      // Any address of its own that is not in a tunnel stands for all.
      return family == .ipv4 ? IPAddress("192.0.2.77") : IPAddress("2001:db8::77")
    case .zone(_, let name):
      return receiver.machine.zone(named: name)?.prefixes.first { $0.family == family }.map {
        IPAddress(family: family, bits: $0.last.bits - 2)
      }
    case .subnet(_, let prefix): return prefix.family == family ? prefix.last : nil
    }
  }

  private func packets(_ port: ServicePort, _ source: IPAddress, _ destination: IPAddress) -> [Packet] {
    func packet(_ transport: IPProtocol, _ port: UInt16 = 0) -> Packet {
      Packet(
        source: source, destination: destination, transport: transport, destinationPort: port, input: nil)
    }
    switch port {
    case .ports(let transport, let range):
      return Set([range.lower, range.upper]).sorted().map { packet(transport, $0) }
    case .protocol(let transport): return [packet(transport)]
    case .echoRequest: return [packet(source.family == .ipv4 ? .icmp : .icmpv6)]
    }
  }

  private func journey(
    _ packet: Packet, _ source: GrantSource, _ target: GrantTarget, _ receiver: SiteView, _ zone: SiteZone
  ) -> Journey? {
    var stops: [Stop] = []
    if zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) {
      // A source behind another machine is routed into the tunnel there.
      if case .machineZone(let name, let zoneName) = source, name != receiver.machine.name,
        let router = views[name],
        let home = router.zone(named: zoneName), let input = router.interface(of: home)
      {
        stops.append(Stop(machine: name, trace: router.passage(routed(packet, input), to: tunnel.name)))
      }
      if let hub = tunnel.hub, hub != receiver.machine.name, hub != Self.machine(source),
        let relay = views[hub]
      {
        stops.append(Stop(machine: hub, trace: relay.passage(routed(packet, tunnel.name), to: tunnel.name)))
      }
    }
    guard let input = receiver.interface(of: zone) else { return nil }
    switch target {
    case .machine:
      var arriving = packet
      arriving.input = input
      stops.append(Stop(machine: receiver.machine.name, trace: receiver.arrival(arriving)))
    case .zone(_, let name):
      guard let exit = receiver.zone(named: name).flatMap(receiver.interface) else { return nil }
      stops.append(
        Stop(machine: receiver.machine.name, trace: receiver.passage(routed(packet, input), to: exit)))
    case .subnet(_, let prefix):
      let home =
        receiver.zones.first { $0.prefixes.contains { $0.contains(prefix) } }
        ?? receiver.zone(named: Zone.internet)
      guard let exit = home.flatMap(receiver.interface) else { return nil }
      stops.append(
        Stop(machine: receiver.machine.name, trace: receiver.passage(routed(packet, input), to: exit)))
    }
    return Journey(packet: packet, stops: stops)
  }

  private func routed(_ packet: Packet, _ input: InterfaceName) -> Packet {
    var packet = packet
    packet.input = input
    packet.destinationType = .unicast
    return packet
  }

  private static func machine(_ source: GrantSource) -> String? {
    switch source {
    case .machine(let name), .machineZone(let name, _): name
    case .tunnel, .zone, .prefix, .list: nil
    }
  }

  private static func text(_ source: GrantSource) -> String {
    switch source {
    case .machine(let name), .zone(let name), .list(let name): name
    case .tunnel(let name): name.description
    case .machineZone(let machine, let zone): "\(machine).\(zone)"
    case .prefix(let prefix): prefix.description
    }
  }

  private static func text(_ target: GrantTarget) -> String {
    switch target {
    case .machine(let name): name
    case .zone(let machine, let zone): "\(machine).\(zone)"
    case .subnet(let machine, let prefix): "\(prefix) behind \(machine)"
    }
  }
}
