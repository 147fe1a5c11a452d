// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chain that makes the decision: after conntrack and before any address translation, for every packet in
/// the original direction of its connection, by the port that its sender used. Later chains let through what
/// it accepts.
extension RulesetBuilder {
  /// Types of destinations whose packets are for this host: `fib daddr type`.
  static let localTypes: [AddressType] = [.local, .broadcast, .anycast, .multicast]

  /// Types of destinations of which a bridge gives a copy to this host and to its other ports.
  static let sharedTypes: [AddressType] = [.broadcast, .multicast]

  /// The set of `localTypes`, added to the ruleset.
  mutating func localTypes() -> String { typeSet("local-types", Self.localTypes) }

  /// The set of types of destinations to which no answer is sent, added to the ruleset: what was sent to many hosts, or to any of
  /// them (RFC 1122 sections 3.2.2 and 4.2.3.10, RFC 4443 section 2.4).
  mutating func unansweredTypes() -> String { typeSet("unanswered-types", Self.sharedTypes + [.anycast]) }

  private mutating func typeSet(_ name: String, _ types: [AddressType]) -> String {
    let key = NamedSet.Key.addressType
    var records: [UInt8] = []
    for type in types { records += SetKey.addressType(type) + [0] }
    add(
      NamedSet(
        name: name, key: key, kind: .set, elements: SetElements(keyLength: key.length, unsorted: records)))
    return name
  }

  mutating func addIngress(_ entries: GrantEntries, _ encryption: EncryptionPlan) {
    var rules = [loopbackRule]
    // A routing header may begin in the second fragment of a packet, where `sources` does not see it.
    rules.append(sourceRouteRule(.ipv6))
    rules += clearTextRules(encryption)
    rules.append(replyRule)
    rules += tagging([[.ctState(.invalid), .destinationTypeSet(.notEqual, set: localTypes())]])
    rules.append(
      drop(
        [.ctState(.invalid)], DropCause(.invalid),
        Origin(reason: "belongs to no connection and does not begin one")
      ))
    let byAddress = addressRules(entries, encryption)
    let otherThanICMP: [Match] = [.transport(.notEqual, .icmp), .transport(.notEqual, .icmpv6)]
    rules += byAddress.map { Rule($0.matches + otherThanICMP, action: $0.action, origin: $0.origin) }
    rules.append(
      Rule([.transport(.equal, .icmp)], action: .jump("icmp-errors"), origin: Origin(reason: "ICMP")))
    rules.append(
      Rule([.transport(.equal, .icmpv6)], action: .jump("icmpv6-control"), origin: Origin(reason: "ICMPv6")))
    addICMPChains()
    rules += byAddress
    rules.append(
      Rule(
        [.destinationTypeSet(.notEqual, set: localTypes())], action: .goto("transit"),
        origin: Origin(reason: "not for this host")))
    rules += localRules(entries)
    addTransit(entries)
    // After NF_IP_PRI_CONNTRACK (-200), and directly before NF_IP_PRI_NAT_DST (-100): rules at NF_IP_PRI_MANGLE (-150) that set
    // the mark, as those of wg-quick do, would remove the tag.
    add(
      RuleChain(
        name: "ingress", base: BaseChain(hook: NFT.hookPrerouting, priority: -105, policy: usualPolicy),
        rules: rules))
  }

  /// Only replies are accepted by connection state: packets from the side that opened the connection are
  /// checked against the grants every time. ICMP errors are not replies and are accepted by their types.
  var replyRule: Rule {
    Rule(
      [.ctDirection(.reply), .ctState(.established)], action: .accept, origin: Origin(reason: "replies"))
  }

  /// Packets from a tunnel of which the destination says whether they are for this machine.
  private mutating func addressRules(_ entries: GrantEntries, _ encryption: EncryptionPlan) -> [Rule] {
    ownAddresses.map { Rule($0.matches, action: .goto(Self.localChain($0.zone)), origin: $0.origin) }
      + relays(entries, encryption).map {
        Rule($0.matches, action: .goto(Self.transitChain($0.zone)), origin: $0.origin)
      }
  }

