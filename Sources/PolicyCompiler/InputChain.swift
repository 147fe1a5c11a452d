// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chain for packets that this host receives, after every address translation.
extension RulesetBuilder {
  /// Accepts what ingress accepted as a packet for this host. A packet that ingress accepted as a packet to
  /// others, and that another table then redirected to this host, is checked again: as a packet for this
  /// host, by the port that its sender used. A packet that is neither for this host nor translated was
  /// checked as a packet to others and is dropped.
  mutating func addInput(_ entries: GrantEntries, _ encryption: EncryptionPlan) {
    // Nearly all packets from a tunnel: ingress let them pass as packets for this host, or dropped them.
    var rules = ownAddresses.map { own in
      Rule(own.matches + [.ctStatusNone(.destinationNAT)], action: .accept, origin: own.origin)
    }
    rules += [loopbackRule, replyRule] + errorRules + taggedRules()
    rules.append(
      Rule(
        [.ctStatus(.destinationNAT)], action: .jump("redirected"),
        origin: Origin(reason: "redirected here by another table's NAT")))
    addRedirected(entries)
    let unjudged = Origin(reason: "received, but not for an address of this host")
    rules += relays(entries, encryption).map { drop($0.matches, DropCause(.unjudged), unjudged) }
    rules.append(drop([.destinationTypeSet(.notEqual, set: localTypes())], DropCause(.unjudged), unjudged))
    rules.append(Rule([], action: .accept, origin: Origin(reason: "accepted at ingress")))
    // NF_IP_PRI_FILTER
    add(
      RuleChain(
        name: "input", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: usualPolicy), rules: rules))
  }

  /// Refuses packets that ingress let pass for their interface alone.
  private mutating func taggedRules() -> [Rule] {
    if sameInterface.isEmpty { return [] }
    let internet = site.zones.first { $0.kind == .internet }
    let rules = dispatch(map: "refused") { builder, zone in
      let origin = builder.site.origin(zone.line, "zone \(zone.name)")
      // Packets of tunnels and containers have no tag.
      let isNetwork = zone.kind == .network || zone.kind == .internet
      let refused = isNetwork ? zone : internet ?? zone
      let rules = isNetwork ? builder.refusal(refused) : [builder.unanswered(refused)]
      if rules.count == 1 { return (rules[0].action?.verdict ?? .drop, origin) }
      let chain = "refused-\(refused.identifier)"
      if !builder.hasChain(chain) { builder.add(RuleChain(name: chain, rules: rules)) }
      return (.goto(chain: chain), origin)
    }
    add(RuleChain(name: "refused", rules: rules))
    return [
      Rule([.tagged(.equal)], action: .goto("refused"), origin: Origin(reason: "not granted at ingress"))
    ]
  }

  /// Only zones whose packets may pass through this host are checked again: packets of other zones reached
  /// their port as packets for this host, or not at all.
  private mutating func addRedirected(_ entries: GrantEntries) {
    let origin = Origin(reason: "redirected here by another table's NAT; no grant for its original port")
    let refused = drop([], DropCause(.unjudged), origin)
    let rules = dispatch(map: "redirected") { builder, zone in
      let origin = builder.site.origin(zone.line, "zone \(zone.name)")
      let isTransit =
        zone.kind == .containers ? builder.restriction == .none : entries.transit[zone.name] != nil
      guard isTransit else { return (.return, origin) }
      let chain = "redirected-\(zone.identifier)"
      builder.judge(chain, entries.local[zone.name] ?? [], by: .original, rest: [refused])
      return (.goto(chain: chain), origin)
    }
    add(RuleChain(name: "redirected", rules: rules))
  }
}
