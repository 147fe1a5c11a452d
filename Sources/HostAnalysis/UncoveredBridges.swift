// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyLanguage

/// Finds bridges of guests (containers and virtual machines) that no zone of the policy covers: the ruleset treats
/// their guests as the internet, so guests lose what the zone `containers` lets them do.
public struct UncoveredBridges: Sendable {
  /// One bridge.
  public struct Finding: Sendable, Hashable {
    /// The bridge.
    public let bridge: InterfaceName
    /// What happens to its guests, as a sentence without a full stop.
    public let found: String
    /// What to write in the policy, as a sentence without a full stop.
    public let fix: String
  }

  /// The findings, in order of the bridges' names.
  public let findings: [Finding]

  /// Checks the bridges of a host that is this machine of the policy.
  public init(
    _ interfaces: [NetworkInterface], on machine: Machine, of policy: Policy,
    sharedBridges: Set<InterfaceName>
  ) {
    let zones = SiteZone.zones(of: machine, in: policy)
    let bridges = Self.bridges(among: interfaces, sharedBridges: sharedBridges) {
      zones.zone(of: $0, sharedBridges: sharedBridges)?.kind != .internet
    }
    let covered = machine.zone(named: Zone.containers)?.interfaces ?? DefaultContainers.interfaces
    let all = Self.interfaces(of: covered, with: bridges)
    findings = bridges.map { bridge in
      Finding(
        bridge: bridge,
        found: "no zone of \(machine.name) has the bridge \(bridge): its guests (containers or virtual "
          + "machines) are treated as the internet: they lose the internet and the services of this host",
        fix: "write in \(machine.name) of the policy: zones: { containers: { interfaces: "
          + "[\(all.joined(separator: ", "))] } }")
    }
  }

  /// The bridges of guests that are not covered, by name. A bridge of guests has a port or an address; a bridge with a
  /// port that is not a guest's, or with the default route (`sharedBridges`), is a network.
  static func bridges(
    among interfaces: [NetworkInterface], sharedBridges: Set<InterfaceName>,
    isCovered: (InterfaceName) -> Bool
  ) -> [InterfaceName] {
    interfaces.filter { bridge in
      let hasPort = interfaces.contains { $0.master == bridge.index }
      return bridge.kind == "bridge" && bridge.master == nil && !sharedBridges.contains(bridge.name)
        && (hasPort || bridge.addresses.contains { !$0.address.isLinkLocal }) && !isCovered(bridge.name)
    }.map(\.name).sorted()
  }

  /// The interfaces of a zone `containers` with more bridges, as a policy lists them.
  static func interfaces(of zone: [InterfacePattern], with bridges: [InterfaceName]) -> [String] {
    (zone.map(\.description) + bridges.map(\.description)).sorted()
  }
}
