// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset
internal import PacketWalk

/// Whether what has to get in gets in, through everything that is loaded.
extension DoctorSubject {
  /// WireGuard listens on the port that the policy gives it, and packets reach it there.
  func listenPort(_ walks: Reading<[DoctorWalks.Listening]>) -> CheckResult {
    var result = CheckResult(
      .listenPort, lookedAt: "WireGuard's UDP ports and the way to them through everything that is loaded")
    for (tunnel, device) in devices(&result) where tunnel.interface?.state == .up {
      judge(tunnel, device, &result)
    }
    guard !tunnels.isEmpty else { return result }
    switch walks {
    case .unknown(let why): result.miss("the way through the firewalls is not known: \(why)")
    case .known(let walks): judge(walks, &result)
    }
    return result
  }

  private func judge(_ tunnel: DoctorTunnel, _ device: WireGuardDevice, _ result: inout CheckResult) {
    guard let port = device.listenPort else {
      result.find(
        .error, "WireGuard of \(tunnel.name) listens on no port",
        fix:
          "give it a private key and a ListenPort, and start it anew: systemctl restart wg-quick@\(tunnel.name)"
      )
      return
    }
    if let planned = tunnel.policy?.listen, planned != port {
      let isDialled = role.map { $0.machine.endpoint != .roaming } ?? false
      result.find(
        isDialled ? .error : .warning,
        "WireGuard of \(tunnel.name) listens on \(port)/udp, and the policy says \(planned)",
        fix:
          "wg set \(tunnel.name) listen-port \(planned), and ListenPort = \(planned) in its configuration; or change "
          + "the policy's 'listen'")
    }
    let isBound = facts.host.listeners.contains { $0.protocol == .udp && $0.port == port && $0.isWildcard }
    if !isBound {
      result.find(
        .error, "no socket is bound to \(port)/udp, where WireGuard of \(tunnel.name) is to listen",
        fix: "start it anew: systemctl restart wg-quick@\(tunnel.name)")
    }
  }

  private func judge(_ walks: [DoctorWalks.Listening], _ result: inout CheckResult) {
    for tunnel in tunnels where tunnel.device?.listenPort != nil {
      let own = walks.filter { $0.tunnel == tunnel.name }
      if own.isEmpty {
        result.miss(
          "nothing from outside could be asked about: \(tunnel.name) has no endpoint and no default route")
      }
      var refused: [Decision: [String]] = [:]
      for walk in own {
        if walk.trace.verdict == .accept { continue }
        guard let decision = Decision(walk.trace) else { continue }
        refused[decision, default: []].append(walk.sender)
      }
      let isHeard = tunnel.device?.peers.contains { peer in
        peer.latestHandshake.map { facts.time - $0 <= Self.handshakeLifetime } ?? false
      }
      for (decision, senders) in refused.sorted(by: { $0.key.place < $1.key.place }) {
        let port = "\(tunnel.device?.listenPort ?? 0)/udp"
        if decision.verdict == .undetermined {
          result.miss(
            "whether \(port) is reached by \(enumerated(senders)) hangs on \(decision.text) in \(decision.place)"
          )
          continue
        }
        // Who only dials needs nobody to come in by himself.
        let isNeeded = tunnel.policy?.listen != nil
        result.find(
          isNeeded ? .error : isHeard ?? false ? .information : .warning,
          "\(port) of \(tunnel.name) is closed to \(enumerated(senders)): \(decision.sentence)",
          fix: decision.fix(port: port))
      }
    }
  }

