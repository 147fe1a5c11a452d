// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyLanguage
package import PacketSets

/// A policy's names for addresses, as seen from one of its machines.
package struct ReachNames {
  /// A name, and the addresses that it stands for on this machine.
  package struct Named {
    package let name: String
    package let prefixes: [Prefix]
  }

  private let policy: Policy
  private let machine: Machine
  package let zones: [SiteZone]
  private let homes: [AddressHomes.Home]

  /// More prefixes than these are not listed: 'anyone' says more.
  private static let mostPrefixes = 32

  /// Groups of more machines than these are named as groups.
  package static let mostMachines = 64

  package init(_ policy: Policy, _ machine: Machine) {
    self.policy = policy
    self.machine = machine
    zones = SiteZone.zones(of: machine, in: policy)
    homes = AddressHomes(on: machine, tunnels: policy.tunnels, machines: policy.machines).homes
  }

  /// The interface names of a zone.
  package func inputs(_ zone: SiteZone) -> IntervalSet {
    guard zone.kind == .internet else {
      return IntervalSet.union(zone.interfaces.map { PacketSpace.names($0) })
    }
    let others = zones.flatMap(\.interfaces).map { PacketSpace.names($0) }
    return IntervalSet(0, .max).subtracting(
      IntervalSet.union(others + [IntervalSet(PacketSpace.number(.loopback))]))
  }

  // MARK: Sources

  /// The sources that belong to a zone, of packets that arrived on its interfaces. On an interface of a zone
  /// with prefixes, the other sources belong to `internet`, and are reported there.
  package func sources(_ addresses: IntervalSet, of zone: SiteZone, _ family: AddressFamily) -> IntervalSet {
    zone.kind == .network && !zone.prefixes.isEmpty
      ? addresses.intersection(PacketSpace.addresses(zone.prefixes, family)) : addresses
  }

  /// Names for sources of a zone, the widest first. Addresses without a name are listed as prefixes.
  package func sources(_ addresses: IntervalSet, _ family: AddressFamily, in zone: SiteZone) -> [Named] {
    var rest = addresses
    var result: [Named] = []
    func take(_ name: String, _ prefixes: [Prefix]) {
      let own = PacketSpace.addresses(prefixes, family)
      guard !own.isEmpty, rest.isSuperset(of: own) else { return }
      result.append(Named(name: name, prefixes: prefixes.filter { $0.family == family }))
      rest = rest.subtracting(own)
    }
    if zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) {
      take(zone.name, tunnel.prefixes)
      let machines = policy.machines.filter {
        $0.name != machine.name && !$0.addresses(in: tunnel.name).isEmpty
      }
      func own(_ machine: Machine) -> [Prefix] { machine.addresses(in: tunnel.name).map { Prefix($0) } }
      let asked = machines.count { rest.isSuperset(of: PacketSpace.addresses(own($0), family)) }
      if asked > Self.mostMachines {
        let byName = Dictionary(machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for group in policy.groups.sorted(by: { $0.machines.count > $1.machines.count })
        where group.machines.count > Self.mostMachines {
          take(group.name, group.machines.compactMap { byName[$0] }.flatMap(own))
        }
      }
      for machine in machines { take(machine.name, own(machine)) }
      for machine in policy.machines where !machine.addresses(in: tunnel.name).isEmpty {
        for zone in machine.zones { take("\(machine.name).\(zone.name)", zone.prefixes) }
        for subnet in machine.subnets { take(subnet.description, [subnet]) }
      }
    } else {
      let everyone = everyone(in: zone, family)
      if !everyone.isEmpty, rest.isSuperset(of: everyone) {
        return [Named(name: zone.name, prefixes: Self.prefixes(rest, family))]
      }
      for list in policy.lists { take(list.name, list.prefixes) }
      for prefix in granted { take(prefix.description, [prefix]) }
      for machine in policy.machines where machine.name != self.machine.name {
        if case .addresses(let addresses) = machine.endpoint {
          take(machine.name, addresses.map { Prefix($0) })
        }
      }
    }
    let prefixes = Self.prefixes(rest, family)
    if prefixes.count > Self.mostPrefixes {
      return result + [Named(name: result.isEmpty ? "anyone" : "anyone else", prefixes: prefixes)]
    }
    return result + prefixes.map { Named(name: $0.description, prefixes: [$0]) }
  }

  /// The prefixes that grants name, the widest first.
  private var granted: [Prefix] {
    Set(
      (policy.grants + policy.failsafe).flatMap(\.from).compactMap { source in
        if case .prefix(let prefix) = source { prefix } else { nil }
      }
    ).sorted { ($0.length, $0) < ($1.length, $1) }
  }

  /// The sources that a zone outside tunnels can have, without those that the policy names or excludes.
  private func everyone(in zone: SiteZone, _ family: AddressFamily) -> IntervalSet {
    let all =
      zone.prefixes.isEmpty
      ? IntervalSet(0, family == .ipv4 ? 0xffff_ffff : .max)
      : PacketSpace.addresses(zone.prefixes, family)
    let endpoints = policy.machines.flatMap { machine -> [Prefix] in
      if case .addresses(let addresses) = machine.endpoint { addresses.map { Prefix($0) } } else { [] }
    }
    let lists = policy.lists.flatMap(\.prefixes)
    let elsewhere = homes.filter { !$0.zones.contains(zone.name) }.flatMap(\.prefixes)
    let special = elsewhere + endpoints + lists + granted
    return all.subtracting(PacketSpace.addresses(special, family))
      .subtracting(ZoneSources.neverSources(family))
  }

  /// The fewest prefixes that cover exactly these addresses.
  package static func prefixes(_ addresses: IntervalSet, _ family: AddressFamily) -> [Prefix] {
    var result: [Prefix] = []
    for interval in addresses.intervals {
      var lower = interval.lower
      while true {
        // Find the largest block that begins at `lower` and ends within the interval.
        var size = lower == 0 ? family.bitWidth : min(lower.trailingZeroBitCount, family.bitWidth)
        while size > 0, size == 128 || interval.upper - lower < (UInt128(1) << UInt128(size)) - 1 {
          if size == 128, lower == 0, interval.upper == .max { break }
          size -= 1
        }
        result.append(
          Prefix(containing: IPAddress(family: family, bits: lower), length: family.bitWidth - size))
        let last = size == 128 ? UInt128.max : lower + ((UInt128(1) << UInt128(size)) - 1)
        if last >= interval.upper { break }
        lower = last + 1
      }
    }
    return result
  }

  // MARK: Destinations

  /// Names for destinations to which the machine forwards packets.
  package func destinations(_ addresses: IntervalSet, _ family: AddressFamily) -> [String] {
    var rest = addresses
    var result: [String] = []
    for (name, prefixes) in machine.zones.map({ ($0.name, $0.prefixes) })
      + machine.subnets.map({ ($0.description, [$0]) })
    {
      let own = PacketSpace.addresses(prefixes, family)
      if own.isEmpty || !rest.isSuperset(of: own) { continue }
      result.append(name)
      rest = rest.subtracting(own)
    }
    if rest == IntervalSet(0, family == .ipv4 ? 0xffff_ffff : .max) { return ["anywhere"] }
    let prefixes = Self.prefixes(rest, family)
    // All addresses except a few: those of the machine, or those to which it must not send.
    return prefixes.count > 16 ? result + ["anywhere else"] : result + prefixes.map(\.description)
  }
}
