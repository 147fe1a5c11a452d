// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// A port of the host, or several in a row, whose packets NAT sends to another destination.
struct PublishedPort: Sendable, Hashable {
  /// `tcp`, `udp` or `sctp`.
  let transport: IPProtocol
  /// The host's address to which clients connect; `0.0.0.0` or `::` if it is every address that was evaluated.
  let address: IPAddress
  /// The host's ports, in host order.
  let ports: ClosedRange<UInt16>
  /// The destination of its packets.
  let target: PublishedTarget

  /// By protocol, address and ports; then by target, first one that cannot be determined.
  fileprivate var order: (UInt8, UInt8, UInt128, UInt16, UInt128, UInt16) {
    (
      transport.number, address.family.rawValue, address.bits, ports.lowerBound, target.address?.bits ?? 0,
      target.port
    )
  }

  /// Where packets to one of the ports go.
  func target(of port: UInt16) -> PublishedTarget {
    guard target.lastPort != target.port else { return target }
    return PublishedTarget(
      address: target.address, port: target.port + (port - ports.lowerBound), place: target.place)
  }

  /// The same for some of its ports in a row.
  func limited(to part: ClosedRange<UInt16>) -> PublishedPort {
    PublishedPort(
      transport: transport, address: address, ports: part,
      target: PublishedTarget(
        address: target.address, port: target(of: part.lowerBound).port,
        lastPort: target(of: part.upperBound).port, place: target.place))
  }
}

/// The ports that NAT on the host publishes, whichever rules do it, and whether or not a filter accepts the packets.
/// They are found by walks through the `nat` chains: one packet for each class of ports that the chains distinguish,
/// from each side.
struct PublishedPorts {
  let all: [PublishedPort]

  private struct Key: Hashable {
    let transport: IPProtocol
    let family: AddressFamily
    let ports: ClosedRange<UInt16>
    let target: PublishedTarget
  }

  init(_ judge: ReachJudge) {
    let translating = judge.host.tables.compactMap { table -> KernelTable? in
      guard table.chains.contains(where: { $0.base?.type == "nat" }) else { return nil }
      var only = table
      only.chains = table.chains.filter { $0.base == nil || $0.base?.type == "nat" }
      return only
    }
    if translating.isEmpty {
      all = []
      return
    }
    var rulesets = [translating]
    // Other chains before the translation may set the mark that it depends on, and may also drop the packet.
    if translating.contains(where: \.dependsOnMark) {
      rulesets.append(
        judge.host.tables.map { table in
          var early = table
          early.chains = table.chains.filter {
            $0.base == nil || $0.base?.type == "nat" || $0.base?.hook == NFT.hookPrerouting
          }
          return early
        })
    }
    let walks = rulesets.map { PacketWalk($0, order: judge.host.order) }
    let ranges = DestinationPortClasses(rulesets.last ?? []).ranges
    var found: [Key: Set<IPAddress>] = [:]
    var asked: [AddressFamily: Set<IPAddress>] = [:]
    // NAT rules rarely distinguish one bridge from another: a few bridges represent all.
    var bridges = 0
    for ingress in judge.ingresses {
      for interface in ingress.interfaces {
        if interface.kind == "bridge" {
          bridges += 1
          if bridges > HostSnapshot.mostBridges { continue }
        }
        for source in Self.senders(ingress, interface.name) {
          let addresses = judge.host.survey.host.snapshot.callableAddresses(source.family, on: nil)
          asked[source.family, default: []].formUnion(addresses)
          for alike in judge.classes(of: addresses) {
            guard let destination = alike.first else { continue }
            for (walk, transport) in walks.flatMap({ walk in [IPProtocol.tcp, .udp].map { (walk, $0) } }) {
              var mappings: [Mapping] = []
              for ports in ranges {
                let question = PacketOutcomes.Question(
                  input: interface.name, source: source, destination: destination, transport: transport,
                  port: ports.lowerBound)
                let trace = walk.trace(
                  question.packet, hooks: [NFT.hookPrerouting], in: judge.host.environment)
                let every = trace.dependsOnPort ? ports : 1...UInt16.max
                mappings += Mapping.all(trace, question, every)
                if !trace.dependsOnPort { break }
              }
              for mapping in Mapping.joined(mappings) {
                for (published, target) in Self.targets(mapping, transport, judge) {
                  let key = Key(
                    transport: transport, family: source.family, ports: published, target: target)
                  found[key, default: []].formUnion(alike)
                }
              }
            }
          }
        }
      }
    }
    all = found.flatMap { key, addresses -> [PublishedPort] in
      let family = key.family
      let called =
        addresses.isSuperset(of: asked[family] ?? [])
        ? [IPAddress(family: family, bits: 0)] : addresses.sorted()
      return called.map {
        PublishedPort(transport: key.transport, address: $0, ports: key.ports, target: key.target)
      }
    }.sorted { $0.order < $1.order }
  }

