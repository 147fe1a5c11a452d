// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Interfaces of a machine that are treated alike: a tunnel, a zone, or all other interfaces.
public struct SiteZone: Sendable, Hashable {
  /// The kind of a zone.
  public enum Kind: Sendable, Hashable {
    case tunnel
    case containers
    case network
    /// Every interface that no other zone claims.
    case internet
  }

  /// The tunnel's or the zone's name.
  public let name: String
  /// The kind of its interfaces.
  public let kind: Kind
  /// Its interfaces; empty for `internet`.
  public let interfaces: [InterfacePattern]
  /// The sources that are accepted there; empty if the policy gives none.
  public let prefixes: [Prefix]
  /// The line of the policy that defines it; nil if it is built in.
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

extension [SiteZone] {
  /// The zone that an interface belongs to, of all zones of a machine: the first that names it, else `internet`.
  ///
  /// Bridges in `sharedBridges` also have ports that do not belong to guests: they are not in the zone `containers`,
  /// even if it names them.
  public func zone(of interface: InterfaceName, sharedBridges: Set<InterfaceName>) -> SiteZone? {
    first { zone in
      zone.interfaces.contains { $0.matches(interface) }
        && !(zone.kind == .containers && sharedBridges.contains(interface))
    } ?? first { $0.kind == .internet }
  }
}