  /// ICMP errors about accepted connections, including path MTU: destination unreachable, time exceeded and
  /// parameter problem (RFC 792); all types below 5 (RFC 4443). Not redirects, with which a neighbour could
  /// change routes, and not source quench (RFC 6633).
  var errorRules: [Rule] {
    let types: [(AddressFamily, ClosedRange<UInt8>)] = [(.ipv4, 3...3), (.ipv4, 11...12), (.ipv6, 1...4)]
    return types.map { family, types in
      Rule(
        [.icmpType(family, types), .ctState(.related)], action: .accept, origin: Origin(reason: "ICMP errors")
      )
    }
  }

  private mutating func addICMPChains() {
    let redirects = Origin(reason: "ICMP redirects would change this host's routes")
    add(
      RuleChain(
        name: "icmp-errors",
        rules: errorRules.filter { $0.isOfICMP(.ipv4) } + [
          drop([.icmpType(.ipv4, 5...5)], DropCause(.redirect), redirects)
        ]))
    let neighbours = Origin(reason: "neighbour and router discovery")
    let listeners = Origin(reason: "multicast listener discovery")
    var rules = errorRules.filter { $0.isOfICMP(.ipv6) }
    rules.append(drop([.icmpType(.ipv6, 137...137)], DropCause(.redirect), redirects))
    // A router on the link sets addresses and routes: there is none in a tunnel or among containers.
    let noRouter = Origin(reason: "no router advertisements from tunnels and containers")
    for pattern in site.zones.filter({ $0.kind == .tunnel || $0.kind == .containers }).flatMap(\.interfaces) {
      let others = sharedBridges.filter { pattern.matches($0) }.map {
        Match.interface(.input, .notEqual, .exact($0))
      }
      rules.append(
        drop(
          [.icmpType(.ipv6, 134...134), .interface(.input, .equal, pattern)] + others,
          DropCause(.routerAdvertisement),
          noRouter))
    }
    // RFC 4890 section 4.4.1. Hop limit 255: sent on this link (RFC 4861 section 11.2).
    rules.append(
      Rule([.icmpType(.ipv6, 133...136), .hopLimit(255)], action: .accept, origin: neighbours))
    for types in [130...132, 143...143] as [ClosedRange<UInt8>] {
      rules.append(
        Rule(
          [.icmpType(.ipv6, types), .address(.source, .equal, LinkLocal.ipv6)], action: .accept,
          origin: listeners))
    }
    add(RuleChain(name: "icmpv6-control", rules: rules))
  }

  /// From the public address of a machine that must use the tunnel, only WireGuard's UDP is accepted.
  private mutating func clearTextRules(_ encryption: EncryptionPlan) -> [Rule] {
    var rules: [Rule] = []
    for part in encryption.parts where !part.endpoints.isEmpty {
      guard let listen = part.tunnel.listen, let port = PortRange(listen) else { continue }
      let name = Identifier.clean(part.tunnel.name.description)
      let chain = "clear-in-\(name)"
      let origin = Origin(
        file: site.policy.path, lines: part.lines, reason: "encrypt: WireGuard's own packets")
      let refused = Origin(
        file: site.policy.path, lines: part.lines, reason: "encrypt: not through the tunnel")
      let drop = drop([], DropCause(.clearTextIn), refused)
      let live = site.machine.livePorts[part.tunnel.name].flatMap { PortRange($0.port) }
      let passing = ([port] + (live.map { [$0] } ?? [])).map { port in
        Rule([.port(.udp, .destination, port)], action: .return, origin: origin)
      }
      add(
        RuleChain(
          name: chain,
          rules: passing + [
            Rule([.port(.udp, .source, port), .ctDirection(.reply)], action: .return, origin: origin), drop,
          ]))
      for match in memberships(of: part.endpoints, .source, set: "endpoints-\(name)") {
        rules.append(
          Rule(
            [match, .interface(.input, .notEqual, .exact(part.tunnel.name))], action: .jump(chain),
            origin: refused))
      }
    }
    return rules
  }

