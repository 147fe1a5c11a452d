// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyAnalysis
internal import PolicyLanguage

/// A side from which packets come to a host: a zone of its policy or, without a policy, one of its interfaces.
public struct Ingress: Sendable {
  /// The kind of a side.
  public enum Kind: Sendable, Hashable {
    /// A tunnel: its packets are authenticated.
    case tunnel
    /// The host's own containers.
    case containers
    /// Any other network.
    case network
  }

  /// A sender on this side.
  public struct Source: Sendable {
    /// The policy's name for it; `anyone` for sources that the policy does not name.
    public let name: String
    /// Addresses that it may have, on any interface of the side.
    public let addresses: [IPAddress]
    /// Addresses that it may have as a direct neighbour, by interface.
    let nearby: [InterfaceName: [IPAddress]]

    init(name: String, addresses: [IPAddress], nearby: [InterfaceName: [IPAddress]] = [:]) {
      self.name = name
      self.addresses = addresses
      self.nearby = nearby
    }

    /// The addresses from which it may send to an interface.
    package func senders(by interface: InterfaceName) -> [IPAddress] { addresses + (nearby[interface] ?? []) }
  }

  /// The zone's or the interface's name.
  public let name: String
  /// The kind of the side.
  public let kind: Kind
  /// The host's interfaces of this side, only those that are up.
  public let interfaces: [NetworkInterface]
  /// The senders: `anyone` first, the others by name.
  public let sources: [Source]

  /// The sides of a host by the zones of its policy. A zone without an interface that is up has no side: its name is
  /// in `absent`.
  /// `devices` are the host's WireGuard devices: their peers that the policy does not name are senders, too.
  public static func all(of host: HostSnapshot, by view: SiteView, devices: [WireGuardDevice] = []) -> (
    ingresses: [Ingress], absent: [String]
  ) {
    var ingresses: [Ingress] = []
    var absent: [String] = []
    for zone in view.zones {
      let own = view.interfaces(of: zone, among: entrances(of: host))
      if own.isEmpty {
        absent.append(zone.name)
        continue
      }
      let kind: Kind =
        switch zone.kind {
        case .tunnel: .tunnel
        case .containers: .containers
        case .network, .internet: .network
        }
      ingresses.append(
        Ingress(
          name: zone.name, kind: kind, interfaces: own, sources: sources(in: zone, own, view, devices)))
    }
    return (ingresses, absent)
  }

  /// The name of sources that the policy does not name.
  static let anyone = "anyone"

  /// The sides of a host by its interfaces; `tunnels` are the WireGuard interfaces, and `senders` the addresses of
  /// machines in them, with their names.
  public static func all(
    of host: HostSnapshot, tunnels: Set<InterfaceName>, senders: [InterfaceName: [IPAddress: String]] = [:]
  ) -> [Ingress] {
    entrances(of: host).map { interface in
      let isBridge = interface.kind == "bridge"
      let known = senders[interface.name] ?? [:]
      let near = neighbours(on: interface, except: known)
      let named = Dictionary(grouping: known.keys) { known[$0] ?? "" }.map {
        Source(name: $0.key, addresses: $0.value.sorted())
      }
      return Ingress(
        name: interface.name.description,
        kind: tunnels.contains(interface.name) || interface.kind == "wireguard"
          ? .tunnel : isBridge ? .containers : .network,
        interfaces: [interface],
        sources: [Source(name: anyone, addresses: strangers, nearby: [interface.name: near])]
          + named.sorted { $0.name < $1.name })
    }
  }

  /// Interfaces on which packets enter: up, not loopback, and not a port of a bridge or bond (the bridge or bond
  /// counts).
  private static func entrances(of host: HostSnapshot) -> [NetworkInterface] {
    host.interfaces.filter { $0.state == .up && !$0.isLoopback && $0.master == nil }
  }

  /// Addresses that represent remote senders: ordinary ones, since rules often drop sources in reserved ranges.
  private static let strangers = AddressFamily.allCases.compactMap { SiteView.strangers($0).first }

  /// Direct neighbours: one address in each network of the interface that is not the host's own.
  private static func neighbours(on interface: NetworkInterface, except known: [IPAddress: String] = [:])
    -> [IPAddress]
  {
    interface.addresses.compactMap { own -> IPAddress? in
      let network = own.network
      let first = network.address.bits
      return [6, 5, 9, 2, 1].map { IPAddress(family: network.family, bits: first + $0) }.first {
        network.contains($0) && !interface.owns($0) && $0 != network.last && known[$0] == nil
      }
    }
  }

