// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Addresses of machines in a tunnel decide alone whether a packet from that tunnel is for this host: nearly all packets in a
/// tunnel are to such addresses, and a question to the routing table costs more than all other conditions of a chain together.
/// Where the routing table says something else, because an address of the policy is not configured or another
/// machine's is, the packet reaches a chain for which it was not accepted, and is dropped there.
extension RulesetBuilder {
  /// An address of this machine in a tunnel.
  struct OwnAddress {
    let zone: SiteZone
    let prefix: Prefix
    /// The conditions for packets to it that arrive through the tunnel.
    let matches: [Match]
    let origin: Origin
  }

  /// This machine's addresses in its tunnels.
  var ownAddresses: [OwnAddress] {
    tunnelZones.flatMap { zone, tunnel in
      site.machine.addresses(in: tunnel).map { address in
        OwnAddress(
          zone: zone, prefix: Prefix(address),
          matches: [
            .interface(.input, .equal, .exact(tunnel)), .address(.destination, .equal, Prefix(address)),
          ],
          origin: site.origin(site.machine.location.line, "own address in \(zone.name)"))
      }
    }
  }

  /// Packets that arrive through a tunnel for other machines in it, which this machine forwards back into it.
  struct Relay {
    let zone: SiteZone
    let tunnel: InterfaceName
    /// The condition that a packet is to such a machine.
    let destination: Match
    let origin: Origin

    /// The conditions for packets to these machines that arrive through the tunnel.
    var matches: [Match] { [.interface(.input, .equal, .exact(tunnel)), destination] }
  }

  /// The relays of this machine: the addresses of other machines in a tunnel to which a grant sends packets of the tunnel. Not
  /// those that have further rules because they are also reachable through another tunnel, or are endpoints of one.
  mutating func relays(_ entries: GrantEntries, _ encryption: EncryptionPlan) -> [Relay] {
    var relays: [Relay] = []
    let endpoints = encryption.parts.flatMap { $0.endpoints + $0.shared.flatMap(\.endpoints) }
    let groups = TunnelDestinations(site: site).groups
    for (zone, tunnel) in tunnelZones {
      let special =
        endpoints + groups.filter { !$0.tunnels.contains { $0.name == tunnel } }.flatMap(\.prefixes)
      let granted = (entries.transit[zone.name] ?? []).map(\.destination).filter { destination in
        guard case .interfaces(let exits) = destination.exit else { return false }
        return !destination.isOutside && exits.contains(.exact(tunnel))
      }.flatMap(\.prefixes)
      if granted.isEmpty { continue }
      let index = Set(granted)
      let wide = index.filter { $0.length < $0.family.bitWidth }
      let others = site.policy.machines.filter { $0.name != site.machine.name }
        .flatMap { $0.addresses(in: tunnel) }
        .filter { address in
          (index.contains(Prefix(address)) || wide.contains { $0.contains(address) })
            && !special.contains { $0.contains(address) }
        }
      let origin = site.origin(zone.line, "relayed in \(zone.name)")
      for family in AddressFamily.allCases {
        let own = others.filter { $0.family == family }
        relays += destinations(own, family, set: "relay-\(zone.identifier)-\(family == .ipv4 ? "v4" : "v6")")
          .map {
            Relay(zone: zone, tunnel: tunnel, destination: $0, origin: origin)
          }
      }
    }
    return relays
  }

  /// With more addresses than these, a look-up costs less than the comparisons.
  private static let fewAddresses = 2

  /// The conditions, each for a rule of its own, that a destination is one of these addresses.
  private mutating func destinations(_ addresses: [IPAddress], _ family: AddressFamily, set name: String)
    -> [Match]
  {
    if addresses.count <= Self.fewAddresses {
      return addresses.map { .address(.destination, .equal, Prefix($0)) }
    }
    add(
      NamedSet(
        name: name, key: .address(family), kind: .set,
        elements: SetElements(keyLength: family.byteWidth, unsorted: addresses.flatMap { $0.bytes + [0] })))
    return [.addressSet(family, .destination, set: name, maskLength: nil)]
  }

  private var tunnelZones: [(zone: SiteZone, tunnel: InterfaceName)] {
    site.zones.filter { $0.kind == .tunnel }.flatMap { zone in
      zone.interfaces.compactMap { pattern in
        if case .exact(let tunnel) = pattern { (zone, tunnel) } else { nil }
      }
    }
  }
}
