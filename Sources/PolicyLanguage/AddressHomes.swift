// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The homes of source addresses on one machine. An address that has a home is accepted as a source only on
/// that home's interfaces; an address without a home belongs to every interface that is not a tunnel.
///
/// The home of an address is the first one that contains it: the tunnels' own prefixes, then the prefixes of
/// the machine's zones, then the subnets of other machines, which are behind the tunnels over which those
/// machines are reached. Between a zone and a subnet the longer prefix wins, as in routing; if both are the
/// same, the zone wins. The endpoints of machines are outside tunnels even if a subnet contains them:
/// WireGuard's own packets go there.
public struct AddressHomes: Sendable {
  /// Addresses that belong to the same interfaces.
  public struct Home: Sendable {
    /// The names of the tunnels or of the zone.
    public let zones: [String]
    /// Why the addresses belong to these interfaces.
    public let kind: Kind
    /// The addresses.
    public let prefixes: [Prefix]
    /// The line of the policy that defines the home; nil if it is built in.
    public let line: Int?
  }

  /// Why addresses belong to interfaces.
  public enum Kind: Sendable, Hashable {
    /// A tunnel's prefixes.
    case tunnel
    /// The prefixes of a zone of the machine.
    case zone
    /// Subnets of other machines.
    case remoteSubnets
  }

  /// The homes, in the order in which they are looked up.
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

  /// The home of all addresses of a prefix; nil if they have none, or if not all are in the same one.
  public func home(of prefix: Prefix) -> Home? {
    guard let first = homes.first(where: { $0.prefixes.contains { $0.overlaps(prefix) } }) else { return nil }
    return first.prefixes.contains { $0.contains(prefix) } ? first : nil
  }

  /// All addresses whose home is this zone or tunnel.
  public func prefixes(of zone: String) -> [Prefix] {
    homes.filter { $0.zones.contains(zone) }.flatMap(\.prefixes)
  }

  /// The first home that contains some but not all addresses of the prefix; nil if there is none.
  public func split(of prefix: Prefix) -> (home: Home, part: Prefix)? {
    guard let home = homes.first(where: { $0.prefixes.contains { $0.overlaps(prefix) } }),
      let part = home.prefixes.first(where: { $0.overlaps(prefix) }), !part.contains(prefix)
    else { return nil }
    return (home, part)
  }
}
