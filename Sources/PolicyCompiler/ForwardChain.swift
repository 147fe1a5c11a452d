// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import RulesetModel

/// The chains behind the judgement: they let on what passed the gate, on the way that it was let in for.
extension RulesetBuilder {
  /// Packets for this host. All were judged at the gate as such, but those of zones that may send through this host:
  /// what some other table turned inward of those is dropped. Other zones' packets to others did not pass the gate.
  mutating func addInput(_ entries: GrantEntries) {
    var rules = [replyRule]
    let unjudged = Origin(reason: "turned to this host from an address that is not its own")
    for zone in site.zones where zone.kind == .containers {
      for pattern in zone.interfaces {
        rules.append(
          Rule(
            [.interface(.input, .equal, pattern)], action: .jump("turned"),
            origin: Origin(reason: "containers")))
      }
      // What containers send outward is not judged by port: it must not be translated inward either.
      add(
        RuleChain(
          name: "turned",
          rules: [
            drop([.ctStatus(.destinationNAT)], "unjudged", unjudged),
            drop([.destinationType(.equal, .unicast)], "unjudged", unjudged),
          ]))
    }
    for zone in site.zones where zone.kind != .containers && entries.transit[zone.name] != nil {
      let sides: [[Match]] =
        zone.interfaces.isEmpty ? [[]] : zone.interfaces.map { [.interface(.input, .equal, $0)] }
      if zone.interfaces.isEmpty {
        // What comes next holds for every interface that is left, and loopback is nobody's zone.
        rules.append(
          Rule(
            [.interface(.input, .equal, .exact(.loopback))], action: .accept,
            origin: Origin(reason: "loopback")))
      }
      for side in sides {
        rules.append(drop(side + [.destinationType(.equal, .unicast)], "unjudged", unjudged))
      }
    }
    rules.append(Rule([], action: .accept, origin: Origin(reason: "passed the gate")))
    // NF_IP_PRI_FILTER
    add(
      RuleChain(
        name: "input", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop), rules: rules))
  }

  /// Packets through this host.
  mutating func addForward(_ entries: GrantEntries, _ encryption: EncryptionPlan) {
    var rules = clearTextOut(encryption, action: .reject)
    rules.append(replyRule)
    rules += [errorRule(.icmp), errorRule(.icmpv6)]
    let containers = site.zones.first { $0.kind == .containers }
    if restriction == .none {
      for pattern in containers?.interfaces ?? [] {
        rules.append(
          Rule(
            [.interface(.input, .equal, pattern)], action: .goto("outward"),
            origin: Origin(reason: "containers outward")))
      }
      add(
        RuleChain(
          name: "outward",
          rules: [midstream, Rule([], action: .accept, origin: Origin(reason: "containers outward"))]))
    }
    rules.append(
      Rule(
        [.ctStatus(.destinationNAT)], action: .accept, origin: Origin(reason: "granted by its original port"))
    )
    for zone in site.zones {
      for (destination, entries) in entries.transit[zone.name] ?? [] {
        rules += routes(from: zone, to: destination, entries)
      }
    }
    rules.append(notForwarded)
    // Right before NF_IP_PRI_FILTER, where Docker's chain is.
    add(
      RuleChain(
        name: "forward", base: BaseChain(hook: NFT.hookForward, priority: -1, policy: .drop),
        rules: rules.reduce(into: []) { kept, rule in if !kept.contains(rule) { kept.append(rule) } }))
  }

  /// The ways by which a grant's packets pass from a zone to what it opens.
  private func routes(from zone: SiteZone, to destination: TransitDestination, _ entries: [GrantEntry])
    -> [Rule]
  {
    let origin = Origin(
      file: site.policy.path,
      lines: zone.kind == .tunnel ? [zone.line ?? 0] : entries.flatMap(\.origin.lines),
      reason: "routed out of \(zone.name)")
    var ways: [[Match]]
    switch destination.exit {
    case .interfaces(let patterns): ways = patterns.map { [.interface(.output, .equal, $0)] }
    case .anyNetwork:
      ways = [site.policy.tunnels.map { .interface(.output, .notEqual, .exact($0.name)) }]
    }
    if !zone.interfaces.isEmpty {
      ways = zone.interfaces.flatMap { pattern in ways.map { [.interface(.input, .equal, pattern)] + $0 } }
    }
    return ways.map { Rule($0, action: .accept, origin: origin) }
  }

  /// Packets of this host. Only what `encrypt` forbids is stopped, and what would take up a connection in its middle.
  mutating func addOutput(_ encryption: EncryptionPlan) {
    var rules = [
      Rule(
        [.interface(.output, .equal, .exact(.loopback))], action: .accept, origin: Origin(reason: "loopback"))
    ]
    rules += clearTextOut(encryption, action: .reject)
    rules.append(midstream)
    if restriction == .panic { rules += panicRules() }
    add(
      RuleChain(
        name: "output", base: BaseChain(hook: NFT.hookOutput, priority: 0, policy: .accept), rules: rules))
  }

  /// The last look at what leaves, when every other table has had its say on the route.
  mutating func addPostrouting(_ encryption: EncryptionPlan) {
    let rules = clearTextOut(encryption, action: .drop)
    if rules.isEmpty { return }
    // Behind NF_IP_PRI_NAT_SRC (100).
    add(
      RuleChain(
        name: "postrouting", base: BaseChain(hook: NFT.hookPostrouting, priority: 150, policy: .accept),
        rules: rules))
  }

  /// A host's packet in the middle of a connection that conntrack does not know would make the other side's packets its
  /// replies, and so bring a session back to life that no grant allows. It is answered with a reset.
  private var midstream: Rule {
    mutating get {
      let origin = Origin(reason: "middle of an unknown TCP connection")
      return drop(
        [.ctState(.new), .tcpFlags(mask: [.fin, .syn, .rst, .ack], .notEqual, .syn)], "midstream", origin,
        by: .reset)
    }
  }

  /// Packets to a machine that is to be reached through the tunnel leave by it; to its public address, only WireGuard's
  /// own UDP. It holds while the interface does not exist.
  private mutating func clearTextOut(_ encryption: EncryptionPlan, action: Action) -> [Rule] {
    var rules: [Rule] = []
    for part in encryption.parts {
      guard let listen = part.tunnel.listen, let port = PortRange(listen) else { continue }
      let name = Identifier.clean(part.tunnel.name.description)
      let elsewhere = Match.interface(.output, .notEqual, .exact(part.tunnel.name))
      let origin = Origin(
        file: site.policy.path, lines: part.lines, reason: "encrypt: not outside \(part.tunnel.name)")
      let refuse = drop([], "clear-text-out", origin, by: action)
      for match in memberships(of: part.protected, .destination, set: "protected-\(name)") {
        rules.append(Rule([match, elsewhere], action: refuse.action, origin: origin))
      }
      if part.endpoints.isEmpty { continue }
      let chain = "\(action == .reject ? "clear-out" : "clear-last")-\(name)"
      if !chains.contains(where: { $0.name == chain }) {
        let own = Origin(
          file: site.policy.path, lines: part.lines, reason: "encrypt: WireGuard's own packets")
        add(
          RuleChain(
            name: chain,
            rules: [Rule([.port(.udp, .destination, port)], action: .return, origin: own), refuse]))
      }
      for match in memberships(of: part.endpoints, .destination, set: "endpoints-\(name)") {
        rules.append(Rule([match, elsewhere], action: .jump(chain), origin: origin))
      }
    }
    return rules
  }
}
