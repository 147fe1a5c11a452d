// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import TestSupport

/// Single packets of a line of tests, each walked machine by machine. The result of a test run is compared
/// with them. This code shares nothing with the test run.
struct TestedPackets {
  let site: CompiledSite
  let views: [String: SiteView]

  init(_ site: CompiledSite) {
    self.site = site
    views = Dictionary(uniqueKeysWithValues: site.policy.machines.map { ($0.name, site.view(of: $0)) })
  }

  private var tunnel: Tunnel? { site.policy.tunnels.first }

  /// A packet of a test, and the zone from which it arrives at the target's machine.
  struct Tested {
    let packet: Packet
    let zone: SiteZone
    /// Whether an `allow` is about it: its source has its home where it arrives.
    let isClaimed: Bool
  }

  func packet(
    _ source: GrantSource, _ target: GrantTarget, _ service: Service, over: String?,
    _ random: inout SeededGenerator
  ) -> Tested? {
    guard let view = views[target.machine], let tunnel else { return nil }
    let family = random.one(of: AddressFamily.allCases)
    let networks = view.zones.filter { $0.kind != .tunnel }.map(\.name)
    let zoneName: String
    var own: [Prefix]?
    switch source {
    case .machine(let name):
      zoneName = over ?? tunnel.name.description
      guard let machine = site.policy.machine(named: name) else { return nil }
      if zoneName == tunnel.name.description {
        own = machine.addresses(in: tunnel.name).map { Prefix($0) }
      } else if case .addresses(let endpoint) = machine.endpoint {
        own = endpoint.map { Prefix($0) }
      }
    case .tunnel:
      zoneName = over ?? tunnel.name.description
      own = tunnel.prefixes
    case .zone(let name): zoneName = over ?? name
    case .machineZone(let name, let home):
      zoneName = over ?? (name == target.machine ? home : tunnel.name.description)
      own = name == target.machine ? nil : site.policy.machine(named: name)?.zone(named: home)?.prefixes
    case .prefix(let prefix):
      zoneName = over ?? random.one(of: homes(prefix, view))
      own = [prefix]
    case .anywhere: zoneName = over ?? random.one(of: view.zones).name
    case .list(let name):
      zoneName = over ?? random.one(of: networks.filter { $0 != Zone.containers })
      own = site.policy.list(named: name)?.prefixes
    }
    guard let zone = view.zone(named: zoneName) else { return nil }
    // A zone as a source over another zone is not tested here.
    if case .zone(let name) = source, name != zoneName { return nil }
    if case .machineZone(target.machine, let name) = source, name != zoneName { return nil }
    guard let from = address(own, family, &random), let to = destination(target, zone, family, &random) else {
      return nil
    }
    // Hosts of a zone reach each other without passing the machine.
    if case .zone(_, zoneName) = target, own != nil { return nil }
    var packet = Packet(source: from, destination: to, transport: .tcp, input: nil)
    switch random.one(of: service.ports) {
    case .ports(let transport, let range):
      let known = [9039, 9040, 9049, 9050, 9051, 9060].map { UInt16($0) }.filter {
        range.lower <= $0 && $0 <= range.upper
      }
      let number = random.oneIn(2) ? known.first { _ in random.oneIn(2) } : nil
      packet = Packet(
        source: from, destination: to, transport: transport,
        destinationPort: number ?? UInt16(random.number(Int(range.lower)...Int(range.upper))), input: nil)
    case .protocol(let transport):
      packet = Packet(source: from, destination: to, transport: transport, input: nil)
    case .echoRequest:
      packet = Packet(
        source: from, destination: to, transport: family == .ipv4 ? .icmp : .icmpv6, input: nil)
    case .everything:
      packet = Packet(
        source: from, destination: to, transport: random.one(of: [.tcp, .udp, .esp]),
        destinationPort: UInt16(random.number(1...65535)), input: nil)
    }
    return Tested(packet: packet, zone: zone, isClaimed: isClaimed(packet, zone, target))
  }

  /// The zones that are the home of a prefix in these policies.
  private func homes(_ prefix: Prefix, _ view: SiteView) -> [String] {
    if let tunnel, tunnel.prefixes.contains(where: { $0.contains(prefix) }) {
      return [tunnel.name.description]
    }
    if let own = view.zones.first(where: { $0.prefixes.contains { $0.contains(prefix) } }) {
      return [own.name]
    }
    let isRemote = site.policy.machines.contains { other in
      other.name != view.machine.name && other.subnets.contains { $0.contains(prefix) }
    }
    if isRemote, let tunnel { return [tunnel.name.description] }
    return view.zones.filter { $0.kind == .internet || ($0.kind == .network && $0.prefixes.isEmpty) }.map(
      \.name)
  }

  /// Addresses at the borders of prefixes in the random policies.
  private static let edges = [
    "198.51.100.0", "198.51.100.63", "198.51.100.64", "198.51.100.77", "198.51.100.96", "198.51.100.112",
    "198.51.100.127", "198.51.100.128", "198.51.100.255", "203.0.113.9", "127.255.255.255", "128.0.0.0",
    "192.168.7.9", "192.168.7.20", "192.168.7.127", "192.168.7.128", "10.1.0.1", "10.1.0.10", "10.1.0.20",
    "192.0.2.1", "9.9.9.9", "2001:db8:5::1", "2001:db8:5:8::1", "2001:db8::9", "fd01::10", "fd01::1",
    "2620:fe::9",
  ].compactMap { IPAddress($0) }

