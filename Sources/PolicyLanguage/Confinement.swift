// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// An entry of `confine`: what a machine itself sends, or what its containers send, leaves only if a grant allows it.
public struct Confinement: Sendable, Hashable {
  /// Whose traffic is confined.
  public enum Sender: Sendable, Hashable {
    /// The machine itself.
    case host
    /// The containers and guests of the machine.
    case containers
  }

  /// The machine's name.
  public let machine: String
  /// Whose traffic.
  public let sender: Sender
  /// The destinations towards which it is confined; nil for all.
  public let destinations: [Prefix]?
  /// Where the entry is.
  public let location: SourceLocation

  package init(machine: String, sender: Sender, destinations: [Prefix]?, location: SourceLocation) {
    self.machine = machine
    self.sender = sender
    self.destinations = destinations
    self.location = location
  }
}

/// A zone or tunnel whose senders get an answer to what no grant lets in: a TCP reset or an ICMP error.
public struct RefusedZone: Sendable, Hashable {
  /// The name of the zone, on every machine that has it, or of the tunnel.
  public let name: String
  /// Where the entry is.
  public let location: SourceLocation

  package init(name: String, location: SourceLocation) {
    self.name = name
    self.location = location
  }
}

extension Grant {
  /// Whose outbound traffic on a machine the grant lets reach one of its targets.
  package func senders(to target: GrantTarget, on machine: Machine) -> Set<Confinement.Sender> {
    let isOwn = target.machine == machine.name
    if case .machine(machine.name) = target { return [] }
    var senders: Set<Confinement.Sender> = []
    for source in from {
      switch source {
      case .machine(machine.name): senders.insert(.host)
      case .tunnel(let name) where !isOwn && !machine.addresses(in: name).isEmpty: senders.insert(.host)
      case .machineZone(machine.name, Zone.containers): senders.insert(.containers)
      case .zone(Zone.containers) where isOwn: senders.insert(.containers)
      case .anywhere: senders.formUnion(isOwn ? [.containers] : [.host, .containers])
      case .machine, .tunnel, .zone, .machineZone, .prefix, .list: break
      }
    }
    return senders
  }

  /// Whether the grant is about nothing but what one machine and its containers send from that machine.
  package var isOutboundOnly: Bool {
    guard let machine = to.first?.machine else { return false }
    let isBeyond = to.allSatisfy { target in
      if case .machine = target { false } else { target.machine == machine }
    }
    return isBeyond
      && from.allSatisfy {
        $0 == .machine(machine) || $0 == .machineZone(machine: machine, zone: Zone.containers)
      }
  }
}

extension Tunnel {
  /// Whether all peers to which WireGuard of a machine sends have public addresses that the policy fixes. A machine sends
  /// to a peer without one only when that peer called; behind a hub, only the hub is called.
  package func sendsOnlyToEndpoints(from machine: Machine, among machines: [Machine]) -> Bool {
    let peers = machines.filter { other in
      other.name != machine.name && !other.addresses(in: name).isEmpty
        && (hub == nil || hub == machine.name || hub == other.name)
    }
    return !peers.isEmpty
      && peers.allSatisfy { if case .addresses = $0.endpoint { true } else { false } }
  }
}
