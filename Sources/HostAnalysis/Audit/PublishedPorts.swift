// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// A port of the host whose packets the host's rules send elsewhere.
struct PublishedPort: Sendable, Hashable {
  /// `tcp`, `udp` or `sctp`.
  let transport: IPProtocol
  /// The host's address that is called; `0.0.0.0` or `::` where it is every one that was asked about.
  let address: IPAddress
  /// The host's port, in host order.
  let port: UInt16
  /// Where its packets go.
  let target: PublishedTarget
}

/// The ports that the host's translations publish, whatever rules make them and whether a filter lets anybody in: found by
/// asking a walk through the translating chains about one packet for each class of ports that they tell apart, from each
/// side.
struct PublishedPorts {
  let all: [PublishedPort]

  /// Of a rule that sends a whole range of ports on, so many are told.
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
    // Translations look at whether a packet comes by one bridge or another, if at all: a few stand for all.
    var bridges = 0
    for approach in judge.approaches {
      for interface in approach.interfaces {
        if interface.kind == "bridge" {
          bridges += 1
          if bridges > HostSnapshot.mostBridges { continue }
        }
        for source in Self.senders(approach, interface.name) {
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

  /// The ports of a class whose packets go elsewhere, and where.
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
      // A range that is sent on as it is publishes what somebody listens on there.
      if ports.count > 1, let place {
        guard place.snapshot.listeners.contains(where: { $0.answers(end.address, final, question.transport) })
        else { return nil }
      }
      return (port, PublishedTarget(address: end.address, port: final, place: place?.kind))
    }
  }

  /// One sender of each family: whom a translation asks for is seldom more than the interface.
  private static func senders(_ approach: Ingress, _ interface: InterfaceName) -> [IPAddress] {
    let addresses = approach.sources.flatMap { $0.senders(by: interface) }
    return AddressFamily.allCases.compactMap { family in addresses.last { $0.family == family } }
  }

  /// Where packets for a socket of the host go instead of it.
  func target(of listener: Listener) -> PublishedTarget? {
    all.first { isSame($0, listener) }?.target
  }

  /// The published ports that no socket of the host stands for.
  func unheard(by listeners: [Listener]) -> [PublishedPort] {
    all.filter { port in !listeners.contains { isSame(port, $0) } }
  }

  private func isSame(_ port: PublishedPort, _ listener: Listener) -> Bool {
    port.transport == listener.protocol && port.port == listener.port
      && listener.serves(port.address.family)
      && (listener.isWildcard || listener.address == port.address)
  }
}
