// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset
internal import PacketWalk

/// Checks that packets that must be accepted pass every loaded table.
extension DoctorSubject {
  /// Checks that WireGuard listens on the policy's port, and that packets reach it there.
  func listenPort(_ walks: Reading<[DoctorWalks.Listening]>) -> CheckResult {
    var result = CheckResult(
      .listenPort, lookedAt: "WireGuard's UDP ports, and every loaded table on the path to them")
    for (tunnel, device) in devices(&result) where tunnel.interface?.state == .up {
      judge(tunnel, device, &result)
    }
    guard !tunnels.isEmpty else { return result }
    switch walks {
    case .unknown(let why): result.miss("the firewall rules are not known: \(why)")
    case .known(let walks): judge(walks, &result)
    }
    return result
  }

  /// Whether others open connections to this machine, so that WireGuard needs a fixed port.
  private var isCalled: Bool { role.map { $0.machine.endpoint != .roaming } ?? false }

  private func judge(_ tunnel: DoctorTunnel, _ device: WireGuardDevice, _ result: inout CheckResult) {
    guard let port = device.listenPort else {
      result.find(
        .error, "WireGuard of \(tunnel.name) listens on no port",
        fix:
          "give it a private key and a ListenPort, then restart it: systemctl restart wg-quick@\(tunnel.name)"
      )
      return
    }
    if isCalled, let planned = tunnel.policy?.listen, planned != port {
      result.find(
        .error,
        "WireGuard of \(tunnel.name) listens on \(port)/udp, but the policy says \(planned)",
        fix:
          "run wg set \(tunnel.name) listen-port \(planned) and set ListenPort = \(planned) in its "
          + "configuration, or change the policy's 'listen'")
    }
    let isBound = facts.host.listeners.contains { $0.protocol == .udp && $0.port == port && $0.isWildcard }
    if !isBound {
      result.find(
        .error, "no socket is bound to \(port)/udp, where WireGuard of \(tunnel.name) should listen",
        fix: "restart it: systemctl restart wg-quick@\(tunnel.name)")
    }
  }

  private func judge(_ walks: [DoctorWalks.Listening], _ result: inout CheckResult) {
    for tunnel in tunnels where tunnel.device?.listenPort != nil {
      let own = walks.filter { $0.tunnel == tunnel.name }
      if own.isEmpty {
        result.miss(
          "no packet from outside could be evaluated: \(tunnel.name) has no endpoint and no default route")
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
            "whether \(enumerated(senders)) can reach \(port) depends on a rule wgfence cannot evaluate: "
              + "\(decision.text) in \(decision.place)"
          )
          continue
        }
        // A machine that only opens connections itself needs no inbound packets, and the ruleset follows a port that
        // WireGuard chose itself.
        let isNeeded = tunnel.policy?.listen.map { $0 == tunnel.device?.listenPort || isCalled } ?? false
        if !isNeeded, tunnel.policy != nil, decision.owner == .own { continue }
        result.find(
          isNeeded ? .error : isHeard == true ? .information : .warning,
          "\(port) of \(tunnel.name) is closed to \(enumerated(senders)): \(decision.sentence)",
          fix: decision.fix(port: port))
      }
    }
  }

  /// Checks that no other table refuses what the policy grants.
  func otherFirewall(_ walks: Reading<DoctorWalks.Granted>) -> CheckResult {
    switch walks {
    case .unknown(let why): return .notMade(.otherFirewall, why)
    case .known(let granted):
      var result = CheckResult(
        .otherFirewall,
        lookedAt:
          "\(counted(granted.packets.count, "packet")) that the policy grants, in every loaded table"
      )
      var refused: [Decision: [DoctorWalks.GrantedPacket]] = [:]
      var unroutable: [String: Int] = [:]
      for packet in granted.packets where packet.trace.verdict != .accept {
        guard let decision = Decision(packet.trace) else { continue }
        switch decision.owner {
        case .foreign: refused[decision, default: []].append(packet)
        // If the wgfence table refuses a granted packet, that is drift, which plan reports.
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
            "whether granted packets pass depends on a rule wgfence cannot evaluate: \(decision.text) in "
              + "\(decision.place): \(what) \(because)",
            fix: "test it with a real packet, and check that rule: \(decision.listing)")
        } else {
          result.find(
            .error, "\(decision.sentence) what the policy grants: \(what) \(because)",
            fix: decision.fix(port: nil))
        }
      }
      for (why, count) in unroutable.sorted(by: { $0.key < $1.key }) {
        result.miss("the host's routing drops \(counted(count, "granted packet")): \(why)")
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

/// Where a packet was refused.
struct Decision: Hashable {
  enum Owner: Hashable {
    case own
    case foreign
    /// The host's routing, not a table.
    case host
  }

  let owner: Owner
  let verdict: TraceVerdict
  /// Family, table, chain and rule.
  let place: String
  /// The rule's text, or the expression that cannot be evaluated; empty for a chain's policy.
  package let text: String
  private let family: UInt8
  private let subsystem: KernelTable.Subsystem
  private let table: String
  private let chain: String
  private let handle: UInt64

  /// The decision of a trace; nil if no rule decided.
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
    subsystem = step.subsystem
    table = step.table
    chain = step.chain
    handle = step.handle
  }

  /// The decision in words: `ip filter INPUT handle 12 drops (…)`.
  package var sentence: String {
    let verb = verdict == .reject ? "rejects" : "drops"
    if owner == .host { return "the host's routing drops it (\(text))" }
    return "\(place) \(verb)\(text.isEmpty ? "" : " (\(text))")"
  }

  /// The command that shows the chain.
  var listing: String {
    switch subsystem {
    case .nfTables: "nft -a list chain \(RuleText.family(family)) \(table) \(chain)"
    case .legacy:
      "\(AddressFamily(rawValue: family) == .ipv6 ? "ip6tables-legacy" : "iptables-legacy") -t \(table) -S \(chain)"
    }
  }

  /// The fix. `port` is the port that must be open, if it is WireGuard's.
  func fix(port: String?) -> String {
    switch owner {
    case .host: return "check the routes and rp_filter: ip route get shows what the kernel does"
    case .own:
      return port.map { "set the tunnel's 'listen' in the policy, which opens \($0), then run wgfence apply" }
        ?? "run wgfence plan"
    case .foreign:
      let name = RuleText.table(family, table, subsystem)
      if chain.hasPrefix("ufw") {
        return "allow it in ufw too (ufw allow), or turn ufw off: the policy already controls access"
      }
      let out = handle > 0 ? ", or delete the rule: nft delete rule \(name) \(chain) handle \(handle)" : ""
      return "accept it there too, with an earlier rule in \(chain) of table \(name)\(out)"
    }
  }
}
