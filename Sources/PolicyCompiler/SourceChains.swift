// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chain that checks addresses and interfaces, before fragments are reassembled.
///
/// A reassembled datagram has the input interface of the fragment that completed it. Therefore each fragment
/// is checked, by what each fragment has: addresses and an interface. First packets to closed ports are dropped here too: only
/// a first fragment has a port, and without it the datagram is never complete.
extension RulesetBuilder {
  /// `NF_IP_PRI_CONNTRACK_DEFRAG` is -400.
  static let sourcesPriority: Int32 = -450

  mutating func addSources(_ entries: GrantEntries) {
    let requests = requestActions(entries)
    var rules = [loopbackRule]
    addImpossible()
    let homes = site.homes
    addOutsideChecks()
    rules += dispatch(
      byInterface: "sources",
      site.zones.map { zone in
        // Networks without prefixes of their own share a chain.
        let isNetwork = zone.kind == .network || zone.kind == .internet
        let isLikeInternet =
          isNetwork && zone.prefixes.isEmpty && requests[zone.name]?.action == requests[Zone.internet]?.action
        let chain = "sources-\(isLikeInternet ? Zone.internet : zone.identifier)"
        if !hasChain(chain) {
          let rules = sourceRules(zone, homes, requests[zone.name])
          add(RuleChain(name: chain, rules: rules))
        }
        return (zone, (.goto(chain: chain), site.origin(zone.line, "zone \(zone.name)")))
      })
    add(
      RuleChain(
        name: "sources",
        base: BaseChain(hook: NFT.hookPrerouting, priority: Self.sourcesPriority, policy: .accept),
        rules: rules))
  }

  /// Loopback is in no zone, and always passes.
  var loopbackRule: Rule {
    Rule([.interface(.input, .equal, .exact(.loopback))], action: .accept, origin: Origin(reason: "loopback"))
  }

  /// What no packet on a wire has, of IPv4 in the chain itself: a packet passes the rules of its own family only.
  private mutating func addImpossible() {
    func rules(_ builder: inout RulesetBuilder, _ family: AddressFamily) -> [Rule] {
      builder.impossibleSourceRules(family) + builder.impossibleDestinationRules(family)
        + [builder.sourceRouteRule(family)]
    }
    let six = Rule([.family(.ipv6)], action: .goto("impossible-v6"), origin: Origin(reason: "IPv6"))
    add(RuleChain(name: "impossible", rules: [six] + rules(&self, .ipv4)))
    add(RuleChain(name: "impossible-v6", rules: rules(&self, .ipv6)))
  }

  /// Addresses that no packet on a wire has: a host would treat such a packet as its own.
  private mutating func impossibleSourceRules(_ family: AddressFamily) -> [Rule] {
    ImpossibleAddresses.sources.filter { $0.family == family }.map {
      drop([.address(.source, .equal, $0)], DropCause(.impossibleSource), Self.impossible)
    }
  }

  private mutating func impossibleDestinationRules(_ family: AddressFamily) -> [Rule] {
    ImpossibleAddresses.destinations.filter { $0.family == family }.map {
      drop([.address(.destination, .equal, $0)], DropCause(.impossibleDestination), Self.impossible)
    }
  }

  private static let impossible = Origin(reason: "martian address: never valid on a wire")

  /// A source route has the next destination outside the fixed header, and no rule checks that destination.
  mutating func sourceRouteRule(_ family: AddressFamily) -> Rule {
    let origin = Origin(reason: "source-routed packets are not accepted")
    return switch family {
    case .ipv4: drop([.longIPv4Options], DropCause(.ipOptions), origin)
    case .ipv6: drop([.routingHeader], DropCause(.sourceRoute), origin)
    }
  }

  /// Rules for a tunnel's own sources, which nearly all of its packets have: no check of a source applies to them, so only their
  /// destinations and source routes are checked. A packet of another source passes all checks.
  private mutating func usualSourceRules(_ zone: SiteZone, _ homes: AddressHomes) -> [Rule] {
    let own = PrefixLayout.disjoint(homes.homes.filter { $0.zones.contains(zone.name) }.flatMap(\.prefixes))
    let checked =
      ImpossibleAddresses.sources + homes.homes.filter { !$0.zones.contains(zone.name) }.flatMap(\.prefixes)
    let usual = own.filter { prefix in !checked.contains { $0.overlaps(prefix) } }
    guard usual.count <= Self.mostUsualSources else { return [] }
    return usual.map { prefix in
      let others = unreachableAddresses(from: zone).filter { $0.family == prefix.family }
      let chain =
        "usual-source-\(prefix.family == .ipv4 ? "v4" : "v6")\(others.isEmpty ? "" : "-\(zone.identifier)")"
      if !hasChain(chain) {
        let rules =
          impossibleDestinationRules(prefix.family) + [sourceRouteRule(prefix.family)]
          + tunnelAddressRules(others)
        add(RuleChain(name: chain, rules: rules))
      }
      return Rule(
        [.address(.source, .equal, prefix), .interfaceType(.input, .equal, .linkless)], action: .goto(chain),
        origin: site.origin(zone.line, "usual source of \(zone.name)"))
    }
  }

  /// More prefixes than these are not compared one by one.
  private static let mostUsualSources = 4

