// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PacketSets

/// The source addresses that a zone can have, by the rules of the policy language.
///
/// An `allow` of a test is about these sources. A `deny` is about every source, because a packet with a
/// source that its zone cannot have must not be accepted either.
struct ZoneSources: Sendable {
  private let policy: Policy
  private let live: LiveFacts
  private let machines: [String: Machine]
  /// By family: the addresses that no zone outside tunnels can have, on any machine.
  private let excluded: [AddressFamily: IntervalSet]
  /// By tunnel and family: the addresses that can arrive in the tunnel, on any machine.
  private let tunnels: [InterfaceName: [AddressFamily: IntervalSet]]
  private var known: [Place: IntervalSet] = [:]

  private struct Place: Hashable {
    let machine: String
    let zone: String
    let family: AddressFamily
  }

  init(_ policy: Policy, live: LiveFacts) {
    self.policy = policy
    self.live = live
    let prefixes =
      policy.tunnels.flatMap(\.prefixes)
      + policy.block.flatMap { policy.list(named: $0.name)?.prefixes ?? [] }
    excluded = Self.byFamily { PacketSpace.addresses(prefixes, $0).union(Self.neverSources($0)) }
    machines = Dictionary(policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    tunnels = Dictionary(
      policy.tunnels.map { tunnel in
        let routed = policy.machines.filter { !$0.addresses(in: tunnel.name).isEmpty }.flatMap(Self.routed)
        return (tunnel.name, Self.byFamily { PacketSpace.addresses(tunnel.prefixes + routed, $0) })
      }, uniquingKeysWith: { first, _ in first })
  }

  private static func byFamily(_ addresses: (AddressFamily) -> IntervalSet) -> [AddressFamily: IntervalSet] {
    Dictionary(uniqueKeysWithValues: AddressFamily.allCases.map { ($0, addresses($0)) })
  }

  /// The prefixes that a machine routes into its tunnels.
  private static func routed(_ machine: Machine) -> [Prefix] {
    machine.subnets + machine.zones.flatMap(\.prefixes)
  }

  /// The source addresses that packets of a family can have in a zone of a machine, according to the policy.
  /// It excludes addresses with another home, in a blocked list, that `encrypt` refuses outside its tunnel,
  /// or that are not valid sources on a network.
  mutating func addresses(in zone: SiteZone, _ family: AddressFamily, on machine: Machine) -> IntervalSet {
    let place = Place(machine: machine.name, zone: zone.name, family: family)
    if let addresses = known[place] { return addresses }
    let addresses = belonging(to: zone, family, on: machine)
    known[place] = addresses
    return addresses
  }

  private func belonging(to zone: SiteZone, _ family: AddressFamily, on machine: Machine) -> IntervalSet {
    if let tunnel = zone.kind == .tunnel ? policy.tunnel(named: zone.name) : nil {
      let own = machine.addresses(in: tunnel.name).map { Prefix($0) } + Self.routed(machine)
      return (tunnels[tunnel.name]?[family] ?? .empty).subtracting(PacketSpace.addresses(own, family))
    }
    // Addresses with another home: another zone, or a subnet of a machine that is reached through a tunnel.
    let elsewhere = homes(on: machine).homes.filter { !$0.zones.contains(zone.name) }.flatMap(\.prefixes)
    let home =
      zone.prefixes.isEmpty
      ? Self.all(family).subtracting(PacketSpace.addresses(elsewhere, family))
      : PacketSpace.addresses(zone.prefixes, family)
    return home.subtracting(excluded[family] ?? .empty)
      .subtracting(PacketSpace.addresses(encrypted(machine), family))
  }

  private func homes(on machine: Machine) -> AddressHomes {
    AddressHomes(on: machine, tunnels: policy.tunnels, machines: policy.machines)
  }

  /// Public addresses from which `encrypt` accepts only WireGuard's own packets.
  private func encrypted(_ machine: Machine) -> [Prefix] {
    policy.encrypted(with: machine.name).whole.compactMap { machines[$0] }.flatMap { other in
      switch other.endpoint {
      case .roaming: [Prefix]()
      case .addresses(let addresses): addresses.map { Prefix($0) }
      case .live: (live.addresses[other.name] ?? []).map { Prefix($0) }
      }
    }
  }

  /// Every address of a family.
  static func all(_ family: AddressFamily) -> IntervalSet {
    IntervalSet(0, family == .ipv4 ? 0xffff_ffff : .max)
  }

  /// Addresses that are not valid as a source on a network, except for hosts that have no address yet: RFC
  /// 1122 section 3.2.1.3 and RFC 5771; RFC 4291 sections 2.4 and 2.5.5.2.
  static func neverSources(_ family: AddressFamily) -> IntervalSet {
    family == .ipv4
      ? IntervalSet(ranges: [
        (0, 0x00ff_ffff), (0x7f00_0000, 0x7fff_ffff), (0xe000_0000, 0xefff_ffff), (0xffff_ffff, 0xffff_ffff),
      ])
      : IntervalSet(ranges: [
        (0, 1), (UInt128(0xffff) << 32, UInt128(0xffff) << 32 | 0xffff_ffff), (UInt128(0xff) << 120, .max),
      ])
  }
}
