// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import TestSupport

/// Random policies for a random host: many fit it, some nearly.
extension RandomHost {
  /// A policy of the machine `host`. It is not always valid.
  mutating func policy() -> HostPolicyDraft {
    var draft = HostPolicyDraft(tunnels: [], keys: [])
    let names = ["wg0"] + (tunnels.contains { $0.name == "wg1" } && random.oneIn(2) ? ["wg1"] : [])
    var addresses: [String] = []
    for name in names {
      let (net, six) = name == "wg0" ? ("10.13.13.0/24", "fd13::/64") : ("10.14.0.0/24", "fd14::/64")
      let hasSix = !random.oneIn(4)
      var keys = ["prefixes: [\(net)\(hasSix ? ", \"\(six)\"" : "")]"]
      switch random.number(0...5) {
      case 0: break
      case 1: keys.append("listen: 51999")
      default: keys.append("listen: \(ports[name] ?? 51820)")
      }
      if random.oneIn(4), name == "wg0" { keys.append("hub: \(random.one(of: ["host", "peer"]))") }
      draft.tunnels.append("\(name): { \(keys.joined(separator: ", ")) }")
      addresses.append(
        "\(name): [\(name == "wg0" ? "10.13.13.2" : "10.14.0.2")\(hasSix ? ", \"\(name == "wg0" ? "fd13::2" : "fd14::2")\"" : "")]"
      )
    }
    draft.keys.append("addresses: { \(addresses.joined(separator: ", ")) }")
    let publics = own.filter { $0.description.hasPrefix("203.") || $0.description.hasPrefix("2001:") }
    if !publics.isEmpty, random.oneIn(2) {
      draft.keys.append("endpoint: [\(publics.map { "\"\($0)\"" }.joined(separator: ", "))]")
    }
    draft.zones = zones()
    draft.others = others()
    draft.lines = lines(draft)
    return draft
  }

  private mutating func zones() -> [String] {
    var zones: [String] = []
    var number = 0
    func quoted(_ networks: [String]) -> String { networks.map { "\"\($0)\"" }.joined(separator: ", ") }
    for card in cards where random.oneIn(2) {
      number += 1
      let name = "lan\(number)"
      let prefixes: String
      switch random.number(0...5) {
      case 0: prefixes = ""
      case 1: prefixes = ", prefixes: live"
      case 2: prefixes = ", prefixes: [192.168.99.0/24]"
      default: prefixes = card.networks.isEmpty ? "" : ", prefixes: [\(quoted(card.networks))]"
      }
      zones.append("\(name): { interfaces: [\(card.name)]\(prefixes) }")
    }
    var uncovered: [String] = []
    for bridge in bridges {
      guard random.oneIn(3) else {
        uncovered.append(bridge.name)
        continue
      }
      number += 1
      let prefixes =
        random.oneIn(2) || bridge.networks.isEmpty ? "" : ", prefixes: [\(quoted(bridge.networks))]"
      zones.append("net\(number): { interfaces: [\(bridge.name)]\(prefixes) }")
    }
    if random.oneIn(2), !uncovered.isEmpty {
      let some = random.oneIn(4) ? Array(uncovered.prefix(1)) : uncovered
      var networks = bridges.filter { some.contains($0.name) }.flatMap(\.networks)
      if random.oneIn(5), !networks.isEmpty { networks.removeLast() }
      let prefixes = random.oneIn(2) || networks.isEmpty ? "" : ", prefixes: [\(quoted(networks))]"
      zones.append("containers: { interfaces: [\(some.joined(separator: ", "))]\(prefixes) }")
    }
    if tunnels.contains(where: { $0.name == "tailscale0" }), random.oneIn(2) {
      zones.append("tail: { interfaces: [tailscale0], prefixes: [100.64.0.0/10] }")
    }
    return zones
  }

  private mutating func others() -> [String] {
    let endpoints = ["198.51.100.7", "203.0.113.77", "\"2001:db8:9::7\"", "192.168.1.50"]
    var keys = ["addresses: { wg0: [10.13.13.1, \"fd13::1\"] }"]
    if random.oneIn(2) { keys.append("endpoint: [\(random.one(of: endpoints))]") }
    if random.oneIn(2) {
      keys.append(
        "subnets: [\(random.one(of: ["192.168.77.0/24", "192.168.1.0/24", "10.0.0.0/16", "\"fd68:1::/64\"", "192.168.0.0/16"]))]"
      )
    }
    return [
      "peer: { \(keys.joined(separator: ", ")) }",
      "laptop: { addresses: { wg0: [10.13.13.10, \"fd13::10\"] } }",
    ]
  }

  private mutating func lines(_ draft: HostPolicyDraft) -> [HostPolicyDraft.Line] {
    let services = [
      "ssh", "dns", "dhcp", "ntp", "ospf", "ip/112", "web", "ping", "5000/udp", "5353/udp", "8443/tcp",
    ]
    let zoneNames = draft.zones.map { String($0.prefix { $0 != ":" }) }.filter { $0 != "containers" }
    let sources =
      [
        "internet", "internet", "laptop", "peer", "wg0", "containers", "containers", "192.168.1.0/24",
        "198.51.100.9",
        "\"2001:db8:9::/48\"", "10.0.0.0/24",
      ] + zoneNames + zoneNames
    var lines: [HostPolicyDraft.Line] = []
    func grant(_ random: inout SeededGenerator) -> String {
      let what = Set((0..<random.number(1...3)).map { _ in random.one(of: services) }).sorted()
      return "{ to: host, services: [\(what.joined(separator: ", "))], from: \(random.one(of: sources)) }"
    }
    for _ in 0..<random.number(1...6) { lines.append(.init("allow", grant(&random))) }
    if random.oneIn(2) {
      // A host whose servers and sessions were granted to everyone: what else stops working shows.
      let everyone = ["internet", "wg0", "containers"] + zoneNames
      lines.append(
        .init(
          "allow",
          "{ to: host, services: [ssh, dns, dhcp, ospf, ip/112], from: [\(everyone.joined(separator: ", "))] }"
        ))
    }
    if random.oneIn(5) { lines.append(.init("encrypt", "{ between: [host, peer], tunnel: wg0 }")) }
    if random.oneIn(6) {
      let blocked = [
        "9.9.9.0/24", "169.254.0.0/16", "192.168.1.0/24", "198.51.100.0/24", "\"2620:fe::/48\"",
        "172.17.0.0/16",
      ]
      lines.append(.init("lists", "bad: [\(random.one(of: blocked))]"))
      lines.append(.init("block", "bad"))
    }
    if random.oneIn(4) { lines.append(.init("failsafe", grant(&random))) }
    return lines
  }
}
