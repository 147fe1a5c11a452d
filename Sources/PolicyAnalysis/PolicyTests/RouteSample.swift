// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PacketWalk
internal import PacketSets

/// Selects one packet of some classes, to be shown with its packet path: a typical one if they contain one.
struct RouteSample {
  let route: TestRoute
  package let service: Service
  package let packets: PacketPaths

  /// A packet of these classes; nil if there are none. It prefers sources whose home is where they arrive,
  /// then the first ports of the service, then typical addresses.
  func packet(in spaces: [PacketSpace]) -> Packet? {
    let believed = spaces.compactMap { $0.narrowed(.source, to: route.claimed.sources) }
    return plain(believed.isEmpty ? spaces : believed)
  }

  private func plain(_ spaces: [PacketSpace]) -> Packet? {
    let numbers = wishes
    var best: (rank: [Int], space: PacketSpace)?
    for space in spaces {
      var space = space
      let port = numbers.firstIndex { space.mayHave(.service, IntervalSet($0)) }
      space = narrowed(space, .service, port.map { numbers[$0] } ?? space[.service].first)
      let source = route.typicalSources.map(\.bits).first { space.mayHave(.source, IntervalSet($0)) }
      space = narrowed(space, .source, source)
      let destination = route.typicalDestination.map(\.bits).flatMap {
        space.mayHave(.destination, IntervalSet($0)) ? $0 : nil
      }
      space = narrowed(space, .destination, destination ?? space[.destination].first)
      let rank = [port ?? numbers.count, source == nil ? 1 : 0, destination == nil ? 1 : 0]
      if best.map({ rank.lexicographicallyPrecedes($0.rank) }) ?? true { best = (rank, space) }
    }
    guard var packet = best?.space.sample() else { return nil }
    // The interfaces are set separately for each machine on the path.
    (packet.input, packet.inputType) = (nil, nil)
    (packet.output, packet.outputType) = (nil, nil)
    return packet
  }

  private func narrowed(_ space: PacketSpace, _ field: PacketSpace.Field, _ value: UInt128?) -> PacketSpace {
    value.flatMap { space.narrowed(field, to: IntervalSet($0)) } ?? space
  }

  /// The ends of the service's port ranges, in their order.
  private var wishes: [UInt128] {
    service.ports.flatMap { port -> [UInt128] in
      switch port {
      case .ports(let transport, let range):
        [range.lower, range.upper].map { PacketSpace.Service.number(transport, port: $0) }
      case .protocol(let transport): [PacketSpace.Service.number(transport, port: 0)]
      case .echoRequest: [PacketSpace.Service.echoRequest(route.family)]
      case .everything: [PacketSpace.Service.number(.tcp, port: 443)]
      }
    }
  }

  /// Walks a packet along the route. `spaces` has packet spaces for some machines, by their index on the
  /// route: there the packet uses interfaces with which it is in one of them. On other machines it uses any
  /// interface of the zone.
  func path(_ packet: Packet, _ spaces: [Int: [PacketSpace]]) -> PacketPath {
    var hops: [PacketPath.Hop] = []
    for (place, segment) in route.segments.enumerated() {
      guard let view = packets.views[segment.machine], let usual = segment.names(view) else { break }
      let names = names(packet, usual, spaces[place] ?? [])
      hops.append(.init(machine: segment.machine, trace: segment.trace(packet, names, view)))
      if hops.last?.trace.verdict != .accept { break }
    }
    return PacketPath(packet: packet, zone: route.zone, hops: hops, isOutbound: route.isOutbound)
  }

  /// Interfaces with which a packet is in one of the classes: the usual ones if it is with these.
  private func names(_ packet: Packet, _ usual: PathSegment.Names, _ spaces: [PacketSpace])
    -> PathSegment.Names
  {
    let headers: [(PacketSpace.Field, IntervalSet)] = [
      (.source, IntervalSet(packet.source.bits)), (.destination, IntervalSet(packet.destination.bits)),
      (.service, IntervalSet(PacketSpace.Service.number(packet))),
    ]
    let own = spaces.compactMap { $0.narrowed(headers) }
    let input = usual.input.map { IntervalSet(PacketSpace.number($0)) }
    let output = usual.output.map { IntervalSet(PacketSpace.number($0)) }
    let plain = own.contains { space in
      (input.map { space.mayHave(.input, $0) } ?? true) && (output.map { space.mayHave(.output, $0) } ?? true)
    }
    guard !plain, let sample = own.first?.sample() else { return usual }
    return PathSegment.Names(
      input: usual.input == nil ? nil : sample.input ?? usual.input,
      output: usual.output == nil ? nil : sample.output)
  }
}
