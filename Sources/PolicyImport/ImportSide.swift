// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyAnalysis
internal import PolicyLanguage

/// Sources that arrive on the same interfaces of a host and have their home there: a tunnel, the networks behind a
/// tunnel, or a zone.
struct ImportSide {
  /// What the sources are.
  enum Kind {
    /// The addresses inside a tunnel.
    case tunnel
    /// Networks behind machines of a tunnel.
    case behindTunnel
    /// The zone of guests.
    case containers
    /// Any other zone.
    case network
  }

  /// The name of the tunnel or zone.
  let name: String
  let kind: Kind
  /// The interfaces of the host on which the sources arrive.
  let interfaces: [NetworkInterface]
  /// The sources, by family.
  let sources: [AddressFamily: IntervalSet]
  /// Addresses between them that no sender has: the host's own, and those of whole networks (broadcast, and the anycast
  /// address of routers, RFC 4291 section 2.6.1).
  var absent: [AddressFamily: IntervalSet] = [:]
  /// Further interfaces on which the policy judges these sources in the same way, although they do not usually arrive
  /// there: for `internet`, those of zones with prefixes.
  var alsoJudgedOn: [NetworkInterface] = []

  /// Whether packets with such sources usually arrive: guests can forge any source, and have addresses of their bridges.
  func usuallyHas(_ family: AddressFamily, _ set: IntervalSet) -> Bool {
    guard kind == .containers else { return true }
    let networks = interfaces.flatMap(\.addresses).map(\.network)
    return !set.isDisjoint(with: ImportSide.set(family, networks))
  }

  /// Its name in messages.
  var words: String { kind == .behindTunnel ? "networks behind \(name)" : name }

  /// The sides of a host that is a machine of a policy. A tunnel or zone without an interface has no side.
  static func all(of view: SiteView, on interfaces: [NetworkInterface]) -> [ImportSide] {
    let entrances = interfaces.filter { !$0.isLoopback && $0.master == nil }
    let homes = AddressHomes(
      on: view.machine, tunnels: view.policy.tunnels, machines: view.policy.machines
    ).homes
    let homed = homes.flatMap(\.prefixes)
    let taken = interfaces.flatMap(\.addresses).flatMap { address -> [Prefix] in
      let network = address.network
      let isWide = network.length < network.family.bitWidth - 1
      return [Prefix(address.address)] + (isWide ? [Prefix(network.address)] : [])
        + (isWide && network.family == .ipv4 ? [Prefix(network.last)] : [])
    }
    var sides: [ImportSide] = []
    for zone in view.zones {
      let own = view.interfaces(of: zone, among: entrances)
      if own.isEmpty { continue }
      func add(
        _ kind: Kind, alsoJudgedOn others: [NetworkInterface] = [], _ sources: [AddressFamily: IntervalSet]
      ) {
        let absent = sets { set($0, taken).intersection(sources[$0] ?? .empty) }
        sides.append(
          ImportSide(
            name: zone.name, kind: kind, interfaces: own,
            sources: sets { (sources[$0] ?? .empty).subtracting(absent[$0] ?? .empty) }, absent: absent,
            alsoJudgedOn: others))
      }
      switch zone.kind {
      case .tunnel:
        let inside = view.policy.tunnel(named: zone.name)?.prefixes ?? []
        add(.tunnel, sets { senders($0, in: inside) })
        let behind = homes.filter { $0.kind == .remoteSubnets && $0.zones.contains(zone.name) }
          .flatMap(\.prefixes)
        if !behind.isEmpty { add(.behindTunnel, sets { senders($0, in: behind) }) }
      case .containers, .network, .internet:
        let kind: Kind = zone.kind == .containers ? .containers : .network
        if zone.prefixes.isEmpty {
          let others =
            zone.kind == .internet
            ? entrances.filter { interface in
              let other = view.zone(of: interface.name)
              return other?.kind == .network && other?.prefixes.isEmpty == false
                && !own.contains { $0.name == interface.name }
            } : []
          add(
            kind, alsoJudgedOn: others,
            sets { everySender($0).subtracting(set($0, homed)).union(linkLocal($0)) })
        } else {
          let tunnels = view.policy.tunnels.flatMap(\.prefixes)
          add(
            kind,
            sets { senders($0, in: zone.prefixes).subtracting(set($0, tunnels)).union(linkLocal($0)) })
        }
      }
    }
    return sides
  }

  static func sets(_ set: (AddressFamily) -> IntervalSet) -> [AddressFamily: IntervalSet] {
    Dictionary(uniqueKeysWithValues: AddressFamily.allCases.map { ($0, set($0)) })
  }

  /// The addresses of a family in prefixes.
  static func set(_ family: AddressFamily, _ prefixes: [Prefix]) -> IntervalSet {
    IntervalSet(
      ranges: prefixes.filter { $0.family == family }.map { ($0.address.bits, $0.last.bits) })
  }

  private static func senders(_ family: AddressFamily, in prefixes: [Prefix]) -> IntervalSet {
    set(family, prefixes).intersection(everySender(family))
  }

  /// Every address of a family.
  static func everyAddress(_ family: AddressFamily) -> IntervalSet {
    IntervalSet(0, family == .ipv4 ? 0xffff_ffff : .max)
  }

  /// Addresses that no sender on a network has: unspecified, loopback, multicast, broadcast, IPv4-mapped (RFC 6890).
  static func nobody(_ family: AddressFamily) -> IntervalSet {
    set(
      family,
      [
        "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/127", "::ffff:0:0/96",
        "ff00::/8",
      ].compactMap { Prefix($0) })
  }

  private static func everySender(_ family: AddressFamily) -> IntervalSet {
    everyAddress(family).subtracting(nobody(family)).subtracting(
      set(family, ["169.254.0.0/16", "fe80::/10"].compactMap { Prefix($0) }))
  }

  /// Addresses that are valid on one link only (RFC 3927 section 2.1). Of fe80::/10 hosts have those whose next 54 bits are 0
  /// (RFC 4291 section 2.5.6).
  static func linkLocal(_ family: AddressFamily) -> IntervalSet {
    set(family, ["169.254.0.0/16", "fe80::/64"].compactMap { Prefix($0) })
  }

  /// Reserved addresses that no host has (RFC 2544, RFC 3849), and two that hosts have: an example of a class.
  private static let examples = ["198.18.0.1", "9.9.9.9", "2001:db8:ffff::1", "2620:fe::fe"].compactMap {
    IPAddress($0)
  }

  /// An address that stands for a range of sources.
  static func example(
    of range: AddressClasses.Range, _ family: AddressFamily, except: Set<IPAddress> = []
  ) -> IPAddress {
    let middle = range.lower + (range.upper - range.lower) / 2
    let candidates =
      examples.filter { $0.family == family && range.lower <= $0.bits && $0.bits <= range.upper }
      + [middle, middle + (middle < range.upper ? 1 : 0), range.lower, range.upper].map {
        IPAddress(family: family, bits: $0)
      }
    return candidates.first { !except.contains($0) } ?? candidates[0]
  }
}
