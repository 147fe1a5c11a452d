// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chain for packets that pass through this host: they leave on the way for which ingress let them in.
extension RulesetBuilder {
  mutating func addForward(_ entries: GrantEntries, _ encryption: EncryptionPlan) {
    var rules = tunnelOnlyRules(.rejected)
    rules += clearTextOut(encryption, .forward)
    rules.append(replyRule)
    rules += errorRules
    let notForwarded = drop([], "not-forwarded", Origin(reason: "no grant routes it"))
    // Loopback is in no zone, and never forwarded.
    rules.append(
      Rule(
        [.interface(.input, .equal, .exact(.loopback))], action: notForwarded.action,
        origin: Origin(reason: "loopback is not forwarded")))
    let own = dispatch(map: "routes") { builder, zone in
      let origin = builder.site.origin(zone.line, "zone \(zone.name)")
      let isOutward = zone.kind == .containers && builder.restriction == .none
      // Zones out of which nothing is routed are alike.
      let isRouted = isOutward || entries.transit[zone.name] != nil
      let chain = isRouted ? "routes-\(zone.identifier)" : "routes-none"
      if builder.hasChain(chain) { return (.goto(chain: chain), origin) }
      let rules = isOutward ? builder.outwardRules() : builder.routeRules(zone, entries)
      builder.add(RuleChain(name: chain, rules: isOutward ? rules : rules + [notForwarded]))
      return (.goto(chain: chain), origin)
    }
    // Right before NF_IP_PRI_FILTER, where Docker's chain is.
    add(
      RuleChain(
        name: "forward", base: BaseChain(hook: NFT.hookForward, priority: -1, policy: .drop),
        rules: rules + own))
  }

  /// What containers send outward, but for connections in their middle and for what only hosts say to each other.
  private mutating func outwardRules() -> [Rule] {
    [midstream] + hostServiceRules() + [
      Rule([], action: .accept, origin: Origin(reason: "containers outward"))
    ]
  }

  /// The ways by which packets of a zone leave. What ingress judged as a packet for this host is dropped: it would leave
  /// without a grant that says so.
  private mutating func routeRules(_ zone: SiteZone, _ entries: GrantEntries) -> [Rule] {
    var rules = [
      Rule(
        [.ctStatus(.destinationNAT)], action: .accept, origin: Origin(reason: "granted by its original port"))
    ]
    if entries.transit[zone.name] != nil {
      rules.append(
        drop(
          [.destinationTypeSet(.equal, set: localTypes())], "unjudged",
          Origin(reason: "judged as a packet for this host, and forwarded")))
    }
    var order: [TransitDestination.Exit] = []
    var byExit: [TransitDestination.Exit: (prefixes: [Prefix], lines: [Int])] = [:]
    for (destination, entries) in entries.transit[zone.name] ?? [] {
      if byExit[destination.exit] == nil { order.append(destination.exit) }
      byExit[destination.exit, default: ([], [])].prefixes += destination.prefixes
      byExit[destination.exit]?.lines += entries.flatMap(\.origin.lines)
    }
    for (number, exit) in order.enumerated() {
      guard let (prefixes, lines) = byExit[exit] else { continue }
      let origin = Origin(
        file: site.policy.path, lines: zone.kind == .tunnel ? [zone.line ?? 0] : lines,
        reason: "routed out of \(zone.name)")
      let set = "routes-\(zone.identifier)\(number == 0 ? "" : "-\(number + 1)")"
      for match in memberships(of: prefixes, .destination, set: set) {
        rules += ways(exit).map { Rule([match] + $0, action: .accept, origin: origin) }
      }
    }
    return rules
  }

  private func ways(_ exit: TransitDestination.Exit) -> [[Match]] {
    switch exit {
    case .interfaces(let patterns): patterns.map { [.interface(.output, .equal, $0)] }
    case .anyNetwork: [site.policy.tunnels.map { .interface(.output, .notEqual, .exact($0.name)) }]
    }
  }

  /// Docker's overlay takes any packet to its port that comes from another host of the Swarm, and a container whose
  /// source is translated to its host's looks like one. So does WireGuard. Such services of the policy's machines are
  /// for their hosts alone.
  private mutating func hostServiceRules() -> [Rule] {
    let origin = Origin(reason: "between hosts alone: WireGuard and docker-swarm")
    let swarm = ServiceCatalogue.service(named: "docker-swarm")?.ports ?? []
    let handshakes = site.policy.tunnels.compactMap { $0.listen.flatMap { PortRange($0) } }
      .map { ServicePort.ports(.udp, $0) }
    var rules: [Rule] = []
    for port in Set(swarm + handshakes).sorted() {
      guard case .ports(let transport, let range) = port else { continue }
      rules.append(
        drop(
          [.port(transport, .destination, range)], "host-service", origin,
          by: transport == .tcp ? .reset : .reject))
    }
    let chain = "host-services"
    add(RuleChain(name: chain, rules: rules))
    let hosts = site.policy.tunnels.flatMap(\.prefixes) + endpoints
    return memberships(of: hosts, .destination, set: "hosts").map {
      Rule([$0], action: .jump(chain), origin: origin)
    }
  }

  /// The public addresses of the policy's machines, as far as they are known.
  private var endpoints: [Prefix] {
    site.policy.machines.flatMap { machine in
      machine.endpoint == .live
        ? (live.addresses[machine.name] ?? []).map { Prefix($0) } : machine.endpoint.prefixes
    }
  }
}
