// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The input of a ruleset from the host, in addition to the policy: the addresses from which WireGuard last
/// heard the machines with `endpoint: live`, the networks of zones with `prefixes: live`, and bridges that match the zone `containers` by name but do not
/// only serve guests.
public struct LiveEndpoints: Sendable, Hashable {
  /// The live addresses, by machine name.
  public var addresses: [String: [IPAddress]]

  /// Bridges that do not only serve guests (containers and virtual machines): they have a physical port, or
  /// carry the default route. If the zone `containers` names them, their packets are treated as packets of
  /// `internet`.
  public var sharedBridges: Set<InterfaceName>

  /// The networks of the interfaces of machines with a zone with `prefixes: live`, by machine name. Only those of
  /// this host are ever known.
  public var networks: [String: [InterfaceName: [Prefix]]]

  /// Addresses and networks by machine name, and bridges.
  public init(
    _ addresses: [String: [IPAddress]] = [:], sharedBridges: Set<InterfaceName> = [],
    networks: [String: [InterfaceName: [Prefix]]] = [:]
  ) {
    self.addresses = addresses
    self.sharedBridges = sharedBridges
    self.networks = networks
  }
}
