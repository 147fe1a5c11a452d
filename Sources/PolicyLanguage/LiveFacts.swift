// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// What a ruleset needs to know of the host beside the policy: the addresses from which WireGuard last received packets
/// of the machines with `endpoint: live`, the ports that WireGuard uses, the networks of zones with `prefixes: live`,
/// and the host's bridges.
public struct LiveFacts: Sendable, Hashable {
  /// The addresses from which WireGuard last received packets, by machine name.
  public var addresses: [String: [IPAddress]]

  /// Bridges that do not only serve guests (containers and virtual machines): they have a physical port, or
  /// carry the default route. If the zone `containers` names them, their packets are treated as packets of
  /// `internet`.
  public var sharedBridges: Set<InterfaceName>

  /// Bridges that are in a zone that is neither a tunnel nor `containers`: what stays on them is not subject to policy.
  public var bridges: Set<InterfaceName> = []

  /// The networks of the interfaces of machines with a zone with `prefixes: live`, by machine name. Only those of
  /// this host are ever known.
  public var networks: [String: [InterfaceName: [Prefix]]]

  /// The ports that WireGuard of a machine uses now and that the policy does not fix, by machine name and tunnel.
  public var ports: [String: [InterfaceName: LivePort]]

  /// Addresses, networks and ports by machine name, and bridges.
  public init(
    _ addresses: [String: [IPAddress]] = [:], sharedBridges: Set<InterfaceName> = [],
    networks: [String: [InterfaceName: [Prefix]]] = [:], ports: [String: [InterfaceName: LivePort]] = [:]
  ) {
    self.addresses = addresses
    self.ports = ports
    self.sharedBridges = sharedBridges
    self.networks = networks
  }
}

extension LiveFacts {
  /// A source of live facts. The facts of one source are read together.
  public enum Source: Sendable, Hashable {
    /// The interfaces and routes: `sharedBridges`, `bridges` and `networks`.
    case links
    /// WireGuard: `addresses` and `ports`.
    case wireGuard
    /// One device of WireGuard, the others could be read: `ports` of its tunnel, and `addresses` of machines that no
    /// other device knows.
    case device(InterfaceName)
  }

  /// These facts, with the last known ones of each source that could not be read: that it cannot be read does not mean
  /// that nothing is there. Without its shared bridges, for example, a ruleset takes a LAN for containers.
  public func with(_ last: LiveFacts, for unread: Set<Source>) -> LiveFacts {
    var facts = self
    if unread.contains(.links) {
      facts.sharedBridges = last.sharedBridges
      facts.bridges = last.bridges
      facts.networks = last.networks
    }
    if unread.contains(.wireGuard) {
      facts.addresses = last.addresses
      facts.ports = last.ports
    }
    for case .device(let tunnel) in unread {
      for (machine, ports) in last.ports {
        if let port = ports[tunnel] { facts.ports[machine, default: [:]][tunnel] = port }
      }
      facts.addresses.merge(last.addresses) { now, last in now.isEmpty ? last : now }
    }
    return facts
  }
}

/// The UDP port that WireGuard currently uses for a tunnel, if that is not the policy's `listen`.
public struct LivePort: Sendable, Hashable {
  /// The port, in host order; never 0.
  public let port: UInt16
  /// The addresses of its peers, sorted: only packets from there are for WireGuard.
  public let peers: [IPAddress]

  /// A port, and where the peers are.
  public init(port: UInt16, peers: [IPAddress]) {
    self.port = port
    self.peers = Set(peers).sorted()
  }
}
