// SPDX-License-Identifier: GPL-3.0-or-later

internal import CTestSupport
internal import Enforcement
internal import ImpactAnalysis
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
public import PolicyLanguage
internal import Ruleset
internal import TestSupport

/// The comparison of what the impact analysis predicts for a host with what happens to its packets.
public struct ImpactComparison: Sendable {
  /// The exchanges that stopped working, as `FLOW: PACKET`.
  public var broken: Set<String> = []
  /// Those that the analysis predicted.
  public var predicted: Set<String> = []
  /// Those that work before the change.
  public var working: Set<String> = []
  /// Those that the walk cannot evaluate. They are not compared.
  public var undetermined: Set<String> = []
  /// All of them.
  public var exchanges = 0

  /// What stopped working and was not predicted, and what was predicted and did not.
  public var differences: [String] {
    broken.subtracting(predicted).subtracting(undetermined).sorted().map { "stopped, not predicted: \($0)" }
      + predicted.subtracting(broken).subtracting(undetermined).sorted().map {
        "predicted, but \(working.contains($0) ? "still works" : "did not work before"): \($0)"
      }
  }

  /// Builds the host in a network namespace of its own, and compares. Nil if one of its policies is not valid.
  public static func run(_ draft: HostDraft, today: CalendarDate) throws -> ImpactComparison? {
    guard let after = draft.after.policy(today) else { return nil }
    var before: Policy?
    if let old = draft.before {
      guard let policy = old.policy(today) else { return nil }
      before = policy
    }
    return try inNetworkNamespace {
      let world = try HostWorld(draft.parts)
      let facts = try facts(of: draft.parts)
      if let before, let table = view(before, facts, today)?.table { try load(table) }
      guard let view = view(after, facts, today) else { return nil }
      return try compare(world, facts, view, today)
    }
  }

  private static func compare(
    _ world: HostWorld, _ facts: ImpactFacts, _ view: SiteView, _ today: CalendarDate
  ) throws -> ImpactComparison {
    let tables = try LoadedTables.read()
    func isOwn(_ table: KernelTable) -> Bool {
      table.name == Ruleset.tableName && table.family == NFT.familyInet
    }
    let environment = try LiveHostEnvironment()
    let impact = Impact(
      facts, on: view, others: tables.filter { !isOwn($0) }, from: tables.first(where: isOwn), to: view.table,
      order: try HookOrder.read(), on: today, in: environment)
    let tunnels = Set(view.policy.tunnels.map(\.name))
    let exchanges = EssentialFlows(facts, tunnels: tunnels, in: environment).all.flatMap { flow in
      flow.exchanges.map { (name: "\(flow.name) \($0.words)", exchange: $0) }
    }
    var comparison = ImpactComparison()
    comparison.exchanges = exchanges.count
    comparison.undetermined = impact.undetermined
    for finding in impact.findings {
      comparison.predicted.formUnion(finding.packets.map { "\(finding.name) \($0)" })
    }
    // What should work and does not is tried once more, with time for each packet.
    func working(_ round: UInt32, _ shouldWork: (String) -> Bool) -> Set<String> {
      var found: Set<String> = []
      for (place, one) in exchanges.enumerated() {
        let number = UInt32(place) + round * 2000
        if world.outcome(one.exchange, number: number) == .works
          || shouldWork(one.name)
            && world.outcome(one.exchange, number: number + 1000, patience: 100_000) == .works
        {
          found.insert(one.name)
        }
      }
      return found
    }
    let predicted = comparison.predicted
    let before = working(0) { predicted.contains($0) }
    comparison.working = before
    try load(view.table)
    comparison.broken = before.subtracting(
      working(1) { before.contains($0) && !predicted.contains($0) })
    return comparison
  }

  private static func load(_ table: KernelTable) throws {
    var kernel = try KernelRuleset()
    _ = try Enforcer.apply(table, to: &kernel)
  }

  /// What the machine `host` enforces, with what is known of this host, as the daemon compiles it.
  private static func view(_ policy: Policy, _ facts: ImpactFacts, _ today: CalendarDate) -> SiteView? {
    guard let own = policy.machine(named: "host") else { return nil }
    var live = LiveFacts(sharedBridges: facts.sharedBridges)
    let interfaces = facts.host.interfaces
    let zones = SiteZone.zones(of: own, in: policy)
    live.bridges = Set(
      interfaces.filter { $0.kind == "bridge" }.map(\.name).filter { bridge in
        let kind = zones.zone(of: bridge, sharedBridges: live.sharedBridges)?.kind
        return kind == .network || kind == .internet
      })
    if policy.followsNetworks(of: own.name) {
      live.networks[own.name] = Dictionary(
        interfaces.filter { !$0.isLoopback }.map { interface in
          (interface.name, interface.addresses.filter { !$0.address.isLinkLocal }.map(\.network))
        }, uniquingKeysWith: +
      ).filter { !$0.value.isEmpty }
    }
    for tunnel in policy.following(live).tunnels where own.choosesPort(of: tunnel) {
      guard let device = facts.devices.first(where: { $0.name == tunnel.name }),
        let port = device.listenPort, port != 0, port != tunnel.listen
      else { continue }
      live.ports[own.name, default: [:]][tunnel.name] = LivePort(
        port: port, peers: device.peers.compactMap(\.endpoint?.address))
    }
    return CompiledSite(policy, today: today, live: live).view(of: own)
  }

  /// What the daemon would read, with the facts that this machine's kernel and files cannot give.
  private static func facts(of parts: [HostPart]) throws -> ImpactFacts {
    var facts = try ImpactFactsReader.read(caller: nil)
    // The cards of the test are TAP devices, as guests have.
    let cards = parts.compactMap { part -> InterfaceName? in
      if case .port(let name, _, .network) = part { name } else { nil }
    }
    facts.host = HostSnapshot(
      interfaces: facts.host.interfaces.map { $0.withKind(cards.contains($0.name) ? nil : $0.kind) },
      listeners: facts.host.listeners)
    let environment = try LiveHostEnvironment()
    let outward = ["9.9.9.9", "2620:fe::9"].compactMap { IPAddress($0) }.compactMap { address in
      let route = environment.route(RouteQuestion(destination: address, source: nil, input: nil))
      return if case .interface(let name) = route { name } else { nil as InterfaceName? }
    }
    facts.sharedBridges = Set(
      SharedBridges(facts.host.interfaces, outward: Set(outward)).reasons.keys)
    (facts.nameServers, facts.timeServers, facts.sessions, facts.devices) = ([], [], [], [])
    for part in parts {
      switch part {
      case .nameServer(let address): facts.nameServers.append(address)
      case .timeServer(let address): facts.timeServers.append(address)
      case .session(let client, let server):
        let session = RemoteSession(client: client, clientPort: 50_000, server: server, serverPort: 22)
        facts.sessions.append(.init(session, .other))
      case .device(let name, let port, let mark, let peers):
        guard facts.host.interface(named: name) != nil,
          let key = WireGuardKey(base64: "\(String(repeating: "A", count: 43))=")
        else { continue }
        facts.devices.append(
          WireGuardDevice(
            name: name, publicKey: nil, listenPort: port, firewallMark: mark,
            peers: peers.map { WireGuardPeer(publicKey: key, endpoint: $0) }))
      default: break
      }
    }
    return facts
  }
}

extension NetworkInterface {
  fileprivate func withKind(_ kind: String?) -> NetworkInterface {
    NetworkInterface(
      name: name, index: index, addresses: addresses, state: state, kind: kind, linkType: linkType,
      isLoopback: isLoopback, mtu: mtu, master: master)
  }
}
