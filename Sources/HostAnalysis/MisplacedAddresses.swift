// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PacketSets
internal import PolicyAnalysis
public import PolicyLanguage

/// Finds addresses of a host's interfaces whose networks the policy places on other interfaces. The rules drop
/// packets from such a network, so the host loses its neighbours there, including its router and its name server.
///
/// A policy file alone cannot show this: it does not say in which networks its machines are.
public struct MisplacedAddresses: Sendable {
  /// One address of one interface.
  public struct Finding: Sendable, Hashable {
    /// The interface.
    public let interface: InterfaceName
    /// What is wrong, as a sentence without a full stop.
    public let found: String
    /// What to write in the policy, as a sentence without a full stop.
    public let fix: String
  }

  /// The findings, in order of interface and address.
  public let findings: [Finding]

  /// Checks the interfaces of a host that is this machine of the policy. Loopback, the policy's tunnels and
  /// link-local addresses are never misplaced. Bridges in `sharedBridges` are not in the zone `containers`, as in
  /// the ruleset (`LiveFacts.sharedBridges`).
  public init(
    _ interfaces: [NetworkInterface], on machine: Machine, of policy: Policy,
    sharedBridges: Set<InterfaceName>
  ) {
    let homes = AddressHomes(on: machine, tunnels: policy.tunnels, machines: policy.machines)
    let zones = SiteZone.zones(of: machine, in: policy)
    findings = interfaces.filter { !$0.isLoopback }.sorted { $0.name < $1.name }.flatMap { interface in
      guard let zone = zones.zone(of: interface.name, sharedBridges: sharedBridges), zone.kind != .tunnel
      else { return [Finding]() }
      return interface.addresses.filter { !LinkAddress.isOfLink($0.address) }.compactMap { address in
        Self.finding(address, interface.name, zone, homes.home(of: Prefix(address.address)), machine, policy)
      }
    }
  }

  private static func finding(
    _ address: InterfaceAddress, _ interface: InterfaceName, _ zone: SiteZone, _ home: AddressHomes.Home?,
    _ machine: Machine, _ policy: Policy
  ) -> Finding? {
    let what = "\(interface) has the address \(address.address)/\(address.prefixLength)"
    guard let home else {
      guard zone.kind == .containers, !zone.prefixes.isEmpty else { return nil }
      return Finding(
        interface: interface,
        found: "\(what), which is not in 'prefixes' of the zone 'containers' of \(machine.name): "
          + "all packets from \(address.network) are dropped on \(interface)",
        fix: "add \(address.network) to 'prefixes' of the zone 'containers' of \(machine.name)")
    }
    if home.zones.contains(zone.name) { return nil }
    let place = home.zones.joined(separator: " or ")
    let holder = home.prefixes.first { $0.contains(address.address) } ?? Prefix(address.address)
    switch home.kind {
    case .tunnel:
      return Finding(
        interface: interface,
        found: "\(what), which is in a prefix of the tunnel \(place): all packets from and to \(holder) are "
          + "dropped on \(interface)",
        fix: "use other addresses on \(interface) or in the tunnel: a network can be in one place only")
    case .zone:
      return Finding(
        interface: interface,
        found:
          "\(what), which is in \(holder) of the zone '\(place)' of \(machine.name): all packets from "
          + "\(holder) are dropped on \(interface)",
        fix:
          "add \(interface) to 'interfaces' of the zone '\(place)', or remove \(address.network) from its 'prefixes'"
      )
    case .remoteSubnets:
      let owner = policy.machines.first { other in
        other.name != machine.name && other.subnets.contains { $0.contains(address.address) }
      }
      let subnet = owner?.subnets.first { $0.contains(address.address) } ?? holder
      // A zone's prefix wins over a remote subnet if it is at least as long.
      let own = address.prefixLength >= subnet.length ? address.network : subnet
      let fix =
        zone.kind == .internet
        ? "give \(interface) a zone with that network: zones: { lan: { interfaces: [\(interface)], prefixes: [\(own)] } }"
        : "add \(own) to 'prefixes' of the zone '\(zone.name)' of \(machine.name)"
      return Finding(
        interface: interface,
        found:
          "\(what), which is in \(subnet), a subnet of \(owner?.name ?? "another machine") that the policy reaches "
          + "over \(place): all packets from and to \(own) are dropped on \(interface), also those of the router "
          + "and the name server there",
        fix: fix)
    }
  }
}
