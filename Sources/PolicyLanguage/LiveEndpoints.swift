// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// What a ruleset takes from the host beside the policy: the addresses at which WireGuard last heard machines whose policy
/// says `endpoint: live`, and bridges that a name alone would make bridges of containers.
public struct LiveEndpoints: Sendable, Hashable {
  /// By machine name.
  public var addresses: [String: [IPAddress]]

  /// Bridges that do not only have guests: one has a physical port, or carries the default route. Where the zone
  /// `containers` names them, their packets are treated as those of `internet`.
  public var sharedBridges: Set<InterfaceName>

  /// Addresses by machine name, and bridges.
  public init(_ addresses: [String: [IPAddress]] = [:], sharedBridges: Set<InterfaceName> = []) {
    self.addresses = addresses
    self.sharedBridges = sharedBridges
  }
}
