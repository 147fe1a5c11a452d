// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// What can be decided about first packets without a connection, before conntrack creates an entry.
extension RulesetBuilder {
  /// What happens to the packets of each network whose addresses are right, by the network's name: a first SYN to a port that
  /// no grant opens in its zone is dropped before conntrack creates an entry for it, and the rest is accepted. A flood of such
  /// packets costs two lookups each. Tunnels are checked after conntrack, and containers may open outbound connections
  /// to any port.
  mutating func requestActions(_ entries: GrantEntries) -> [String: ZoneAction] {
    let networks = site.zones.filter { $0.kind == .network || $0.kind == .internet }
    let own = networks.map { zone -> (zone: SiteZone, decision: ZoneAction) in
      let origin = site.origin(zone.line, "zone \(zone.name)")
      let all = (entries.local[zone.name] ?? []) + (entries.transit[zone.name] ?? []).flatMap(\.entries)
      guard let rules = closedPorts(zone, all) else { return (zone, (.accept, origin)) }
      let chain = "requests-\(zone.identifier)"
      add(RuleChain(name: chain, rules: rules))
      return (zone, (.goto(chain: chain), origin))
    }
    let actions = bySource(map: "requests", own).map { ($0.zone.name, $0.decision) }
    return Dictionary(actions, uniquingKeysWith: { first, _ in first })
  }

  /// Drops first packets to ports that no grant opens in the zone; nil if a grant opens every port.
  private mutating func closedPorts(_ zone: SiteZone, _ entries: [GrantEntry]) -> [Rule]? {
    var records: [UInt8] = []
    var rules: [Rule] = []
    let open = Origin(reason: "TCP ports that some grant opens in zone \(zone.name)")
    let ranges = entries.flatMap(\.services).flatMap(\.ports).compactMap { port -> PortRange? in
      if case .ports(.tcp, let range) = port { range } else { nil }
    }
    if entries.contains(where: { $0.services.contains { $0.ports.contains(.everything) } }) { return nil }
    for range in Set(ranges).sorted() {
      if range.count <= Self.longestExpansion {
        for port in range.lower...range.upper { records += SetKey.port(.tcp, port) + [0] }
      } else {
        rules.append(Rule([.port(.tcp, .destination, range)], action: .accept, origin: open))
      }
    }
    var closed = Rule(
      [.tcpFlags(mask: [.fin, .syn, .rst, .ack], .equal, .syn)], action: .goto("closed-\(zone.identifier)"),
      origin: site.origin(zone.line, "no grant for zone \(zone.name)"))
    if !records.isEmpty {
      let set = NamedSet(
        name: "open-\(zone.identifier)", key: .transportAndPort, kind: .set,
        elements: SetElements(keyLength: NamedSet.Key.transportAndPort.length, unsorted: records))
      add(set)
      closed.matches.append(.portSet(.notEqual, set: set.name))
    }
    addClosed(zone)
    return rules + [closed]
  }

  /// First packets to ports that no grant opens: what a temporary grant opens continues, the rest is dropped.
  /// Only such packets reach this chain, so that others do not pay for the lookup.
  private mutating func addClosed(_ zone: SiteZone) {
    var rules = temporaryGrantMatches(of: zone).map { match in
      Rule([match], action: .accept, origin: Origin(reason: "temporary grant in \(zone.name)"))
    }
    if let came = cameBySameInterface() {
      rules.append(
        Rule(
          [came, .destinationTypeSet(.notEqual, set: localTypes())], action: .accept,
          origin: Origin(reason: "not for this host: may stay on its interface")))
    }
    add(RuleChain(name: "closed-\(zone.identifier)", rules: rules + refusal(zone)))
  }

  /// The rules for packets that no grant lets in from this zone.
  mutating func refusal(_ zone: SiteZone) -> [Rule] {
    let lines =
      [zone.line] + site.policy.refused.filter { $0.name == zone.name }.map { $0.location.line as Int? }
    let reason = "no grant for zone \(zone.name)"
    let known = lines.compactMap { $0 }
    let origin =
      known.isEmpty ? Origin(reason: reason) : Origin(file: site.policy.path, lines: known, reason: reason)
    return refusal(zone, DropCause(.notGranted, zone.identifier), origin, .arriving)
  }

  /// The rule for such packets that get no answer whatever `refuse` says.
  mutating func unanswered(_ zone: SiteZone) -> Rule {
    drop(
      [], DropCause(.notGranted, zone.identifier), site.origin(zone.line, "no grant for zone \(zone.name)"))
  }

  /// The rules for packets from this zone that no grant forwards.
  mutating func notForwarded(_ zone: SiteZone, _ stage: RefusalStage) -> [Rule] {
    refusal(zone, DropCause(.notForwarded), Origin(reason: "no grant forwards it"), stage)
  }

  /// Where a packet is refused.
  enum RefusalStage {
    /// Before routing, or as a packet for this host.
    case arriving
    /// The kernel forwards only packets of frames for this host (`ip_forward` of `net/ipv4/ip_forward.c`, `ip6_forward`).
    case forwarded
  }

  /// Without `refuse` no answer tells the sender that there is a host. An answer to an address whose home is not the tunnel
  /// would not go back into the tunnel.
  private mutating func refusal(
    _ zone: SiteZone, _ cause: DropCause, _ origin: Origin, _ stage: RefusalStage
  ) -> [Rule] {
    let drop = drop([], cause, origin)
    guard isRefused(zone) else { return [drop] }
    let answers = refuse(cause, origin, .answered)
    guard zone.kind == .tunnel else {
      // What came in a frame for many reached other hosts too, and may be for one of them.
      return stage == .forwarded
        ? answers : [self.drop([.packetType(.notEqual, .host)], cause, origin)] + answers
    }
    let chain = "answer-\(zone.identifier)-\(cause.name)"
    if !hasChain(chain) { add(RuleChain(name: chain, rules: answers)) }
    let homes = memberships(
      of: site.homes.prefixes(of: zone.name), .source, set: "homes-\(zone.identifier)")
    return homes.map { Rule([$0], action: .goto(chain), origin: origin) } + [drop]
  }

  /// Whether `refuse` names a zone.
  func isRefused(_ zone: SiteZone) -> Bool { site.policy.refused.contains { $0.name == zone.name } }
}