  /// The senders of a zone. In a tunnel: its machines and the networks behind them. Elsewhere: the sources that a
  /// grant names, and anyone, remote or neighbour.
  private static func sources(
    in zone: SiteZone, _ interfaces: [NetworkInterface], _ view: SiteView, _ devices: [WireGuardDevice]
  ) -> [Source] {
    if zone.kind == .tunnel { return peers(in: zone, view, devices) }
    // Another zone's sources on the same interface are that zone's.
    let elsewhere = view.zones.filter { other in
      other.name != zone.name
        && interfaces.contains { interface in other.interfaces.contains { $0.matches(interface.name) } }
    }.flatMap(\.prefixes)
    func isOwn(_ address: IPAddress) -> Bool {
      zone.prefixes.isEmpty
        ? !elsewhere.contains { $0.contains(address) } : zone.prefixes.contains { $0.contains(address) }
    }
    var nearby: [InterfaceName: [IPAddress]] = [:]
    for interface in interfaces {
      nearby[interface.name] = neighbours(on: interface).filter { !view.isNamed($0) && isOwn($0) }
    }
    var sources = [Source(name: "anyone", addresses: view.anyone(in: zone), nearby: nearby)]
    for source in Set((view.policy.grants + view.policy.failsafe).flatMap(\.from)) {
      switch source {
      case .prefix(let prefix): sources.append(Source(name: prefix.description, addresses: [prefix.address]))
      case .list(let name):
        let prefixes = view.policy.list(named: name)?.prefixes ?? []
        sources.append(
          Source(
            name: name,
            addresses: AddressFamily.allCases.compactMap { family in
              prefixes.first { $0.family == family }?.address
            }))
      case .machine, .tunnel, .zone, .machineZone, .anywhere: break
      }
    }
    // If a zone has `prefixes`, the policy drops all other sources: they are not evaluated.
    let possible = sources.compactMap { source -> Source? in
      let own = source.addresses.filter(isOwn)
      return own.isEmpty && source.nearby.values.allSatisfy(\.isEmpty)
        ? nil : Source(name: source.name, addresses: own, nearby: source.nearby)
    }
    return possible.sorted { ($0.name == "anyone" ? "" : $0.name) < ($1.name == "anyone" ? "" : $1.name) }
  }

  private static func peers(in zone: SiteZone, _ view: SiteView, _ devices: [WireGuardDevice]) -> [Source] {
    guard let tunnel = view.policy.tunnel(named: zone.name),
      !view.machine.addresses(in: tunnel.name).isEmpty
    else { return [Source(name: "anyone", addresses: view.anyone(in: zone))] }
    var sources = view.policy.machines.compactMap { machine -> Source? in
      let addresses = machine.addresses(in: tunnel.name)
      return machine.name == view.machine.name || addresses.isEmpty
        ? nil : Source(name: machine.name, addresses: addresses)
    }
    for case .machineZone(let name, let zoneName) in Set(view.policy.grants.flatMap(\.from))
    where name != view.machine.name {
      guard let router = view.policy.machine(named: name) else { continue }
      let prefixes = view.policy.hosts(of: zoneName, on: router)
      sources.append(
        Source(
          name: "\(name).\(zoneName)",
          addresses: AddressFamily.allCases.flatMap { family in
            PacketPaths.hosts(in: prefixes.filter { $0.family == family }, from: 1)
          }))
    }
    let unnamed = unnamedPeers(of: tunnel, view, devices)
    return [anyone(in: tunnel, except: unnamed, view)].compactMap { $0 }
      + sources.sorted { $0.name < $1.name }
      + unnamed
  }

  /// Addresses of a tunnel that no machine has; nil unless a line grants something to the whole tunnel.
  private static func anyone(in tunnel: Tunnel, except unnamed: [Source], _ view: SiteView) -> Source? {
    let grants = view.policy.grants + view.policy.failsafe
    guard
      grants.contains(where: { grant in
        (grant.from.contains(.tunnel(tunnel.name)) || grant.from.contains(.anywhere))
          && grant.to.contains { $0.machine == view.machine.name }
      })
    else { return nil }
    let taken = Set(
      view.policy.machines.flatMap { $0.addresses(in: tunnel.name) } + unnamed.flatMap(\.addresses))
    let addresses = tunnel.prefixes.compactMap { prefix -> IPAddress? in
      var bits = prefix.last.bits
      while bits > prefix.address.bits + 1 {
        bits -= 1
        let address = IPAddress(family: prefix.family, bits: bits)
        if !taken.contains(address) { return address }
      }
      return nil
    }
    return addresses.isEmpty ? nil : Source(name: "anyone in \(tunnel.name)", addresses: addresses)
  }

  /// The peers of a tunnel's device that the policy does not name, each by the beginning of its key.
  private static func unnamedPeers(of tunnel: Tunnel, _ view: SiteView, _ devices: [WireGuardDevice])
    -> [Source]
  {
    guard let device = devices.first(where: { $0.name == tunnel.name }) else { return [] }
    let machines = PeerMachines(tunnel, of: view.machine, in: view.policy)
    return device.peers.filter { machines.machine(of: $0) == nil && !$0.allowedIPs.isEmpty }.map { peer in
      // A single address is the peer's own; of a network, one of its hosts.
      let addresses = peer.allowedIPs.map { allowed in
        allowed.length >= allowed.family.bitWidth - 1
          ? allowed.address : IPAddress(family: allowed.family, bits: allowed.last.bits - 1)
      }
      return Source(name: "peer \(peer.publicKey.description.prefix(8))…", addresses: addresses.sorted())
    }.sorted { $0.name < $1.name }
  }
}
