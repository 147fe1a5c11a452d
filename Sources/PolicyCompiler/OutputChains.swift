// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chains for what this host sends, and for everything that leaves it.
extension RulesetBuilder {
  /// Packets of this host. Refuses clear text to `encrypt` destinations, mid-connection packets of unknown connections,
  /// and what `confine` does not let out.
  mutating func addOutput(_ entries: GrantEntries, _ encryption: EncryptionPlan) {
    var rules = [
      Rule(
        [.interface(.output, .equal, .exact(.loopback))], action: .accept, origin: Origin(reason: "loopback"))
    ]
    rules += tunnelOnlyRules(.rejected)
    rules += clearTextOut(encryption, .output)
    rules.append(midstream)
    rules += restriction == .panic ? panicRules() : confinementRules(.host, entries)
    add(
      RuleChain(
        name: "output", base: BaseChain(hook: NFT.hookOutput, priority: 0, policy: .accept), rules: rules))
  }

  /// The last check of outgoing packets, after every other table could change the route.
  mutating func addPostrouting(_ encryption: EncryptionPlan) {
    let rules = tunnelOnlyRules(.dropped) + clearTextOut(encryption, .postrouting)
    if rules.isEmpty { return }
    // After NF_IP_PRI_NAT_SRC (100).
    add(
      RuleChain(
        name: "postrouting", base: BaseChain(hook: NFT.hookPostrouting, priority: 150, policy: .accept),
        rules: rules))
  }

  /// If this host sends a packet in the middle of a connection that conntrack does not know, conntrack would
  /// treat the other side's packets as replies, and a session that no grant allows would continue. Such a
  /// packet is answered with a reset.
  var midstream: Rule {
    mutating get {
      let origin = Origin(reason: "mid-connection packet of an unknown TCP connection")
      return drop(
        [.ctState(.new), .tcpFlags(mask: [.fin, .syn, .rst, .ack], .notEqual, .syn)], DropCause(.midstream),
        origin,
        by: .reset)
    }
  }

  /// Where packets to the public address of a machine are checked.
  enum ClearTextPlace: String {
    /// What this host sends: WireGuard's own packets pass, from its own port, or from any port on a machine without
    /// `endpoint`, where WireGuard needs no fixed port.
    case output = "clear-out"
    /// What others send through this host: nothing passes.
    case forward = "clear-forward"
    /// The last check: the source port may be translated already.
    case postrouting = "clear-last"
  }

  /// To the public address of a machine that is reachable only through the tunnel, only WireGuard's own UDP
  /// may leave.
  mutating func clearTextOut(_ encryption: EncryptionPlan, _ place: ClearTextPlace) -> [Rule] {
    var rules: [Rule] = []
    for part in encryption.parts where !part.endpoints.isEmpty || !part.shared.isEmpty {
      guard let listen = part.tunnel.listen, let port = PortRange(listen) else { continue }
      let name = Identifier.clean(part.tunnel.name.description)
      let origin = Origin(
        file: site.policy.path, lines: part.lines, reason: "encrypt: only through \(part.tunnel.name)")
      let own = Origin(file: site.policy.path, lines: part.lines, reason: "encrypt: WireGuard's own packets")
      let chain = "\(place.rawValue)-\(name)"
      let allowed: [Match]? =
        switch place {
        case .output where site.machine.choosesPort(of: part.tunnel): [.port(.udp, .destination, port)]
        case .output: [.port(.udp, .source, port), .port(.udp, .destination, port)]
        case .forward: nil
        case .postrouting: [.port(.udp, .destination, port)]
        }
      let passing = allowed.map { [Rule($0, action: .return, origin: own)] } ?? []
      add(
        RuleChain(
          name: chain,
          rules: passing
            + refuse(DropCause(.clearTextOut), origin, place == .postrouting ? .dropped : .rejected)))
      let elsewhere = Match.interface(.output, .notEqual, .exact(part.tunnel.name))
      for match in memberships(of: part.endpoints, .destination, set: "endpoints-\(name)") {
        rules.append(Rule([match, elsewhere], action: .jump(chain), origin: origin))
      }
      for shared in part.shared {
        let machine = Identifier.clean(shared.machine)
        let ports = RuleChain(
          name: "\(chain)/\(machine)",
          rules: conditions(shared.ports).map { Rule($0, action: .jump(chain), origin: origin) })
        add(ports)
        for match in memberships(of: shared.endpoints, .destination, set: "endpoints-\(name)-\(machine)") {
          rules.append(Rule([match, elsewhere], action: .jump(ports.name), origin: origin))
        }
      }
    }
    return rules
  }
}
