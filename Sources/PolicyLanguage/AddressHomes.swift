// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Where source addresses belong on one machine. An address that is in a home is accepted as a source on that home's
/// interfaces alone; an address that is in none belongs to every interface that is not a tunnel.
///
/// The first home that holds an address is its home: the tunnels' own prefixes, then the prefixes of the machine's
/// zones, then the subnets of other machines, which lie behind the tunnels over which those machines are reached. Between
/// a zone and a subnet the longer prefix wins, as in routing, and the zone where both are the same. The endpoints of
/// machines are outside of tunnels even where a subnet holds them: the tunnels' own packets go there.
public struct AddressHomes: Sendable {
  /// Addresses that belong to the same interfaces.
  public struct Home: Sendable {
    /// The names of the tunnels or of the zone.
    public let zones: [String]
    /// What makes them belong there.
    public let kind: Kind
    /// The addresses.
    public let prefixes: [Prefix]
    /// The line of the policy that says so; nil where it is built in.
    public let line: Int?
  }

  /// What makes addresses belong to interfaces.
  public enum Kind: Sendable, Hashable {
    /// A tunnel's prefixes.
    case tunnel
    /// The prefixes of a zone of the machine.
    case zone
    /// Subnets of other machines.
    case remoteSubnets
  }

  /// In the order in which they are looked up.
  public let homes: [Home]

  /// The homes on a machine of a policy with these tunnels and machines.
  public init(on machine: Machine, tunnels: [Tunnel], machines: [Machine]) {
    var homes = tunnels.map { tunnel in
      Home(
        zones: [tunnel.name.description], kind: .tunnel, prefixes: tunnel.prefixes,
        line: tunnel.location.line)
    }
    homes += machine.zones.filter { !$0.prefixes.isEmpty }.map { zone in
      Home(zones: [zone.name], kind: .zone, prefixes: zone.prefixes, line: zone.location?.line)
    }
    var order: [[String]] = []
    var behind: [[String]: (prefixes: [Prefix], line: Int)] = [:]
    for other in machines where other.name != machine.name && !other.subnets.isEmpty {
      let shared = tunnels.filter {
        !machine.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty
      }.map(\.name.description)
      if shared.isEmpty { continue }
      if behind[shared] == nil { order.append(shared) }
      behind[shared, default: ([], other.location.line)].prefixes += other.subnets
    }
    let outside = machines.flatMap(\.endpoint.prefixes) + machine.zones.flatMap(\.prefixes)
    homes += order.compactMap { tunnels in
      guard let (prefixes, line) = behind[tunnels] else { return nil }
      let rest = Prefix.subtract(outside, from: prefixes).sorted()
      return rest.isEmpty ? nil : Home(zones: tunnels, kind: .remoteSubnets, prefixes: rest, line: line)
    }
    self.homes = homes
  }

  /// The home of all addresses of a prefix; nil where they have none, or not all of them one.
  public func home(of prefix: Prefix) -> Home? {
    guard let first = homes.first(where: { $0.prefixes.contains { $0.overlaps(prefix) } }) else { return nil }
    return first.prefixes.contains { $0.contains(prefix) } ? first : nil
  }

  /// The first home that holds some addresses of the prefix and not all; nil where there is none.
  public func split(of prefix: Prefix) -> (home: Home, part: Prefix)? {
    guard let home = homes.first(where: { $0.prefixes.contains { $0.overlaps(prefix) } }),
      let part = home.prefixes.first(where: { $0.overlaps(prefix) }), !part.contains(prefix)
    else { return nil }
    return (home, part)
  }
}