  /// IGMP queries and reports of IPv4 (RFC 9776), which are sent to groups; MLD is the same for IPv6. Without them a
  /// switch that does IGMP snooping stops delivering groups. No router of groups is at the other end of a tunnel.
  var groupMembershipRule: Rule {
    Rule(
      [.transport(.equal, .igmp), .destinationType(.equal, .multicast)], action: .accept,
      origin: Origin(reason: "IGMP queries and reports"))
  }

  /// The chain of packets from a zone to this host itself.
  private static func localChain(_ zone: SiteZone) -> String { "local-\(zone.identifier)" }

  /// The chain of packets from a zone to others.
  private static func transitChain(_ zone: SiteZone) -> String { "transit-\(zone.identifier)" }

  /// Packets to this host itself, by the zone where they arrived.
  private mutating func localRules(_ entries: GrantEntries) -> [Rule] {
    dispatch(map: "local") { builder, zone in
      let chain = Self.localChain(zone)
      let isNetwork = zone.kind == .network || zone.kind == .internet
      let shared = isNetwork ? builder.tagging(Self.sharedTypes.map { [.destinationType(.equal, $0)] }) : []
      let groups = zone.kind == .tunnel ? [] : [builder.groupMembershipRule]
      let rest =
        builder.temporaryGrantRules(zone) + groups + shared
        + builder.excessRules(entries.local[zone.name] ?? [])
        + builder.refusal(zone)
      builder.judge(chain, entries.local[zone.name] ?? [], rest: rest)
      return (.goto(chain: chain), builder.site.origin(zone.line, "zone \(zone.name)"))
    }
  }

  /// Packets to others: outbound packets of containers, and what a grant sends through this machine.
  private mutating func addTransit(_ entries: GrantEntries) {
    let rules = dispatch(map: "transit") { builder, zone in
      let notForwarded = builder.notForwarded(zone, .arriving)
      let origin = builder.site.origin(zone.line, "zone \(zone.name)")
      switch zone.kind {
      case .containers where builder.restriction == .none:
        return (.accept, Origin(reason: "outbound from containers"))
      case .containers:
        let origin = Origin(reason: "outbound from containers: \(builder.restriction.words)")
        let drop = builder.drop([], DropCause(builder.restriction.outbound), origin)
        builder.add(RuleChain(name: "containers-outbound", rules: [drop]))
        return (.goto(chain: "containers-outbound"), origin)
      case .tunnel, .network, .internet:
        let chain = Self.transitChain(zone)
        let tagged = zone.kind == .tunnel ? [] : builder.tagging([[]])
        let rest = tagged + notForwarded
        guard let destinations = entries.transit[zone.name] else {
          if rest.count == 1 { return (rest[0].action?.verdict ?? .drop, origin) }
          let none = builder.isRefused(zone) ? "transit-none-\(zone.identifier)" : "transit-none"
          if !builder.hasChain(none) { builder.add(RuleChain(name: none, rules: rest)) }
          return (.goto(chain: none), origin)
        }
        let excess = destinations.flatMap { destination, entries in
          builder.excessRules(entries, to: destination, in: chain)
        }
        builder.addDestinations(chain, destinations, rest: tagged + excess + notForwarded)
        return (.goto(chain: chain), origin)
      }
    }
    add(RuleChain(name: "transit", rules: rules))
  }

  /// Adds a chain that returns for the addresses that are not behind a destination, and acts on packets to all others.
  mutating func addOutside(
    _ name: String, _ destination: TransitDestination, _ action: Action, _ origin: Origin
  ) {
    let inside = memberships(
      of: destination.prefixes, .destination, set: "elsewhere-\(destination.label)")
    let returning = inside.map {
      Rule([$0], action: .return, origin: Origin(reason: "not behind \(destination.label)"))
    }
    add(RuleChain(name: name, rules: returning + [Rule([], action: action, origin: origin)]))
  }

  /// The rules that send packets to every address but some to a chain, which returns if no grant accepts them.
  private mutating func outsideRules(
    _ chain: String, _ destination: TransitDestination, _ verdict: VerdictCode, _ origin: Origin
  ) -> [Rule] {
    let name = "\(chain)/outside"
    addOutside(name, destination, Action(verdict), origin)
    return [Rule([], action: .jump(name), origin: origin)]
  }

