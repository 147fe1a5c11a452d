// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// A port of the host whose packets NAT sends to another destination.
struct PublishedPort: Sendable, Hashable {
  /// `tcp`, `udp` or `sctp`.
  let transport: IPProtocol
  /// The host's address to which clients connect; `0.0.0.0` or `::` if it is every address that was evaluated.
  let address: IPAddress
  /// The host's port, in host order.
  let port: UInt16
  /// The destination of its packets.
  let target: PublishedTarget
}

/// The ports that NAT on the host publishes, whichever rules do it, and whether or not a filter accepts the packets.
/// They are found by walks through the `nat` chains: one packet for each class of ports that the chains distinguish,
/// from each side.
struct PublishedPorts {
  let all: [PublishedPort]

  /// If a rule translates a range of ports, at most this many of them are reported.
  static let mostOfRange = 1024

  private struct Key: Hashable {
    let transport: IPProtocol
    let port: UInt16
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
    let walk = PacketWalk(translating, order: judge.host.order)
    let ranges = DestinationPortClasses(translating).ranges
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
          for destination in judge.host.survey.host.snapshot.callableAddresses(
            source.family, on: nil)
          {
            asked[source.family, default: []].insert(destination)
            for transport in [IPProtocol.tcp, .udp] {
              for ports in ranges {
                let question = PacketOutcomes.Question(
                  input: interface.name, source: source, destination: destination, transport: transport,
                  port: ports.lowerBound)
                for (port, target) in Self.targets(walk, question, ports, judge) {
                  found[Key(transport: transport, port: port, target: target), default: []].insert(
                    destination)
                }
              }
            }
          }
        }
      }
    }
    all = found.flatMap { key, addresses -> [PublishedPort] in
      let family = key.target.address.family
      let called =
        addresses.isSuperset(of: asked[family] ?? [])
        ? [IPAddress(family: family, bits: 0)] : addresses.sorted()
      return called.map {
        PublishedPort(transport: key.transport, address: $0, port: key.port, target: key.target)
      }
    }.sorted { one, two in
      (one.transport.number, one.port, one.address.family.rawValue, one.address.bits)
        < (two.transport.number, two.port, two.address.family.rawValue, two.address.bits)
    }
  }

  /// The ports of a class whose packets are translated, and to which destination.
  private static func targets(
    _ walk: PacketWalk, _ question: PacketOutcomes.Question, _ ports: ClosedRange<UInt16>, _ judge: ReachJudge
  ) -> [(UInt16, PublishedTarget)] {
    let trace = walk.trace(question.packet, hooks: [NFT.hookPrerouting], in: judge.host.environment)
    guard let end = trace.packet.map({ (address: $0.destination, port: $0.destinationPort) }),
      end.address != question.destination || end.port != question.port
    else { return [] }
    let place = judge.namespace(with: end.address)
    return ports.prefix(mostOfRange).compactMap { port in
      let final = end.port == question.port ? port : end.port
      // Of a range that is translated as a whole, only ports with a listener are published.
      if ports.count > 1, let place {
        guard place.snapshot.listeners.contains(where: { $0.answers(end.address, final, question.transport) })
        else { return nil }
      }
      return (port, PublishedTarget(address: end.address, port: final, place: place?.kind))
    }
  }

  /// One sender of each address family: NAT rules rarely match more of the sender than its interface.
  private static func senders(_ ingress: Ingress, _ interface: InterfaceName) -> [IPAddress] {
    let addresses = ingress.sources.flatMap { $0.senders(by: interface) }
    return AddressFamily.allCases.compactMap { family in addresses.last { $0.family == family } }
  }

  /// Where NAT sends packets for a socket of the host; nil if nowhere else.
  func target(of listener: Listener) -> PublishedTarget? {
    all.first { isSame($0, listener) }?.target
  }

  /// The published ports that no socket of the host listens on.
  func unheard(by listeners: [Listener]) -> [PublishedPort] {
    all.filter { port in !listeners.contains { isSame(port, $0) } }
  }

  private func isSame(_ port: PublishedPort, _ listener: Listener) -> Bool {
    port.transport == listener.protocol && port.port == listener.port
      && listener.serves(port.address.family)
      && (listener.isWildcard || listener.address == port.address)
  }
}
