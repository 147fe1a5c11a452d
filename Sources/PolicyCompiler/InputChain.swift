// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chain for packets that this host receives, behind every address translation.
extension RulesetBuilder {
  /// What accepted at ingress as a packet for this host passes here. What passed it as a packet to others, and was then
  /// translated to this host by another table, is judged again: by the port that its sender wrote, as a packet for this
  /// host. What is neither for this host nor translated was judged as a packet to others, and is dropped.
  mutating func addInput(_ entries: GrantEntries) {
    var rules = [loopbackRule, replyRule] + errorRules
    rules.append(
      Rule(
        [.ctStatus(.destinationNAT)], action: .jump("redirected"),
        origin: Origin(reason: "translated to this host")))
    addRedirected(entries)
    let unjudged = Origin(reason: "received for an address that is not this host's")
    rules.append(drop([.destinationTypeSet(.notEqual, set: localTypes())], "unjudged", unjudged))
    rules.append(Rule([], action: .accept, origin: Origin(reason: "accepted at ingress")))
    // NF_IP_PRI_FILTER
    add(
      RuleChain(
        name: "input", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop), rules: rules))
  }

  /// Only zones whose packets may pass through this host are judged again: those of others came to their port as packets
  /// for this host, or not at all.
  private mutating func addRedirected(_ entries: GrantEntries) {
    let origin = Origin(reason: "translated to this host, and not granted by its original port")
    let refused = drop([], "unjudged", origin)
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