  /// Ports whose packets are translated to one address.
  private struct Mapping {
    var ports: ClosedRange<UInt16>
    /// Nil if it cannot be determined whether, or where, they are translated.
    let address: IPAddress?
    /// The port to which all are translated; nil if each is kept.
    let port: UInt16?

    private init(_ ports: ClosedRange<UInt16>, address: IPAddress?, port: UInt16?) {
      (self.ports, self.address, self.port) = (ports, address, port)
    }

    /// Where the packets of a class of ports are translated: to each address that chance may take; empty if they are not.
    static func all(_ trace: Trace, _ question: PacketOutcomes.Question, _ ports: ClosedRange<UInt16>)
      -> [Mapping]
    {
      if trace.verdict == .undetermined { return [Mapping(ports, address: nil, port: nil)] }
      return ([trace] + trace.others).compactMap { way in
        guard let end = way.packet,
          end.destination != question.destination || end.destinationPort != question.port
        else { return nil }
        return Mapping(
          ports, address: end.destination,
          port: end.destinationPort == question.port ? nil : end.destinationPort)
      }
    }

    /// The same, with the classes of one range of ports as one: rules cut off its first and its last port.
    static func joined(_ mappings: [Mapping]) -> [Mapping] {
      mappings.reduce(into: []) { joined, next in
        let before = joined.lastIndex { last in
          last.address == next.address && last.port == next.port && next.ports.lowerBound > 0
            && last.ports.upperBound == next.ports.lowerBound - 1
            && (last.ports.count > 1 || next.ports.count > 1 || next.address == nil)
        }
        if let before {
          joined[before].ports = joined[before].ports.lowerBound...next.ports.upperBound
        } else {
          joined.append(next)
        }
      }
    }
  }

  /// The ports of a mapping that are published, and to which destination.
  private static func targets(_ mapping: Mapping, _ transport: IPProtocol, _ judge: ReachJudge) -> [(
    ClosedRange<UInt16>, PublishedTarget
  )] {
    let ports = mapping.ports
    guard let address = mapping.address else {
      return [
        (ports, PublishedTarget(address: nil, port: ports.lowerBound, lastPort: ports.upperBound, place: nil))
      ]
    }
    let place = judge.namespace(with: address)
    func target(_ published: ClosedRange<UInt16>) -> (ClosedRange<UInt16>, PublishedTarget) {
      let first = mapping.port ?? published.lowerBound
      let last = mapping.port ?? published.upperBound
      return (published, PublishedTarget(address: address, port: first, lastPort: last, place: place?.kind))
    }
    guard ports.count > 1, let place else { return [target(ports)] }
    // Of a range that is translated as a whole, only ports with a listener are published.
    let heard = Set(place.snapshot.listeners.filter { $0.answers(address, $0.port, transport) }.map(\.port))
    if let port = mapping.port { return heard.contains(port) ? [target(ports)] : [] }
    return heard.filter(ports.contains).sorted().map { target($0...$0) }
  }

  /// One sender of each address family: NAT rules rarely match more of the sender than its interface.
  private static func senders(_ ingress: Ingress, _ interface: InterfaceName) -> [IPAddress] {
    let addresses = ingress.sources.flatMap { $0.senders(by: interface) }
    return AddressFamily.allCases.compactMap { family in addresses.last { $0.family == family } }
  }

  /// Where NAT sends packets for a socket of the host; nil if nowhere else.
  func target(of listener: Listener) -> PublishedTarget? {
    all.first { isSame($0, listener) }?.target(of: listener.port)
  }

  /// The published ports that no socket of the host listens on.
  func unheard(by listeners: [Listener]) -> [PublishedPort] {
    all.flatMap { published -> [PublishedPort] in
      let heard = Set(listeners.filter { isSame(published, $0) }.map(\.port)).sorted()
      var (parts, next) = ([PublishedPort](), Int(published.ports.lowerBound))
      for end in heard.map(Int.init) + [Int(published.ports.upperBound) + 1] {
        if next < end { parts.append(published.limited(to: UInt16(next)...UInt16(end - 1))) }
        next = end + 1
      }
      return parts
    }
  }

  private func isSame(_ port: PublishedPort, _ listener: Listener) -> Bool {
    port.transport == listener.protocol && port.ports.contains(listener.port)
      && listener.serves(port.address.family)
      && (listener.isWildcard || listener.address == port.address)
  }
}

extension KernelTable {
  /// Whether a rule looks at the mark of the packet or of its connection.
  fileprivate var dependsOnMark: Bool {
    chains.flatMap(\.rules).flatMap(\.expressions).contains { expression in
      switch expression {
      case .meta(let key, _): key == MetaKey.mark.rawValue
      case .ct(let key, _, _): key == ConnectionKey.mark.rawValue
      case .opaque(let name, let data):
        if case .match(let match, _, _) = OpaqueExpression(name, data) {
          match == "mark" || match == "connmark"
        } else {
          false
        }
      default: false
      }
    }
  }
}
