// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The chain for packets that pass through this host: they must leave through an interface for which ingress
/// accepted them.
extension RulesetBuilder {
  mutating func addForward(_ entries: GrantEntries, _ encryption: EncryptionPlan) {
    var rules = relays(entries, encryption).map { relay in
      Rule(
        relay.matches + [
          .interface(.output, .equal, .exact(relay.tunnel)), .interfaceType(.output, .equal, .linkless),
          .transport(.notEqual, .icmpv6),
        ], action: .accept, origin: relay.origin)
    }
    rules += tunnelOnlyRules(.rejected)
    rules += clearTextOut(encryption, .forward)
    rules.append(replyRule)
    rules += errorRules
    let notForwarded = drop([], DropCause(.notForwarded), Origin(reason: "no grant forwards it"))
    // Loopback is in no zone, and never forwarded.
    rules.append(
      Rule(
        [.interface(.input, .equal, .exact(.loopback))], action: notForwarded.action,
        origin: Origin(reason: "loopback is not forwarded")))
    addSameInterface()
    let own = dispatch(map: "routes") { builder, zone in
      let notForwarded = builder.notForwarded(zone, .forwarded)
      let origin = builder.site.origin(zone.line, "zone \(zone.name)")
      let isOutward = zone.kind == .containers && builder.restriction == .none
      // Zones from which nothing is forwarded share a chain.
      let isRouted = isOutward || entries.transit[zone.name] != nil
      let none = zone.kind == .network || zone.kind == .internet ? "routes-none" : "routes-none-inside"
      let chain = isRouted || builder.isRefused(zone) ? "routes-\(zone.identifier)" : none
      if builder.hasChain(chain) { return (.goto(chain: chain), origin) }
      let rules = isOutward ? builder.outwardRules(entries) : builder.routeRules(zone, entries)
      builder.add(RuleChain(name: chain, rules: isOutward ? rules : rules + notForwarded))
      return (.goto(chain: chain), origin)
    }
    // Directly before NF_IP_PRI_FILTER, where Docker's chain is.
    add(
      RuleChain(
        name: "forward", base: BaseChain(hook: NFT.hookForward, priority: -1, policy: usualPolicy),
        rules: rules + own))
  }

  /// Packets that leave by the interface through which they came: bridged frames, which the kernel shows to this chain
  /// if br_netfilter is on, and packets that this host routes back into their network.
  private mutating func addSameInterface() {
    let interfaces = sameInterface
    if interfaces.isEmpty { return }
    add(
      RuleChain(
        name: "same-interface",
        rules: interfaces.map { interface in
          Rule(
            [.interface(.input, .equal, .exact(interface)), .interface(.output, .equal, .exact(interface))],
            tag: .clear, action: .accept, origin: Origin(reason: "stays on \(interface)"))
        }))
  }

  /// What containers may send outbound: everything except mid-connection packets of unknown connections and
  /// services that only hosts use.
  private mutating func outwardRules(_ entries: GrantEntries) -> [Rule] {
    [midstream] + hostServiceRules() + confinementRules(.containers, entries) + [
      Rule([], action: .accept, origin: Origin(reason: "outbound from containers"))
    ]
  }

  /// The chain that refuses packets of a zone that no grant forwards.
  private mutating func notForwardedChain(_ zone: SiteZone) -> String {
    let name = "not-forwarded-\(zone.identifier)"
    if !hasChain(name) { add(RuleChain(name: name, rules: notForwarded(zone, .forwarded))) }
    return name
  }

  /// The interfaces through which packets of a zone may leave. A packet that ingress accepted as a packet for
  /// this host is dropped: no grant allows it to leave.
  private mutating func routeRules(_ zone: SiteZone, _ entries: GrantEntries) -> [Rule] {
    var rules: [Rule] = []
    if !sameInterface.isEmpty, zone.kind == .network || zone.kind == .internet {
      rules.append(
        Rule([], action: .jump("same-interface"), origin: Origin(reason: "what stays on its interface")))
      // The rules below assume that ingress accepted the packet by a grant.
      if isRefused(zone) {
        rules.append(
          Rule(
            [.tagged(.equal)], action: .goto(notForwardedChain(zone)),
            origin: Origin(reason: "no grant forwards it")))
      } else {
        rules.append(
          drop([.tagged(.equal)], DropCause(.notForwarded), Origin(reason: "no grant forwards it")))
      }
    }
    // It is accepted at ingress from every sender (RFC 4861 section 6 and 7): it stays on its link.
    rules.append(
      drop(
        [.icmpType(.ipv6, 133...136)], DropCause(.notForwarded),
        Origin(reason: "neighbour discovery is not forwarded")))
    rules.append(
      Rule(
        [.ctStatus(.destinationNAT)], action: .accept,
        origin: Origin(reason: "DNAT; granted by its original port")))
    if entries.transit[zone.name] != nil || isRefused(zone) {
      rules.append(
        drop(
          [.destinationTypeSet(.equal, set: localTypes())], DropCause(.unjudged),
          Origin(reason: "accepted at ingress for this host, but forwarded")))
      rules += ownAddressesForwarded(from: zone, (entries.transit[zone.name] ?? []).map(\.destination))
    }
    var order: [TransitDestination.Exit] = []
    var byExit: [TransitDestination.Exit: (prefixes: [Prefix], lines: [Int])] = [:]
    var outside: [Rule] = []
    for (destination, entries) in entries.transit[zone.name] ?? [] {
      if destination.isOutside {
        outside += outsideRoutes(zone, destination, entries.flatMap(\.origin.lines))
        continue
      }
      if byExit[destination.exit] == nil { order.append(destination.exit) }
      byExit[destination.exit, default: ([], [])].prefixes += destination.prefixes
      byExit[destination.exit]?.lines += entries.flatMap(\.origin.lines)
    }
    for (number, exit) in order.enumerated() {
      guard let (prefixes, lines) = byExit[exit] else { continue }
      let origin = Origin(
        file: site.policy.path, lines: zone.kind == .tunnel ? [zone.line ?? 0] : lines,
        reason: "forwarded from \(zone.name)")
      let set = "routes-\(zone.identifier)\(number == 0 ? "" : "-\(number + 1)")"
      for match in memberships(of: prefixes, .destination, set: set) {
        rules += outputMatches(exit).map { Rule([match] + $0, action: .accept, origin: origin) }
      }
    }
    return rules + outside
  }

