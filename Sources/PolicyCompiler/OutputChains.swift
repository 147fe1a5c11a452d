// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chains for what this host sends, and for all that leaves it.
extension RulesetBuilder {
  /// Packets of this host. What would leave in the clear is refused, and what would take up a connection in its middle.
  mutating func addOutput(_ encryption: EncryptionPlan) {
    var rules = [
      Rule(
        [.interface(.output, .equal, .exact(.loopback))], action: .accept, origin: Origin(reason: "loopback"))
    ]
    rules += tunnelOnlyRules(.rejected)
    rules += clearTextOut(encryption, .output)
    rules.append(midstream)
    if restriction == .panic { rules += panicRules() }
    add(
      RuleChain(
        name: "output", base: BaseChain(hook: NFT.hookOutput, priority: 0, policy: .accept), rules: rules))
  }

  /// The last look at what leaves, when every other table has had its say on the route.
  mutating func addPostrouting(_ encryption: EncryptionPlan) {
    let rules = tunnelOnlyRules(.dropped) + clearTextOut(encryption, .postrouting)
    if rules.isEmpty { return }
    // Behind NF_IP_PRI_NAT_SRC (100).
    add(
      RuleChain(
        name: "postrouting", base: BaseChain(hook: NFT.hookPostrouting, priority: 150, policy: .accept),
        rules: rules))
  }

  /// A host's packet in the middle of a connection that conntrack does not know would make the other side's packets its
  /// replies, and so bring a session back to life that no grant allows. It is answered with a reset.
  var midstream: Rule {
    mutating get {
      let origin = Origin(reason: "middle of an unknown TCP connection")
      return drop(
        [.ctState(.new), .tcpFlags(mask: [.fin, .syn, .rst, .ack], .notEqual, .syn)], "midstream", origin,
        by: .reset)
    }
  }

  /// Where packets to the public address of a machine are looked at.
  enum ClearTextPlace: String {
    /// What this host sends: WireGuard's own packets pass, from its own port.
    case output = "clear-out"
    /// What others send through this host: nothing passes.
    case forward = "clear-forward"
    /// The last look: a source port may be translated by then.
    case postrouting = "clear-last"
  }

  /// To the public address of a machine that is to be reached through the tunnel, only WireGuard's own UDP leaves.
  mutating func clearTextOut(_ encryption: EncryptionPlan, _ place: ClearTextPlace) -> [Rule] {
    var rules: [Rule] = []
    for part in encryption.parts where !part.endpoints.isEmpty {
      guard let listen = part.tunnel.listen, let port = PortRange(listen) else { continue }
      let name = Identifier.clean(part.tunnel.name.description)
      let origin = Origin(
        file: site.policy.path, lines: part.lines, reason: "encrypt: not outside \(part.tunnel.name)")
      let own = Origin(file: site.policy.path, lines: part.lines, reason: "encrypt: WireGuard's own packets")
      let chain = "\(place.rawValue)-\(name)"
      let allowed: [Match]? =
        switch place {
        case .output: [.port(.udp, .source, port), .port(.udp, .destination, port)]
        case .forward: nil
        case .postrouting: [.port(.udp, .destination, port)]
        }
      let passing = allowed.map { [Rule($0, action: .return, origin: own)] } ?? []
      add(
        RuleChain(
          name: chain,
          rules: passing
            + refuse("clear-text-out", origin, place == .postrouting ? .dropped : .rejected)))
      let elsewhere = Match.interface(.output, .notEqual, .exact(part.tunnel.name))
      for match in memberships(of: part.endpoints, .destination, set: "endpoints-\(name)") {
        rules.append(Rule([match, elsewhere], action: .jump(chain), origin: origin))
      }
    }
    return rules
  }
}
