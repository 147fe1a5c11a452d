// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import RulesetModel

/// The chain at raw priority: what needs no connection to be known for what it is, before one is spent on it.
extension RulesetBuilder {
  /// The chain that asks for the sources of packets that may be let in.
  private static let sources = "sources"

  mutating func addRaw(_ entries: GrantEntries) {
    var rules = [
      Rule(
        [.interface(.input, .equal, .exact(.loopback))], action: .accept, origin: Origin(reason: "loopback"))
    ]
    rules += connectionRequestRules(entries)
    add(RuleChain(name: Self.sources, rules: tunnelAddressRules() + zoneSourceRules() + blockRules()))
    // NF_IP_PRI_RAW
    add(
      RuleChain(
        name: "raw", base: BaseChain(hook: NFT.hookPrerouting, priority: -300, policy: .accept), rules: rules)
    )
  }

  /// A tunnel's addresses are believed as sources on the tunnel alone, and this machine's own tunnel addresses are
  /// reached by it alone (CVE-2019-14899). Both hold while the interface does not exist.
  private mutating func tunnelAddressRules() -> [Rule] {
    var rules: [Rule] = []
    for tunnel in site.policy.tunnels {
      let elsewhere = Match.interface(.input, .notEqual, .exact(tunnel.name))
      let spoofed = site.origin(tunnel.location.line, "source of \(tunnel.name) on another interface")
      for prefix in tunnel.prefixes {
        rules.append(drop([.address(.source, .equal, prefix), elsewhere], "spoofed-source", spoofed))
      }
      let origin = site.origin(
        site.machine.location.line, "own address in \(tunnel.name), reached by another way")
      for address in site.machine.addresses(in: tunnel.name) {
        rules.append(
          drop([.address(.destination, .equal, Prefix(address)), elsewhere], "tunnel-address", origin))
      }
    }
    return rules
  }

  /// Where a zone says which sources may appear in it, others do not.
  private mutating func zoneSourceRules() -> [Rule] {
    var rules: [Rule] = []
    for zone in site.zones where !zone.prefixes.isEmpty {
      let chain = "sources-\(zone.identifier)"
      let origin = site.origin(zone.line, "zone \(zone.name)")
      var own = memberships(
        of: zone.prefixes + [LinkLocal.ipv6] + LinkLocal.unspecified, .source, set: chain, inPlace: 8
      )
      .map { Rule([$0], action: .return, origin: origin) }
      let refused = site.origin(zone.line, "source that zone \(zone.name) does not have")
      own.append(drop("zone-source-\(zone.identifier)", refused))
      add(RuleChain(name: chain, rules: own))
      for pattern in zone.interfaces {
        rules.append(Rule([.interface(.input, .equal, pattern)], action: .jump(chain), origin: origin))
      }
    }
    return rules
  }

  private mutating func drop(_ reason: String, _ origin: Origin) -> Rule { drop([], reason, origin) }

  /// Blocked sources, on every zone that is not a tunnel: the tunnels leave the chain before them.
  private mutating func blockRules() -> [Rule] {
    if site.policy.block.isEmpty { return [] }
    var rules = site.policy.tunnels.map { tunnel in
      Rule(
        [.interface(.input, .equal, .exact(tunnel.name))], action: .accept,
        origin: site.origin(tunnel.location.line, "tunnel \(tunnel.name), judged behind conntrack"))
    }
    for list in site.policy.block {
      let origin = site.origin(list.location.line, "blocked list \(list.name)")
      for match in memberships(ofList: list.name, .source) {
        rules.append(drop([match], "blocked-\(Identifier.clean(list.name))", origin))
      }
    }
    return rules
  }

  /// A first SYN to a port that no grant opens in its zone is dropped before a connection is tracked for it, and before
  /// anything else is asked of it: a flood of them costs two look-ups each. Everything else goes on to its source.
  private mutating func connectionRequestRules(_ entries: GrantEntries) -> [Rule] {
    var actions: [(zone: SiteZone, action: VerdictCode, origin: Origin)] = []
    for zone in site.zones {
      // Tunnels are judged behind conntrack, and containers may open connections outward to any port.
      guard zone.kind == .network || zone.kind == .internet else {
        let origin = site.origin(zone.line, "\(zone.name), judged behind conntrack")
        actions.append((zone, .goto(chain: Self.sources), origin))
        continue
      }
      let chain = "requests-\(zone.identifier)"
      let all = (entries.local[zone.name] ?? []) + (entries.transit[zone.name] ?? []).flatMap(\.entries)
      add(RuleChain(name: chain, rules: closedPorts(zone, all)))
      actions.append((zone, .goto(chain: chain), site.origin(zone.line, "zone \(zone.name)")))
    }
    return dispatch(map: "requests", actions)
  }

  /// Drops first packets to ports that no grant opens in the zone.
  private mutating func closedPorts(_ zone: SiteZone, _ entries: [GrantEntry]) -> [Rule] {
    var records: [UInt8] = []
    var rules: [Rule] = []
    let open = Origin(reason: "TCP ports that some grant opens in zone \(zone.name)")
    let ranges = entries.flatMap(\.services).flatMap(\.ports).compactMap { port -> PortRange? in
      if case .ports(.tcp, let range) = port { range } else { nil }
    }
    for range in Set(ranges).sorted() {
      if range.count <= Self.longestExpansion {
        for port in range.lower...range.upper { records += SetKey.port(.tcp, port) + [0] }
      } else {
        rules.append(Rule([.port(.tcp, .destination, range)], action: .goto(Self.sources), origin: open))
      }
    }
    var closed = Rule(
      [.tcpFlags(mask: [.fin, .syn, .rst, .ack], .equal, .syn)], action: .goto("closed-\(zone.identifier)"),
      origin: refusal(zone).origin)
    if !records.isEmpty {
      let set = NamedSet(
        name: "open-\(zone.identifier)", key: .transportAndPort, kind: .set,
        elements: SetElements(keyLength: NamedSet.Key.transportAndPort.length, unsorted: records))
      add(set)
      closed.matches.append(.portSet(.notEqual, set: set.name))
    }
    addClosed(zone)
    return rules + [closed, Rule([], action: .goto(Self.sources), origin: open)]
  }

  /// First packets to ports that no grant opens: what is opened for a time goes on to its source, the rest is dropped.
  /// Only such packets come here, so that others do not pay for the question.
  private mutating func addClosed(_ zone: SiteZone) {
    let opened = openings(of: zone).map { match in
      Rule([match], action: .goto(Self.sources), origin: Origin(reason: "opened for a time in \(zone.name)"))
    }
    add(RuleChain(name: "closed-\(zone.identifier)", rules: opened + [refusal(zone)]))
  }

  /// What befalls a packet that no grant lets in from this zone.
  mutating func refusal(_ zone: SiteZone) -> Rule {
    drop([], "not-granted-\(zone.identifier)", site.origin(zone.line, "no grant for zone \(zone.name)"))
  }
}
