// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// What `confine` lets a host, or its containers, send: replies, what keeps the network working, and what grants allow.
extension RulesetBuilder {
  /// Rules for the packets of a sender, which refuse what no grant allows; none if nothing confines the sender.
  mutating func confinementRules(_ sender: Confinement.Sender, _ entries: GrantEntries) -> [Rule] {
    let own = site.policy.confinements(of: site.machine.name, sender)
    if own.isEmpty { return [] }
    let chain = "confined-\(sender.word)"
    let lines = own.map(\.location.line)
    let origin = Origin(
      file: site.policy.path, lines: lines,
      reason: "confine: no grant lets \(sender.words(site.machine)) send it")
    var rules = sender == .host ? alwaysSent() : []
    // What goes to guests stays on this machine.
    for pattern in site.zones.filter({ $0.kind == .containers }).flatMap(\.interfaces) {
      let others = sharedBridges.filter { pattern.matches($0) }.map {
        Match.interface(.output, .notEqual, .exact($0))
      }
      rules.append(
        Rule(
          [.interface(.output, .equal, pattern)] + others, action: .accept,
          origin: Origin(reason: "to containers: stays on this machine")))
    }
    rules += exits(chain, entries.outbound[sender] ?? [])
    add(RuleChain(name: chain, rules: rules + refuse(DropCause(.confined, sender.word), origin, .aborted)))
    if own.contains(where: { $0.destinations == nil }) {
      return [Rule([], action: .goto(chain), origin: origin)]
    }
    return own.flatMap { confinement in
      memberships(
        of: confinement.destinations ?? [], .destination, set: "confined-\(confinement.location.line)"
      ).map {
        Rule(
          [$0], action: .goto(chain),
          origin: site.origin(confinement.location.line, "confine: only what a grant allows"))
      }
    }
  }

  /// Rules that send packets which leave by the right interface to the grants of their destination.
  private mutating func exits(
    _ chain: String, _ destinations: [(destination: TransitDestination, entries: [GrantEntry])]
  ) -> [Rule] {
    var order: [TransitDestination.Exit] = []
    var byExit: [TransitDestination.Exit: [(destination: TransitDestination, entries: [GrantEntry])]] = [:]
    for one in destinations {
      if byExit[one.destination.exit] == nil { order.append(one.destination.exit) }
      byExit[one.destination.exit, default: []].append(one)
    }
    return order.enumerated().flatMap { number, exit -> [Rule] in
      let parts = byExit[exit] ?? []
      let name = "\(chain)-\(number + 1)"
      addDestinations(name, parts, rest: [])
      let origin = Origin(
        file: site.policy.path, lines: parts.flatMap(\.entries).flatMap(\.origin.lines),
        reason: "outbound grants")
      return outputMatches(exit).map { Rule($0, action: .jump(name), origin: origin) }
    }
  }

  /// What a host sends whatever confines it: without it neither the network nor the tunnels work.
  mutating func alwaysSent() -> [Rule] {
    var rules = [replyRule] + errorRules
    for tunnel in site.policy.tunnels where !site.machine.addresses(in: tunnel.name).isEmpty {
      rules += tunnelRules(tunnel)
    }
    let clients: [(String, UInt16, UInt16)] = [("dhcp", 68, 67), ("dhcpv6", 546, 547)]
    for (name, own, servers) in clients {
      guard let own = PortRange(own), let servers = PortRange(servers) else { continue }
      rules.append(
        Rule(
          [.port(.udp, .source, own), .port(.udp, .destination, servers)], action: .accept,
          origin: Origin(reason: "this host's \(name) client")))
    }
    // RFC 4890 section 4.4.1. Switches with MLD snooping drop neighbour discovery to groups that nobody
    // reported.
    rules.append(
      Rule(
        [.icmpType(.ipv6, 133...136), .hopLimit(255)], action: .accept,
        origin: Origin(reason: "neighbour and router discovery")))
    for types in [131...132, 143...143] as [ClosedRange<UInt8>] {
      rules.append(
        Rule(
          [.icmpType(.ipv6, types), .hopLimit(1)], action: .accept,
          origin: Origin(reason: "multicast listener discovery")))
    }
    rules.append(groupMembershipRule)
    return rules
  }

  /// WireGuard's own packets: by the port that the policy fixes, by the one that it uses now, and, where it may choose
  /// its port, by the peers to which it sends.
  private mutating func tunnelRules(_ tunnel: Tunnel) -> [Rule] {
    let origin = site.origin(tunnel.location.line, "tunnel \(tunnel.name)'s own packets")
    let listen = tunnel.listen.flatMap { PortRange($0) }
    let own = [listen, site.machine.livePorts[tunnel.name].flatMap { PortRange($0.port) }].compactMap { $0 }
    let others = site.policy.machines.filter {
      $0.name != site.machine.name && !$0.addresses(in: tunnel.name).isEmpty
    }
    let peers = others.flatMap { endpoints(of: $0) }
    let set = "peers-\(Identifier.clean(tunnel.name.description))"
    // Any program may send from that port while WireGuard does not have it.
    let receivers =
      tunnel.sendsOnlyToEndpoints(from: site.machine, among: site.policy.machines)
      ? memberships(of: peers, .destination, set: set).map { [$0] } : [[]]
    var rules = own.flatMap { port in
      receivers.map { Rule([.port(.udp, .source, port)] + $0, action: .accept, origin: origin) }
    }
    guard site.machine.choosesPort(of: tunnel) else { return rules }
    let port: Match = listen.map { .port(.udp, .destination, $0) } ?? .transport(.equal, .udp)
    rules += memberships(of: peers, .destination, set: set)
      .map {
        Rule([$0, port], action: .accept, origin: origin)
      }
    return rules
  }
}

extension Confinement.Sender {
  /// As part of names.
  var word: String {
    switch self {
    case .host: "host"
    case .containers: Zone.containers
    }
  }

  /// In a sentence about a machine.
  fileprivate func words(_ machine: Machine) -> String {
    switch self {
    case .host: machine.name
    case .containers: "\(machine.name).\(Zone.containers)"
    }
  }
}
