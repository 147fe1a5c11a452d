// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import PolicyLanguage
package import PacketSets

/// Names for sets of services: of the policy, else of the catalogue, else the ports as text.
package struct ServiceNames {
  /// A service, or the part of a service with one range of ports.
  package struct Named: Hashable {
    package let name: String
    /// `tcp`, `icmp`, …; `any` for all.
    package let transport: String
    /// Nil if the protocol has no ports, or for all ports.
    package let ports: ClosedRange<UInt16>?
  }

  private let known: [(name: String, port: ServicePort, numbers: IntervalSet)]
  private let builtIn: [(name: String, numbers: IntervalSet)]

  /// The names of a policy, then those of the catalogue; without a policy only these.
  package init(_ policy: Policy?) {
    let own = Set((policy?.services ?? []).map(\.name))
    let services =
      (policy?.services ?? []).map { (0, $0) }
      + ServiceCatalogue.services.filter { !own.contains($0.name) }.map { (1, $0) }
    // Names of the policy come first: its readers know them. Of these, the narrowest is the most specific.
    known = services.sorted { one, two in
      (one.0, one.1.ports.count, one.1.name) < (two.0, two.1.ports.count, two.1.name)
    }.flatMap { _, service in
      service.ports.map { (service.name, $0, $0.services) }
    }
    builtIn = (policy?.tunnels ?? []).compactMap { tunnel in
      tunnel.listen.map {
        ("tunnel \(tunnel.name)", PacketSpace.Service.ports(.udp, $0...$0))
      }
    }
  }

  /// All services.
  private static let everything = IntervalSet(0, 0xff_ffff)

  /// WireGuard's own ports.
  package var wireGuard: IntervalSet { IntervalSet.union(builtIn.map(\.numbers)) }

  /// The names of a set of services, together exactly the set.
  package func names(_ numbers: IntervalSet) -> [Named] {
    let anyICMP = PacketSpace.Service.all(.icmp).union(PacketSpace.Service.all(.icmpv6))
    if numbers.union(anyICMP) == Self.everything, !numbers.isDisjoint(with: anyICMP) {
      return [Named(name: "any", transport: "any", ports: nil)]
    }
    // A set that contains nearly all services is described by its exceptions.
    let others = Self.everything.subtracting(numbers.union(anyICMP))
    if Self.size(others) < Self.size(Self.everything) / 16 {
      let names = exactly(others).map(\.name).reduce(into: [String]()) { if $0.last != $1 { $0.append($1) } }
      let shown = names.prefix(8).joined(separator: ", ")
      let more = names.count > 8 ? " and \(names.count - 8) more" : ""
      return [Named(name: "any except \(shown)\(more)", transport: "any", ports: nil)]
    }
    return exactly(numbers)
  }

  private static func size(_ numbers: IntervalSet) -> UInt128 {
    numbers.intervals.reduce(0) { $0 + $1.upper - $1.lower + 1 }
  }

  private func exactly(_ numbers: IntervalSet) -> [Named] {
    var rest = numbers
    var result: [Named] = []
    for (name, own) in builtIn where rest.isSuperset(of: own) {
      result.append(Self.named(name, own.intervals[0].lower, own.intervals[0].upper))
      rest = rest.subtracting(own)
    }
    for (name, port, own) in known where !own.isEmpty {
      if rest.isEmpty { break }
      // `ping` is ICMP in IPv4 and ICMPv6 in IPv6.
      let parts = port == .echoRequest ? own.intervals.map { IntervalSet($0.lower, $0.upper) } : [own]
      for part in parts where rest.isSuperset(of: part) {
        guard let interval = part.intervals.first else { continue }
        result.append(Self.named(name, interval.lower, interval.upper))
        rest = rest.subtracting(part)
      }
    }
    for interval in rest.intervals {
      var lower = interval.lower
      while lower <= interval.upper {
        let upper = min(interval.upper, lower | 0xffff)
        result.append(Self.named(nil, lower, upper))
        lower = upper + 1
      }
    }
    return result.sorted {
      ($0.name, $0.transport, $0.ports?.lowerBound ?? 0) < ($1.name, $1.transport, $1.ports?.lowerBound ?? 0)
    }
  }

  private static func named(_ name: String?, _ lower: UInt128, _ upper: UInt128) -> Named {
    let transport = IPProtocol(number: UInt8(truncatingIfNeeded: lower >> 16))
    let (from, to) = (UInt16(truncatingIfNeeded: lower), UInt16(truncatingIfNeeded: upper))
    if transport.hasPorts {
      let ports = from == to ? "\(from)" : "\(from)-\(to)"
      return Named(
        name: name ?? (from == 0 && to == .max ? "any \(transport)" : "\(ports)/\(transport)"),
        transport: transport.description, ports: from...to)
    }
    let isWhole = from == 0 && to == .max
    let types = from >> 8 == to >> 8 ? "type \(from >> 8)" : "types \(from >> 8)-\(to >> 8)"
    let isICMP = transport == .icmp || transport == .icmpv6
    return Named(
      name: name ?? (isWhole || !isICMP ? "ip/\(transport.number)" : "\(transport) \(types)"),
      transport: transport.description, ports: nil)
  }
}
