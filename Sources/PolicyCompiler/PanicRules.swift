// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// What a host may still send if it may open no connections.
extension RulesetBuilder {
  /// Rules of the output chain, after loopback and `encrypt`. The chain's policy stays accept, so that the
  /// chain can be changed in place; the last of these rules refuses.
  mutating func panicRules() -> [Rule] {
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
    rules.append(drop([], DropCause(restriction.outbound), Origin(reason: "panic: no outbound traffic")))
    return rules
  }

  /// WireGuard's own packets: by the port that the policy fixes, by the one that it uses now, and, where it may choose
  /// its port, by the peers to which it sends.
  private mutating func tunnelRules(_ tunnel: Tunnel) -> [Rule] {
    let origin = site.origin(tunnel.location.line, "tunnel \(tunnel.name)'s own packets")
    let listen = tunnel.listen.flatMap { PortRange($0) }
    let own = [listen, site.machine.livePorts[tunnel.name].flatMap { PortRange($0.port) }].compactMap { $0 }
    var rules = own.map { Rule([.port(.udp, .source, $0)], action: .accept, origin: origin) }
    guard site.machine.choosesPort(of: tunnel) else { return rules }
    let others = site.policy.machines.filter {
      $0.name != site.machine.name && !$0.addresses(in: tunnel.name).isEmpty
    }
    let peers = others.flatMap { endpoints(of: $0) }
    let port: Match = listen.map { .port(.udp, .destination, $0) } ?? .transport(.equal, .udp)
    rules += memberships(of: peers, .destination, set: "peers-\(Identifier.clean(tunnel.name.description))")
      .map {
        Rule([$0, port], action: .accept, origin: origin)
      }
    return rules
  }
}
