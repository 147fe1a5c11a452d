// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

extension Policy {
  /// The addresses of the hosts that a machine routes to in one of its zones, and from it: the zone's prefixes. Where the
  /// zone has none, as `internet`, every address that the machine does not have elsewhere: not in a tunnel, not in the
  /// prefixes of a zone, not behind another machine, not in its own subnets, and not valid on its link alone.
  public func hosts(of zone: String, on machine: Machine) -> [Prefix] {
    if let prefixes = machine.zone(named: zone)?.prefixes, !prefixes.isEmpty { return prefixes }
    return outsideHosts[machine.name]
      ?? AddressHomes(on: machine, tunnels: tunnels, machines: machines).outside(machine)
  }
}

extension AddressHomes {
  /// What a machine has elsewhere, so that it is not behind its zones without prefixes: every home, the machine's own
  /// subnets, and the addresses that are valid on their link alone (RFC 3927; RFC 4291 section 2.5.6): cloud providers have
  /// their metadata service there.
  package func elsewhere(_ machine: Machine) -> [Prefix] {
    homes.flatMap(\.prefixes) + machine.subnets + ["169.254.0.0/16", "fe80::/10"].compactMap { Prefix($0) }
  }

  /// The addresses without a home on the machine that a host behind it may have, sorted.
  func outside(_ machine: Machine) -> [Prefix] {
    let everywhere = AddressFamily.allCases.map {
      Prefix(containing: IPAddress(family: $0, bits: 0), length: 0)
    }
    return Prefix.subtract(elsewhere(machine) + Self.neverRouted, from: everywhere).sorted()
  }

  /// Addresses that no host has: "this network" and loopback (RFC 1122 section 3.2.1.3), multicast and reserved ones (RFC
  /// 1112 section 4); in IPv6 the unspecified address, loopback and IPv4-mapped addresses (RFC 4291 section 2.5), and
  /// multicast (section 2.7).
  package static let neverRouted = [
    "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "::ffff:0.0.0.0/96", "ff00::/8",
  ].compactMap { Prefix($0) }
}