  /// No other table refuses what the policy grants.
  func otherFirewall(_ walks: Reading<DoctorWalks.Granted>) -> CheckResult {
    switch walks {
    case .unknown(let why): return .notMade(.otherFirewall, why)
    case .known(let granted):
      var result = CheckResult(
        .otherFirewall,
        lookedAt:
          "\(counted(granted.packets.count, "packet")) that the policy grants, through everything that is loaded"
      )
      var refused: [Decision: [DoctorWalks.GrantedPacket]] = [:]
      var unroutable: [String: Int] = [:]
      for packet in granted.packets where packet.trace.verdict != .accept {
        guard let decision = Decision(packet.trace) else { continue }
        switch decision.owner {
        case .foreign: refused[decision, default: []].append(packet)
        // What the own table refuses although it is granted is drift, which plan tells.
        case .own: continue
        case .host: unroutable[decision.text, default: 0] += 1
        }
      }
      for (decision, packets) in refused.sorted(by: { $0.key.place < $1.key.place }) {
        let what = enumerated(orderedOnce(packets.map(\.what)))
        let because = "(\(enumerated(orderedOnce(packets.map(\.line)))))"
        if decision.verdict == .undetermined {
          result.find(
            .information,
            "whether what the policy grants gets through hangs on \(decision.text) in \(decision.place), which the walk does "
              + "not know: \(what) \(because)",
            fix: "try it with a real packet, and look at that rule: \(decision.listing)")
        } else {
          result.find(
            .error, "\(decision.sentence) what the policy grants: \(what) \(because)",
            fix: decision.fix(port: nil))
        }
      }
      for (why, count) in unroutable.sorted(by: { $0.key < $1.key }) {
        result.miss("the host itself throws \(counted(count, "granted packet")) away: \(why)")
      }
      for gap in granted.gaps { result.miss(gap) }
      return result
    }
  }

  private func orderedOnce(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }
}

/// Where it was decided about a packet that did not get through.
struct Decision: Hashable {
  enum Owner: Hashable {
    case own
    case foreign
    /// The host's routing, and no table.
    case host
  }

  let owner: Owner
  let verdict: TraceVerdict
  /// Family, table, chain and rule.
  let place: String
  /// The rule's text, or the expression on which it hangs; empty for a chain's policy.
  package let text: String
  private let family: UInt8
  private let table: String
  private let chain: String
  private let handle: UInt64

  /// The decision of a trace; nil where nothing befell the packet.
  init?(_ trace: Trace) {
    guard let step = trace.deciding else { return nil }
    owner =
      step.table.isEmpty
      ? .host : step.table == Ruleset.tableName && step.family == NFT.familyInet ? .own : .foreign
    verdict = trace.verdict
    place = step.place
    switch step.outcome {
    case .undetermined(let expression): text = "\"\(expression)\""
    case .unroutable(let why): text = why
    case .verdict, .reject, .counted, .opened, .policy, .translated, .marked, .assumed, .routed:
      text = step.text
    }
    family = step.family
    table = step.table
    chain = step.chain
    handle = step.handle
  }

  /// `ip filter INPUT handle 12 drops (…)`.
  package var sentence: String {
    let verb = verdict == .reject ? "rejects" : "drops"
    if owner == .host { return "the host's routing drops it (\(text))" }
    return "\(place) \(verb)\(text.isEmpty ? "" : " (\(text))")"
  }

  /// The command that shows the chain.
  var listing: String { "nft -a list chain \(RuleText.family(family)) \(table) \(chain)" }

  /// What to do about it. `port` is what is to be let in, where it is one.
  func fix(port: String?) -> String {
    switch owner {
    case .host: return "see to the routes and to rp_filter: ip route get shows what the kernel does"
    case .own:
      return port.map { "grant it: the tunnel's 'listen' in the policy opens \($0); then wgfence apply" }
        ?? "see wgfence plan"
    case .foreign:
      let name = "\(RuleText.family(family)) \(table)"
      if chain.hasPrefix("ufw") {
        return "let it in with ufw too (ufw allow), or turn ufw off: the policy already says who gets in"
      }
      let out = handle > 0 ? ", or take the rule out: nft delete rule \(name) \(chain) handle \(handle)" : ""
      return "let it in there too, by a rule in \(chain) of table \(name) before that\(out)"
    }
  }
}
