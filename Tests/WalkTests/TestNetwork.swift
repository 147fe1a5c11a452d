// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// The network around a host in a test: the host's interfaces, the machines behind each, and the default routes.
struct TestNetwork: Sendable {
  /// An interface of the host: one end of a pair of which the other end is outside the host.
  struct Interface: Sendable, Hashable {
    let name: String
    /// The host's addresses on it, with the lengths of their networks.
    var addresses: [String]
    /// Addresses of machines behind it.
    var neighbours: [String]

    /// The networks of its addresses.
    var networks: [Prefix] {
      addresses.compactMap { text in
        let parts = text.split(separator: "/")
        guard let address = parts.first.flatMap({ IPAddress($0) }),
          let length = parts.last.flatMap({ Int($0) })
        else { return nil }
        return Prefix(containing: address, length: length)
      }
    }
  }

  var interfaces: [Interface]
  /// The interface of the default routes.
  var uplink: String
  /// The next hops of the default routes, at most one of each family.
  var gateways: [String]

  /// The host's own addresses, without lengths.
  var own: [String] { interfaces.flatMap { $0.addresses.map { String($0.prefix { $0 != "/" }) } } }

  /// The interfaces of a name, or of a pattern that ends in `*` or `+`.
  func interfaces(like pattern: String?) -> [Interface] {
    guard let pattern else { return [] }
    let isPattern = pattern.hasSuffix("*") || pattern.hasSuffix("+")
    return interfaces.filter { isPattern ? $0.name.hasPrefix(pattern.dropLast()) : $0.name == pattern }
  }

  /// The interface whose network has an address, else that of the default route.
  func interface(behind address: IPAddress) -> Interface? {
    interfaces.first { $0.networks.contains { $0.contains(address) } }
      ?? interfaces.first { $0.name == uplink }
  }

  /// Whether an address is that of all machines in one of the networks.
  func isBroadcast(_ address: IPAddress) -> Bool {
    guard address.family == .ipv4 else { return false }
    return address.bits == 0x7fff_ffff
      || interfaces.flatMap(\.networks).contains { $0.last == address && $0.length < 31 }
  }

  /// A host between a tunnel, the internet, a network and containers.
  static let standard = TestNetwork(
    interfaces: [
      Interface(
        name: "wg0", addresses: ["10.13.13.1/24", "fd13:13::1/64"],
        neighbours: ["10.13.13.2", "10.13.13.10", "fd13:13::2", "fd13:13::10"]),
      Interface(
        name: "eth0", addresses: ["203.0.113.10/24", "2001:db8:1::10/64"],
        neighbours: ["203.0.113.66", "198.51.100.7", "2001:db8:1::66", "2001:db8:9::7"]),
      Interface(
        name: "lan0", addresses: ["192.168.50.1/24", "fd50::1/64"],
        neighbours: ["192.168.50.10", "192.168.50.77", "fd50::10"]),
      Interface(
        name: "docker0", addresses: ["172.17.0.1/16", "fd17::1/64"],
        neighbours: ["172.17.0.2", "172.17.0.3", "fd17::2"]),
    ], uplink: "eth0", gateways: ["203.0.113.1", "2001:db8:1::1"])
}
