// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import RulesetModel

/// The chain that judges: behind conntrack, before any address translation, every packet in its flow's original
/// direction, by the port that its sender wrote. What passes here is let through by the chains behind it.
extension RulesetBuilder {
  mutating func addGate(_ entries: GrantEntries, _ encryption: EncryptionPlan) {
    var rules = [
      Rule(
        [.interface(.input, .equal, .exact(.loopback))], action: .accept, origin: Origin(reason: "loopback"))
    ]
    rules += clearTextRules(encryption)
    rules.append(replyRule)
    rules.append(
      drop(
        [.ctState(.invalid)], "invalid", Origin(reason: "packets that belong to no connection and begin none")
      ))
    rules.append(
      Rule([.transport(.equal, .icmp)], action: .jump("icmp-errors"), origin: Origin(reason: "ICMP")))
    rules.append(
      Rule([.transport(.equal, .icmpv6)], action: .jump("icmpv6-control"), origin: Origin(reason: "ICMPv6")))
    addICMPChains()
    rules.append(
      Rule(
        [.destinationType(.equal, .unicast)], action: .goto("transit"),
        origin: Origin(reason: "not to this host: routed, if at all")))
    rules += localRules(entries)
    addTransit(entries)
    // Between NF_IP_PRI_CONNTRACK (-200) and NF_IP_PRI_NAT_DST (-100).
    add(
      RuleChain(
        name: "gate", base: BaseChain(hook: NFT.hookPrerouting, priority: -150, policy: .drop), rules: rules))
  }

  /// Only replies ride on connection state: the opener of a flow is judged at its every packet.
  var replyRule: Rule {
    Rule(
      [.ctDirection(.reply), .ctState([.established, .related])], action: .accept,
      origin: Origin(reason: "replies"))
  }

  /// Errors about connections that passed: RFC 792 and RFC 4443, path MTU among them.
  func errorRule(_ number: IPProtocol) -> Rule {
    Rule(
      [.transport(.equal, number), .ctState(.related)], action: .accept, origin: Origin(reason: "ICMP errors")
    )
  }

  private mutating func addICMPChains() {
    add(RuleChain(name: "icmp-errors", rules: [errorRule(.icmp)]))
    // RFC 4890 section 4.4.1. Redirects (137) are not among them: they let a neighbour steer routes.
    let neighbours = Origin(reason: "neighbour and router discovery")
    let listeners = Origin(reason: "multicast listener discovery")
    add(
      RuleChain(
        name: "icmpv6-control",
        rules: [
          errorRule(.icmpv6),
          // Hop limit 255: from this very link (RFC 4861 section 11.2).
          Rule([.icmpType(.ipv6, 133...136), .hopLimit(255)], action: .accept, origin: neighbours),
          Rule(
            [.icmpType(.ipv6, 130...132), .address(.source, .equal, LinkLocal.ipv6)], action: .accept,
            origin: listeners),
          Rule(
            [.icmpType(.ipv6, 143...143), .address(.source, .equal, LinkLocal.ipv6)], action: .accept,
            origin: listeners),
        ]))
  }

  /// From the public address of a machine that is to be heard through the tunnel, only WireGuard's UDP comes in.
  private mutating func clearTextRules(_ encryption: EncryptionPlan) -> [Rule] {
    var rules: [Rule] = []
    for part in encryption.parts where !part.endpoints.isEmpty {
      guard let listen = part.tunnel.listen, let port = PortRange(listen) else { continue }
      let name = Identifier.clean(part.tunnel.name.description)
      let chain = "clear-in-\(name)"
      let origin = Origin(
        file: site.policy.path, lines: part.lines, reason: "encrypt: WireGuard's own packets")
      let refused = Origin(file: site.policy.path, lines: part.lines, reason: "encrypt: in the clear")
      let drop = drop([], "clear-text-in", refused)
      add(
        RuleChain(
          name: chain,
          rules: [
            Rule([.port(.udp, .destination, port)], action: .return, origin: origin),
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

  /// Packets to this host itself, by the zone where they came in.
  private mutating func localRules(_ entries: GrantEntries) -> [Rule] {
    dispatch(
      map: "local",
      site.zones.map { zone in
        let chain = "local-\(zone.identifier)"
        judge(chain, entries.local[zone.name] ?? [], rest: openedRules(zone) + [refusal(zone)])
        return (zone, .goto(chain: chain), site.origin(zone.line, "zone \(zone.name)"))
      })
  }

  /// Packets to others: what containers open, and what a grant sends through this machine.
  private mutating func addTransit(_ entries: GrantEntries) {
    var actions: [(zone: SiteZone, action: VerdictCode, origin: Origin)] = []
    for zone in site.zones {
      if zone.kind == .containers {
        if restriction == .none {
          actions.append((zone, .accept, Origin(reason: "containers outward")))
        } else {
          let origin = Origin(reason: "containers outward: \(restriction.words)")
          add(RuleChain(name: "kept-in", rules: [drop([], "\(restriction.rawValue)-out", origin)]))
          actions.append((zone, .goto(chain: "kept-in"), origin))
        }
      } else if let destinations = entries.transit[zone.name] {
        let chain = "transit-\(zone.identifier)"
        addTransit(chain, zone, destinations)
        actions.append((zone, .goto(chain: chain), site.origin(zone.line, "zone \(zone.name)")))
      }
    }
    let rules = dispatch(map: "transit", actions)
    add(RuleChain(name: "transit", rules: rules + [notForwarded]))
  }

  var notForwarded: Rule {
    mutating get { drop([], "not-forwarded", Origin(reason: "no grant routes it")) }
  }

  private mutating func addTransit(
    _ name: String, _ zone: SiteZone,
    _ destinations: [(destination: TransitDestination, entries: [GrantEntry])]
  ) {
    var byFamily: [AddressFamily: (records: [UInt8], values: [ElementValue])] = [:]
    var blocks: [Rule] = []
    for (destination, entries) in destinations {
      let chain = "\(name)/\(destination.label)"
      // Machines that the same grants open are judged by one chain.
      let grants = entries.map(\.number)
      if judgements[grants] == nil {
        judge(chain, entries, rest: [])
        judgements[grants] = chain
      }
      let verdict = VerdictCode.jump(chain: judgements[grants] ?? chain)
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
        Rule([], action: .byDestination(family, map: map), origin: Origin(reason: "by the machine it is for"))
      )
    }
    add(RuleChain(name: name, rules: rules + blocks + [notForwarded]))
  }
}
