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
      guard let port = tunnel.listen.flatMap({ PortRange($0) }) else { continue }
      rules.append(
        Rule(
          [.port(.udp, .source, port)], action: .accept,
          origin: site.origin(tunnel.location.line, "tunnel \(tunnel.name)'s own packets")))
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
    rules.append(drop([], "\(restriction.rawValue)-out", Origin(reason: "panic: no outbound traffic")))
    return rules
  }
}