  /// Refuses packets from a tunnel to this machine's own addresses there, which ingress accepted as packets for this host: a
  /// grant for addresses that contain them is not for them.
  private mutating func ownAddressesForwarded(from zone: SiteZone, _ destinations: [TransitDestination])
    -> [Rule]
  {
    ownAddresses.filter { own in
      own.zone.name == zone.name
        && destinations.contains { $0.isOutside || $0.prefixes.contains { $0.overlaps(own.prefix) } }
    }.map { own in
      Rule(
        [.address(.destination, .equal, own.prefix)], action: .goto(notForwardedChain(zone)),
        origin: Origin(reason: "accepted at ingress for this host, but forwarded"))
    }
  }

  /// Accepts packets to every address but some, on their way out.
  private mutating func outsideRoutes(
    _ zone: SiteZone, _ destination: TransitDestination, _ lines: [Int]
  ) -> [Rule] {
    let origin = Origin(file: site.policy.path, lines: lines, reason: "forwarded from \(zone.name)")
    let name = "routes-\(zone.identifier)/\(destination.label)"
    if !hasChain(name) { addOutside(name, destination, .accept, origin) }
    let families: [[Match]] =
      destination.families.count > 1 ? [[]] : destination.families.flatMap(Self.every).map { [$0] }
    return outputMatches(destination.exit).flatMap { output in
      families.map { Rule($0 + output, action: .jump(name), origin: origin) }
    }
  }

  /// Conditions that hold for every packet of a family and no other, each for a rule of its own.
  private static func every(_ family: AddressFamily) -> [Match] {
    [0, UInt128(1) << UInt128(family.bitWidth - 1)].map { bits in
      .address(
        .destination, .equal, Prefix(containing: IPAddress(family: family, bits: bits), length: 1))
    }
  }

  func outputMatches(_ exit: TransitDestination.Exit) -> [[Match]] {
    switch exit {
    case .interfaces(let patterns): patterns.map { [.interface(.output, .equal, $0)] }
    case .anyNetwork: [site.policy.tunnels.map { .interface(.output, .notEqual, .exact($0.name)) }]
    case .internet: internetMatches(.output)
    }
  }

  /// The conditions, each for a rule of its own, that an interface is one of `internet`, or one that it shares with a zone
  /// with prefixes.
  func internetMatches(_ side: InterfaceSide) -> [[Match]] {
    let others = site.zones.filter { $0.kind == .tunnel || $0.kind == .containers || $0.prefixes.isEmpty }
    return [
      ([.exact(.loopback)] + others.flatMap(\.interfaces)).map { .interface(side, .notEqual, $0) }
    ] + unclaimedBridges.map { [.interface(side, .equal, .exact($0))] }
  }

  /// Bridges that only the zone of containers names, and that are not of it: they belong to `internet`.
  private var unclaimedBridges: [InterfaceName] {
    let networks = site.zones.filter { $0.kind == .network }.flatMap(\.interfaces)
    return sharedBridges.filter { bridge in !networks.contains { $0.matches(bridge) } }
  }

  /// Docker's overlay accepts every packet to its port from another host of the Swarm, and a container whose
  /// source is translated to its host's address looks like that host. The same holds for WireGuard. Such
  /// services of the policy's machines are therefore only for their hosts.
  private mutating func hostServiceRules() -> [Rule] {
    let origin = Origin(reason: "only between hosts: WireGuard and docker-swarm")
    let swarm = ServiceCatalogue.service(named: "docker-swarm")?.ports ?? []
    let handshakes = site.policy.tunnels.compactMap { $0.listen.flatMap { PortRange($0) } }
      .map { ServicePort.ports(.udp, $0) }
    var rules: [Rule] = []
    for port in Set(swarm + handshakes).sorted() {
      switch port {
      case .ports(let transport, let range):
        rules.append(
          drop(
            [.port(transport, .destination, range)], DropCause(.hostService), origin,
            by: transport == .tcp ? .reset : .reject))
      case .protocol(let number):
        rules.append(drop([.transport(.equal, number)], DropCause(.hostService), origin, by: .reject))
      case .echoRequest, .everything: break
      }
    }
    let chain = "host-services"
    add(RuleChain(name: chain, rules: rules))
    let hosts = site.policy.tunnels.flatMap(\.prefixes) + endpoints
    return memberships(of: hosts, .destination, set: "hosts").map {
      Rule([$0], action: .jump(chain), origin: origin)
    }
  }

  /// The known public addresses of the policy's machines.
  private var endpoints: [Prefix] {
    site.policy.machines.flatMap { endpoints(of: $0) }
  }

  /// The known public addresses of a machine.
  func endpoints(of machine: Machine) -> [Prefix] {
    machine.endpoint == .live
      ? (live.addresses[machine.name] ?? []).map { Prefix($0) } : machine.endpoint.prefixes
  }
}
