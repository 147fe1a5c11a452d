// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset
internal import PacketSets

/// What the machines on the routes of a test accept, as packet spaces. Each machine is walked once for all
/// packets of a test line.
struct RouteWalks {
  private struct Place: Hashable {
    let segment: PathSegment
    let family: AddressFamily
  }

  /// What a machine accepts.
  private struct Passed {
    let spaces: [PacketSpace]
    /// Nil if there are few classes.
    let index: RelayIndex?
  }

  /// The fields that a packet keeps on all machines. The others (interfaces, address type) differ between
  /// machines.
  fileprivate static let headers: [PacketSpace.Field] = [
    .source, .destination, .service, .sourcePort, .tcpFlags,
  ]

  /// Up to so many classes are searched without an index.
  private static let fewClasses = 16

  private let packets: PacketPaths
  private var walks: [String: SpaceWalk] = [:]
  private var names: [String: ReachNames] = [:]
  private var firstPackets: [Place: PacketSpace] = [:]
  private var passed: [Place: Passed] = [:]

  init(_ packets: PacketPaths) { self.packets = packets }

  /// Walks the machines of these routes, only for these services. Results of earlier calls are discarded.
  mutating func walk(_ routes: [TestRoute], _ services: [Service]) {
    passed = [:]
    var asked: [Place: (sources: [IntervalSet], destinations: [IntervalSet])] = [:]
    for route in routes {
      for segment in route.segments {
        let place = Place(segment: segment, family: route.family)
        asked[place, default: ([], [])].sources.append(route.whole.sources)
        asked[place, default: ([], [])].destinations.append(route.whole.destinations)
      }
    }
    let numbers = Self.numbers(services, of: packets.policy)
    for (place, ends) in asked {
      let ends = TestRoute.Ends(
        sources: IntervalSet.union(Set(ends.sources)),
        destinations: IntervalSet.union(Set(ends.destinations)))
      guard let view = packets.views[place.segment.machine] else { continue }
      let asked = firstPackets(at: place)?.narrowed([
        (.source, ends.sources), (.destination, ends.destinations), (.service, numbers),
      ])
      let spaces = walk(view, place.segment, asked)
      passed[place] = Passed(spaces: spaces, index: spaces.count > Self.fewClasses ? RelayIndex(spaces) : nil)
    }
  }

  /// The packets of these services, of those that grants of the policy decide about.
  static func numbers(_ services: [Service], of policy: Policy) -> IntervalSet {
    IntervalSet.union(
      services.flatMap(\.ports).map {
        $0 == .everything ? decided(policy) : $0.services
      })
  }

  /// What `any` means in a test: everything but what always passes: ICMP errors, discovery, IGMP, and WireGuard's own
  /// ports.
  private static func decided(_ policy: Policy) -> IntervalSet {
    let protocols = [IPProtocol.icmp, .icmpv6, .igmp].map { PacketSpace.Service.all($0) }
    let ports =
      policy.tunnels.compactMap(\.listen) + policy.machines.flatMap { $0.livePorts.values.map(\.port) }
    let builtIn = protocols + ports.map { PacketSpace.Service.ports(.udp, $0...$0) }
    return ServicePort.everything.services.subtracting(IntervalSet.union(builtIn))
      .union(ServicePort.echoRequest.services)
  }

  /// The first packets of flows between any ends, as they arrive at one machine; nil if there are none.
  private mutating func firstPackets(at place: Place) -> PacketSpace? {
    if let known = firstPackets[place] { return known }
    guard let own = names(place.segment.machine) else { return nil }
    let type = IntervalSet(UInt128(place.segment.destinationType.rawValue))
    var conditions = [
      (PacketSpace.Field.destinationType, type), (.service, MachineReach.services(place.family)),
    ]
    let inputs = place.segment.inputs(own)
    if let inputs { conditions.append((.input, inputs)) } else { conditions.append(programs) }
    // Tunnel interfaces have a tunnel's link type, and tests send no source routes.
    let linkless = IntervalSet(UInt128(LinkType.linkless.rawValue))
    conditions.append((.options, PacketSpace.Field.noOptions))
    if place.segment.entry?.kind == .tunnel { conditions.append((.inputType, linkless)) }
    if case .zone(let zone)? = place.segment.exit, zone.kind == .tunnel {
      conditions.append((.outputType, linkless))
    }
    let outputs = place.segment.outputs(own)
    if let outputs { conditions.append((.output, outputs)) }
    let space = PacketSpace(
      place.family, input: inputs == nil ? .absent : .present, output: outputs == nil ? .absent : .present
    )
    .narrowed(MachineReach.firstPacket + conditions)
    firstPackets[place] = space
    return space
  }

  /// The source ports of the programs of a host, without those of WireGuard and of DHCP clients, which always pass.
  private var programs: (PacketSpace.Field, IntervalSet) {
    let own =
      packets.policy.tunnels.compactMap(\.listen)
      + packets.policy.machines.flatMap { $0.livePorts.values.map(\.port) }
    return (
      .sourcePort,
      IntervalSet(0, 0xffff).subtracting(IntervalSet(Set(own + [68, 546]).map { UInt128($0) }))
    )
  }

