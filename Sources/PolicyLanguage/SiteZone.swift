// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Interfaces of a machine that are judged alike: a tunnel, a zone, or all the rest.
public struct SiteZone: Sendable, Hashable {
  /// What its interfaces are.
  public enum Kind: Sendable, Hashable {
    case tunnel
    case containers
    case network
    /// Every interface that no other zone claims.
    case internet
  }

  /// The tunnel's or the zone's name.
  public let name: String
  /// What its interfaces are.
  public let kind: Kind
  /// Empty for `internet`.
  public let interfaces: [InterfacePattern]
  /// The sources that may appear there; empty where the policy does not say.
  public let prefixes: [Prefix]
  /// The line of the policy that defines it; nil where it is built in.
  public let line: Int?

  /// The zones of a machine: the tunnels by name, then its own zones by name, `internet` last.
  public static func zones(of machine: Machine, in policy: Policy) -> [SiteZone] {
    policy.tunnels.map { tunnel in
      SiteZone(
        name: tunnel.name.description, kind: .tunnel, interfaces: [.exact(tunnel.name)], prefixes: [],
        line: tunnel.location.line)
    }
      + machine.zones.map { zone in
        SiteZone(
          name: zone.name, kind: zone.name == Zone.containers ? .containers : .network,
          interfaces: zone.interfaces,
          prefixes: zone.prefixes, line: zone.location?.line)
      } + [SiteZone(name: Zone.internet, kind: .internet, interfaces: [], prefixes: [], line: nil)]
  }
}