  /// Checks on every network: this machine's tunnel addresses are not reachable there (CVE-2019-14899), and
  /// blocked sources are dropped. Containers run on this machine and use its tunnel addresses as it does
  /// itself; they also answer to these addresses.
  private mutating func addOutsideChecks() {
    let rules = tunnelAddressRules(site.machine.addresses.flatMap(\.addresses))
    add(RuleChain(name: "outside", rules: rules + blockedSourceRules()))
  }

  /// This machine's addresses in other tunnels: through this one they are not reachable.
  private func unreachableAddresses(from tunnel: SiteZone) -> [IPAddress] {
    site.machine.addresses.filter { !tunnel.interfaces.contains(.exact($0.tunnel)) }.flatMap(\.addresses)
  }

  /// The rules that drop packets to this machine's addresses in tunnels.
  private mutating func tunnelAddressRules(_ addresses: [IPAddress]) -> [Rule] {
    let origin = site.origin(site.machine.location.line, "own tunnel address, but not through the tunnel")
    return addresses.map {
      drop([.address(.destination, .equal, Prefix($0))], DropCause(.tunnelAddress), origin)
    }
  }

  /// The rules that drop the sources of blocked lists.
  private mutating func blockedSourceRules() -> [Rule] {
    var rules: [Rule] = []
    for list in site.policy.block {
      let origin = site.origin(list.location.line, "blocked list \(list.name)")
      for match in memberships(ofList: list.name, .source) {
        rules.append(drop([match], DropCause(.blocked, Identifier.clean(list.name)), origin))
      }
    }
    return rules
  }

  /// The sources that are accepted on the interfaces of a zone, and what happens to them then: nil if they are accepted
  /// without a further check.
  private mutating func sourceRules(_ zone: SiteZone, _ homes: AddressHomes, _ next: ZoneAction?) -> [Rule] {
    var rules = zone.kind == .tunnel ? usualSourceRules(zone, homes) : []
    rules.append(Rule([], action: .jump("impossible"), origin: Origin(reason: "never valid on a wire")))
    let origin = site.origin(zone.line, "zone \(zone.name)")
    switch zone.kind {
    case .tunnel:
      let wrong = site.origin(
        zone.line, "\(zone.name) is not a tunnel interface: its link type is not 'none'")
      rules.append(
        drop([.interfaceType(.input, .notEqual, .linkless)], DropCause(.linkType, zone.identifier), wrong))
      rules += tunnelAddressRules(unreachableAddresses(from: zone))
    case .containers: rules += blockedSourceRules()
    case .network, .internet:
      rules.append(Rule([], action: .jump("outside"), origin: Origin(reason: "not a tunnel")))
    }
    // The zone's own sources first, but after homes that take precedence and contain some of them.
    var others: [Rule] = []
    for (place, home) in homes.homes.enumerated() {
      let set = "home-\(home.identifier)\(home.kind == .remoteSubnets ? "-subnets" : "")"
      let matches = memberships(of: home.prefixes, .source, set: set)
      if home.zones.contains(zone.name) {
        // After all homes every source is accepted: sources that a later home contains too are accepted
        // before that home.
        let isHeldLater = homes.homes[(place + 1)...].contains { other in
          !other.zones.contains(zone.name)
            && other.prefixes.contains { one in home.prefixes.contains { $0.overlaps(one) } }
        }
        if isHeldLater || (zone.kind == .containers && !zone.prefixes.isEmpty) {
          let action = next.map { Action($0.action) } ?? .accept
          rules += matches.map { Rule([$0], action: action, origin: origin) }
        }
        continue
      }
      let overlaps = homes.homes[place...].contains { other in
        other.zones.contains(zone.name)
          && other.prefixes.contains { one in home.prefixes.contains { $0.overlaps(one) } }
      }
      let spoofed = site.origin(
        home.line, "source address of \(home.zones.joined(separator: " or ")) on another interface")
      let drops = matches.map { drop([$0], DropCause(.spoofedSource, home.identifier), spoofed) }
      if overlaps { rules += drops } else { others += drops }
    }
    rules += others
    if zone.kind == .containers, !zone.prefixes.isEmpty {
      // There is no other network behind a bridge of guests, so no other sources can arrive there.
      rules += LinkLocal.all.map { Rule([.address(.source, .equal, $0)], action: .accept, origin: origin) }
      rules.append(
        drop(
          [], DropCause(.zoneSource, zone.identifier),
          site.origin(zone.line, "source outside the prefixes of zone \(zone.name)")))
    }
    if let next, next.action != .accept {
      rules.append(Rule([], action: Action(next.action), origin: next.origin))
    }
    return rules
  }
}

/// Addresses that a packet from a wire never has.
enum ImpossibleAddresses {
  /// As sources: loopback (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3), IPv4-mapped IPv6 addresses,
  /// which sockets of both families treat as IPv4 addresses (RFC 4291 section 2.5.5.2), multicast groups (RFC
  /// 1112 section 7.2, RFC 4291 section 2.7) and the limited broadcast (RFC 919 section 7).
  package static let sources = prefixes([
    "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255", "::1", "::ffff:0.0.0.0/96", "ff00::/8",
  ])

  /// As destinations: loopback, and IPv4-mapped IPv6 addresses.
  static let destinations = prefixes(["127.0.0.0/8", "::1", "::ffff:0.0.0.0/96"])

  private static func prefixes(_ texts: [String]) -> [Prefix] { texts.compactMap { Prefix($0) } }
}