  private mutating func names(_ machine: String) -> ReachNames? {
    if let known = names[machine] { return known }
    guard let view = packets.views[machine] else { return nil }
    let own = ReachNames(packets.policy, view.machine)
    names[machine] = own
    return own
  }

  /// The packets that a machine accepts: evaluated at prerouting, then at input, or at forward and
  /// postrouting; of those that it sends itself, at output and postrouting.
  private mutating func walk(_ view: SiteView, _ segment: PathSegment, _ asked: PacketSpace?) -> [PacketSpace]
  {
    guard let asked else { return [] }
    let walk = walks[view.machine.name] ?? SpaceWalk(view.table)
    walks[view.machine.name] = walk
    func accepted(_ spaces: [PacketSpace], _ hook: UInt32) -> [PacketSpace] {
      spaces.isEmpty ? [] : walk.ends(of: spaces, hook: hook, .accepted).map(\.space)
    }
    func leaving(_ space: PacketSpace, _ outputs: IntervalSet) -> PacketSpace {
      var space = space
      space[.output] = outputs
      return space
    }
    if segment.entry == nil {
      return accepted(accepted([asked], NFT.hookOutput), NFT.hookPostrouting)
    }
    // A packet has no output interface before routing.
    let arriving = accepted([leaving(asked, IntervalSet(0))], NFT.hookPrerouting)
    if segment.exit == nil { return accepted(arriving, NFT.hookInput) }
    return accepted(
      accepted(arriving.map { leaving($0, asked[.output]) }, NFT.hookForward), NFT.hookPostrouting)
  }

  /// The packets between some ends of a route, as they arrive at each machine, and those that the machine
  /// accepts.
  struct Asked {
    let route: TestRoute
    /// In the order of the route's segments.
    fileprivate let segments: [(asked: PacketSpace, passing: [PacketSpace])]
    let ends: TestRoute.Ends
  }

  /// All packets between some ends of a route; nil if there are none.
  mutating func ask(_ route: TestRoute, _ ends: TestRoute.Ends) -> Asked? {
    var segments: [(asked: PacketSpace, passing: [PacketSpace])] = []
    for segment in route.segments {
      let place = Place(segment: segment, family: route.family)
      guard let known = passed[place],
        let asked = firstPackets(at: place)?.narrowed([
          (.source, ends.sources), (.destination, ends.destinations),
        ])
      else { return nil }
      var spaces = known.spaces
      if let index = known.index {
        let prefixes = ReachNames.prefixes(ends.destinations, route.family)
        spaces = index.places(towards: prefixes).map { known.spaces[$0] }
      }
      let passing = spaces.compactMap {
        $0.narrowed(.source, to: ends.sources)?.narrowed(.destination, to: ends.destinations)
      }
      segments.append((asked, passing))
    }
    return Asked(route: route, segments: segments, ends: ends)
  }
}

extension RouteWalks.Asked {
  /// Packets that every machine of a route accepts, and those that each machine accepts.
  struct Through {
    /// The packets by their headers, without interfaces.
    let headers: [PacketSpace]
    /// In the order of the route's segments, up to the first after which no packet is left.
    let segments: [[PacketSpace]]
  }

  /// What a machine of a route does not accept.
  struct Missing {
    /// The index of the machine among the route's segments.
    let segment: Int
    let spaces: [PacketSpace]
  }

  /// The packets of some services, as they arrive at the target's machine; nil if there are none, for example
  /// ICMP of the other family.
  package func packets(_ services: IntervalSet) -> PacketSpace? {
    segments.last?.asked.narrowed(.service, to: services)
  }

  /// The packets of some services that every machine accepts.
  func through(_ services: IntervalSet) -> Through {
    var headers: [PacketSpace] = []
    var result: [[PacketSpace]] = []
    for segment in segments {
      let passing = segment.passing.compactMap { $0.narrowed(.service, to: services) }
      let own = PacketSpace.coalesced(passing.map { $0.keeping(RouteWalks.headers) })
      headers =
        result.isEmpty
        ? own
        : PacketSpace.coalesced(headers.flatMap { header in own.compactMap { header.intersection($0) } })
      result.append(passing)
      if headers.isEmpty { break }
    }
    return Through(headers: headers, segments: result)
  }

  /// The packets of some services that a machine does not accept, by machine. Empty if every packet passes,
  /// on each interface of its zone.
  func missing(_ services: IntervalSet) -> [Missing] {
    var result: [Missing] = []
    for (place, segment) in segments.enumerated() {
      guard let asked = segment.asked.narrowed(.service, to: services) else { continue }
      var rest = [asked]
      for passing in segment.passing {
        if rest.isEmpty { break }
        rest = rest.flatMap { $0.subtracting(passing) }
      }
      if !rest.isEmpty { result.append(Missing(segment: place, spaces: rest)) }
    }
    return result
  }
}
