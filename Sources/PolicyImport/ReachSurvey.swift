// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// Finds who reaches a service of a host, by walks of one packet for each range of sources that the rules distinguish.
struct ReachSurvey {
  /// What is asked for: a protocol, and its destination port.
  struct Service: Hashable, Comparable {
    let transport: IPProtocol
    /// 0 for a protocol without ports.
    let port: UInt16

    static let ping = Service(transport: .icmp, port: 0)

    /// The protocol in packets of a family: an echo request is ICMP or ICMPv6.
    func transport(in family: AddressFamily) -> IPProtocol {
      transport == .icmp && family == .ipv6 ? .icmpv6 : transport
    }

    static func < (left: Self, right: Self) -> Bool {
      (left.transport.number, left.port) < (right.transport.number, right.port)
    }
  }

  /// Where a service receives: on every address of the host, or as its sockets do.
  enum Receiver {
    case everyAddress
    /// On the first address of each family that the input interface has; on every address if it has none.
    case nearestAddress
    case listeners([Listener])
  }

  let walk: ImportWalk
  let sides: [ImportSide]
  let classes: AddressClasses
  private let destinations: AddressClasses
  private let sourcePorts: [UInt16]
  private let interfaces: [NetworkInterface]
  /// The addresses inside tunnels, which are reached only through them.
  private let tunnelAddresses: Set<IPAddress>

  /// Addresses of one family that are asked, at most.
  private static let mostAddresses = 32

  init(
    _ walk: ImportWalk, _ sides: [ImportSide], _ classes: AddressClasses, _ destinations: AddressClasses,
    sourcePorts: [UInt16], interfaces: [NetworkInterface]
  ) {
    self.destinations = destinations
    self.walk = walk
    self.sides = sides
    self.classes = classes
    self.sourcePorts = sourcePorts
    self.interfaces = interfaces.filter { !$0.isLoopback }
    tunnelAddresses = Set(
      sides.filter { $0.kind == .tunnel }.flatMap(\.interfaces).flatMap(\.addresses).map(\.address))
  }

  /// The sources of a side, sorted by whether they reach a service.
  func sources(of service: Service, at receiver: Receiver, from side: ImportSide) -> OpenSources {
    var open = OpenSources()
    for family in AddressFamily.allCases {
      for range in classes.ranges(of: family, in: side.sources[family] ?? .empty) {
        var outcomes: [ImportWalk.Outcome] = []
        for question in questions(to: service, at: receiver, from: side, range, family) {
          let outcome = walk.outcome(question)
          outcomes.append(outcome)
          guard outcome.verdict == .accepted, service.transport.hasPorts else { continue }
          for port in sourcePorts {
            var other = question
            other.sourcePort = port
            outcomes.append(walk.outcome(other))
          }
        }
        open.add(range, family, outcomes)
      }
    }
    return open
  }

  /// Which packets of a side are asked.
  enum Extent {
    /// Those that the policy may accept: not to the addresses inside tunnels, except from tunnels and guests.
    case grantable
    /// All of them, also on interfaces on which the sources do not usually arrive.
    case everything
  }

  /// The packets of a range of sources to a service: on each interface of the side, to each address that receives them.
  func questions(
    to service: Service, at receiver: Receiver, from side: ImportSide, _ range: AddressClasses.Range,
    _ family: AddressFamily, _ extent: Extent = .grantable
  ) -> [ImportWalk.Question] {
    let source = ImportSide.example(of: range, family)
    let isEverything = extent == .everything
    // Link-local sources belong to the zone of each interface.
    let others = isEverything && !source.isLinkLocal ? side.alsoJudgedOn : []
    return (side.interfaces + others).flatMap { interface in
      destinations(
        of: receiver, source, on: interface, side.kind == .network && !isEverything ? tunnelAddresses : []
      ).map { destination in
        ImportWalk.Question(
          input: interface.name, source: source, destination: destination,
          transport: service.transport(in: family), port: service.port)
      }
    }
  }

  /// The addresses at which a receiver gets packets of a source that arrive on an interface.
  private func destinations(
    of receiver: Receiver, _ source: IPAddress, on interface: NetworkInterface, _ except: Set<IPAddress>
  ) -> [IPAddress] {
    let family = source.family
    func wildcard() -> [IPAddress] {
      let all = ([interface] + interfaces.filter { $0.name != interface.name }).flatMap(\.addresses)
        .map(\.address).filter { $0.family == family && !$0.isLinkLocal }
      let near = interface.addresses.map(\.address).filter {
        $0.family == family && $0.isLinkLocal && source.isLinkLocal
      }
      return near + all
    }
    var found: [IPAddress] = []
    switch receiver {
    case .everyAddress: found = wildcard()
    case .nearestAddress:
      let own = wildcard()
      found = own.first { interface.owns($0) && $0.isLinkLocal == source.isLinkLocal }.map { [$0] } ?? own
    case .listeners(let listeners):
      for listener in listeners where listener.serves(family) {
        if let bound = listener.boundInterface, bound != interface.name { continue }
        if listener.isWildcard {
          found += wildcard()
        } else if !listener.address.isLinkLocal || (source.isLinkLocal && interface.owns(listener.address)) {
          found.append(listener.address)
        }
      }
    }
    // Addresses that no rule distinguishes are asked once: one of the interface itself, and one of the others.
    var known: Set<Alike> = []
    return Array(
      found.filter { address in
        !except.contains(address)
          && known.insert(
            Alike(
              number: destinations.number(of: address), isOwn: interface.owns(address),
              isInTunnel: tunnelAddresses.contains(address), isLinkLocal: address.isLinkLocal)
          ).inserted
      }.prefix(Self.mostAddresses))
  }

  /// What rules and routes distinguish of the host's own addresses.
  private struct Alike: Hashable {
    let number: Int
    let isOwn: Bool
    let isInTunnel: Bool
    let isLinkLocal: Bool
  }
}