  private func address(_ own: [Prefix]?, _ family: AddressFamily, _ random: inout SeededGenerator)
    -> IPAddress?
  {
    let whole = Prefix(containing: IPAddress(family: family, bits: 0), length: 0)
    let prefixes = (own ?? [whole]).filter { $0.family == family }
    if prefixes.isEmpty { return nil }
    let edges = Self.edges.filter { edge in prefixes.contains { $0.contains(edge) } }
    if !edges.isEmpty, !random.oneIn(3) { return random.one(of: edges) }
    let prefix = random.one(of: prefixes)
    let bits = UInt128(random.next()) << 64 | UInt128(random.next())
    let host = ~Prefix.mask(family: family, length: prefix.length)
    return IPAddress(
      family: family, bits: prefix.address.bits | (bits & host & (family == .ipv4 ? 0xffff_ffff : .max)))
  }

  private func destination(
    _ target: GrantTarget, _ zone: SiteZone, _ family: AddressFamily, _ random: inout SeededGenerator
  ) -> IPAddress? {
    guard let machine = site.policy.machine(named: target.machine), let tunnel else { return nil }
    switch target {
    case .machine:
      if zone.kind == .tunnel {
        let own = machine.addresses(in: tunnel.name).filter { $0.family == family }
        return own.isEmpty ? nil : random.one(of: own)
      }
      return family == .ipv4 ? IPAddress("192.0.2.99") : IPAddress("2001:db8::99")
    case .zone(_, let name): return address(machine.zone(named: name)?.prefixes, family, &random)
    case .subnet(_, let prefix): return address([prefix], family, &random)
    }
  }

  private func isClaimed(_ packet: Packet, _ zone: SiteZone, _ target: GrantTarget) -> Bool {
    let address = packet.source
    guard let machine = site.policy.machine(named: target.machine) else { return false }
    if zone.kind == .tunnel {
      return !machine.addresses.contains { $0.addresses.contains(address) }
        && !(machine.subnets + machine.zones.flatMap(\.prefixes)).contains { $0.contains(address) }
    }
    if !zone.prefixes.isEmpty, !zone.prefixes.contains(where: { $0.contains(address) }) { return false }
    var elsewhere: [Prefix] = site.policy.tunnels.flatMap(\.prefixes)
    for other in machine.zones where other.name != zone.name { elsewhere += other.prefixes }
    for list in site.policy.block { elsewhere += site.policy.list(named: list.name)?.prefixes ?? [] }
    let never = [
      "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255", "::/127", "::ffff:0.0.0.0/96", "ff00::/8",
    ]
    elsewhere += site.policy.machines.filter { $0.name != machine.name }.flatMap(\.subnets)
    elsewhere += never.compactMap { Prefix($0) }
    if elsewhere.contains(where: { $0.contains(address) }) { return false }
    let encrypted = site.policy.encryptions.filter { $0.machines.contains(machine.name) }.flatMap(\.machines)
    return !encrypted.contains { name in
      guard name != machine.name, case .addresses(let own)? = site.policy.machine(named: name)?.endpoint
      else {
        return false
      }
      return own.contains(address)
    }
  }

  /// The verdicts of the machines on the packet path, in order, up to the first that does not accept the
  /// packet.
  func verdicts(
    _ packet: Packet, _ source: GrantSource, _ target: GrantTarget, by zone: SiteZone
  ) -> [TraceVerdict] {
    guard let view = views[target.machine], let input = view.interface(of: zone), let tunnel else {
      return []
    }
    var result: [TraceVerdict] = []
    func pass(_ name: String, _ input: InterfaceName?, _ output: InterfaceName?) {
      guard result.allSatisfy({ $0 == .accept }), let view = views[name], let input else { return }
      var packet = packet
      packet.input = input
      packet.destinationType = output == nil ? .local : .unicast
      result.append((output.map { view.passage(packet, to: $0) } ?? view.arrival(packet)).verdict)
    }
    if zone.kind == .tunnel {
      var sender: String?
      if case .machine(let name) = source { sender = name }
      if case .machineZone(let name, let home) = source, name != target.machine {
        sender = name
        let router = views[name]
        pass(name, router?.zone(named: home).flatMap { router?.interface(of: $0) }, tunnel.name)
      }
      if case .prefix(let prefix) = source,
        let owner = site.policy.machines.first(where: { other in
          other.name != target.machine && other.subnets.contains { $0.contains(prefix) }
        }), let router = views[owner.name],
        let home = router.zones.first(where: { $0.prefixes.contains { $0.contains(prefix) } })
      {
        pass(owner.name, router.interface(of: home), tunnel.name)
      }
      let hub = tunnel.hub.flatMap { site.policy.machine(named: $0) }
      if let hub, hub.name != target.machine, hub.name != sender,
        !hub.addresses(in: tunnel.name).contains(packet.source)
      {
        pass(hub.name, tunnel.name, tunnel.name)
      }
    }
    switch target {
    case .machine: pass(target.machine, input, nil)
    case .zone(_, let name): pass(target.machine, input, view.zone(named: name).flatMap(view.interface))
    case .subnet(_, let prefix):
      let home = view.zones.first { $0.prefixes.contains { $0.contains(prefix) } } ?? view.zones.last
      pass(target.machine, input, home.flatMap(view.interface))
    }
    return result
  }
}