  /// Adds a chain that sends packets to the grants of their destination, and does `rest` with what none accepts.
  mutating func addDestinations(
    _ name: String, _ destinations: [(destination: TransitDestination, entries: [GrantEntry])], rest: [Rule]
  ) {
    var byFamily: [AddressFamily: (records: [UInt8], values: [ElementValue])] = [:]
    var blocks: [Rule] = []
    var outside: [Rule] = []
    for (destination, entries) in Self.merged(destinations) {
      // A machine that is reachable through two tunnels has two destinations with the same name.
      var (chain, number) = ("\(name)/\(destination.label)", 1)
      while hasChain(chain) {
        number += 1
        chain = "\(name)/\(destination.label)/\(number)"
      }
      // Destinations with the same grants share a chain.
      let grants = entries.map(\.number)
      if judgements[grants] == nil {
        judge(chain, entries, rest: [])
        judgements[grants] = chain
      }
      let verdict = VerdictCode.jump(chain: judgements[grants] ?? chain)
      if destination.isOutside {
        let lines = entries.flatMap(\.origin.lines)
        outside += outsideRules(
          chain, destination, verdict,
          Origin(file: site.policy.path, lines: lines, reason: "to \(destination.label)"))
        continue
      }
      for prefix in destination.prefixes {
        if prefix.length == prefix.family.bitWidth {
          byFamily[prefix.family, default: ([], [])].records += prefix.address.bytes + [0]
          byFamily[prefix.family, default: ([], [])].values.append(.verdict(verdict))
        } else {
          let lines = entries.flatMap(\.origin.lines)
          let origin = Origin(file: site.policy.path, lines: lines, reason: "to \(destination.label)")
          blocks.append(
            Rule([.address(.destination, .equal, prefix)], action: Action(verdict), origin: origin))
        }
      }
    }
    var rules: [Rule] = []
    for family in AddressFamily.allCases {
      guard let (records, values) = byFamily[family] else { continue }
      let map = "\(name)-\(family == .ipv4 ? "v4" : "v6")"
      let elements = SetElements(keyLength: family.byteWidth, unsorted: records, values: values)
      add(NamedSet(name: map, key: .address(family), kind: .verdicts, elements: elements))
      rules.append(
        Rule([], action: .byDestination(family, map: map), origin: Origin(reason: "by destination machine"))
      )
    }
    add(RuleChain(name: name, rules: rules + blocks + outside + rest))
  }
}

extension RulesetBuilder {
  /// The destinations with every prefix only once: the entries of several destinations for one address are
  /// combined.
  private static func merged(
    _ destinations: [(destination: TransitDestination, entries: [GrantEntry])]
  ) -> [(destination: TransitDestination, entries: [GrantEntry])] {
    let outside = destinations.filter(\.destination.isOutside)
    let destinations = destinations.filter { !$0.destination.isOutside }
    let all = destinations.flatMap(\.destination.prefixes)
    if Set(all).count == all.count { return destinations + outside }
    var order: [Prefix] = []
    var byPrefix: [Prefix: (label: String, exit: TransitDestination.Exit, entries: [GrantEntry])] = [:]
    for (destination, entries) in destinations {
      for prefix in destination.prefixes {
        if byPrefix[prefix] == nil {
          order.append(prefix)
          byPrefix[prefix] = (destination.label, destination.exit, [])
        }
        let known = Set((byPrefix[prefix]?.entries ?? []).map(\.number))
        byPrefix[prefix]?.entries += entries.filter { !known.contains($0.number) }
      }
    }
    return order.compactMap { prefix in
      byPrefix[prefix].map { label, exit, entries in
        (
          TransitDestination(
            label: destinations.contains {
              $0.destination.label == label && $0.destination.prefixes == [prefix]
            }
              ? label : Identifier.clean("\(label)-\(prefix)"), prefixes: [prefix], exit: exit), entries
        )
      }
    } + outside
  }
}

extension Rule {
  /// Whether it is about ICMP of this family.
  fileprivate func isOfICMP(_ family: AddressFamily) -> Bool {
    matches.contains { if case .icmpType(family, _) = $0 { true } else { false } }
  }
}
