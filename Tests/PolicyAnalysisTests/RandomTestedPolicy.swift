// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import TestSupport

/// A random policy with grants and one line of tests: a hub, a machine with a LAN, one that routes its desks,
/// and laptops.
struct RandomTestedPolicy: CustomStringConvertible {
  var head: [String]
  var grants: [String]
  var test: String

  var description: String {
    (head + (grants.isEmpty ? [] : ["allow:"] + grants) + ["tests:", test]).joined(separator: "\n") + "\n"
  }

  /// The decoded policy; nil if it is not valid.
  var policy: Policy? {
    guard let today = CalendarDate("2026-11-24") else { return nil }
    let decoded = PolicyDecoder.decode(bytes: Array(description.utf8), path: "policy.yaml", today: today) {
      _ in
      .unreadable(reason: "no lists")
    }
    return decoded.isValid ? decoded.policy : nil
  }

  private static let services = [
    "ssh", "web", "postgres", "ping", "9050/tcp", "9000-9100/tcp", "9040-9060/tcp", "53/udp", "gre",
    "[9000-9049/tcp, 9051-9100/tcp]", "[ssh, web, ping]",
  ]
  /// Sources that partly contain each other.
  private static let sources = [
    [
      "internet", "198.51.100.0/24", "198.51.100.0/25", "198.51.100.128/25", "198.51.100.77", "partners",
      "0.0.0.0/1", "\"2001:db8:5::/48\"", "[\"0.0.0.0/0\", \"::/0\"]", "[198.51.100.0/25, 198.51.100.128/25]",
    ], ["wg0", "laptop", "pc", "hub", "fleet", "office.desks"],
    ["lan", "192.168.7.9", "192.168.7.0/25", "containers"],
  ]
  private static let targets = [
    "server", "server", "hub", "office", "fleet", "server.lan", "office.desks", "192.168.7.16/28",
    "192.168.7.20", "172.16.9.0/24",
  ]

  init(_ random: inout SeededGenerator) {
    let hub = random.oneIn(3) ? "" : ", hub: hub"
    head = [
      "version: 1", "tunnels:", "  wg0: { prefixes: [10.1.0.0/24, \"fd01::/64\"], listen: 51820\(hub) }",
      "machines:", "  hub: { addresses: { wg0: [10.1.0.1, \"fd01::1\"] }, endpoint: 192.0.2.1 }", "  server:",
      "    addresses: { wg0: [10.1.0.2, \"fd01::2\"] }", "    endpoint: [192.0.2.2, \"2001:db8::2\"]",
      "    subnets: [192.168.7.0/24]",
      "    zones: { lan: { interfaces: [eth1, \"en*\"], prefixes: [192.168.7.0/24] } }",
      "  office:", "    addresses: { wg0: [10.1.0.3, \"fd01::3\"] }",
      "    subnets: [172.16.5.0/24, \"fd05::/64\", 172.16.9.0/24]",
      "    zones: { desks: { interfaces: [eth2], prefixes: [172.16.5.0/24, \"fd05::/64\"] } }",
      "  laptop: { addresses: { wg0: [10.1.0.10, \"fd01::10\"] } }",
      "  pc: { addresses: { wg0: 10.1.0.20 } }",
      "groups: { fleet: [hub, server, office] }",
      "lists: { partners: [198.51.100.0/26, 203.0.113.0/24, \"2001:db8:5:8::/64\"], bad: [198.51.100.96/28] }",
    ]
    if random.oneIn(2) { head.append("block: [bad]") }
    if random.oneIn(3) { head.append("encrypt: [{ between: [hub, server], tunnel: wg0 }]") }
    let granted = (0..<random.number(1...6)).map { _ in
      (
        to: random.one(of: Self.targets), kind: random.number(0...Self.sources.count - 1),
        from: random.number(0...9), services: random.one(of: Self.services)
      )
    }
    grants = granted.map { grant in
      let some = Self.sources[grant.kind]
      return Self.line(grant.to, some[grant.from % some.count], "services", grant.services)
    }
    // Most tests are about a part of some grant, or about more than it covers: tests without a grant find
    // little.
    let asked = random.one(of: granted)
    let overs = ["", "", "", "", "", ", over: internet", ", over: wg0", ", over: lan"]
    test = Self.line(
      random.oneIn(4) ? random.one(of: Self.targets) : asked.to,
      random.one(of: random.oneIn(6) ? random.one(of: Self.sources) : Self.sources[asked.kind]),
      random.oneIn(2) ? "allow" : "deny",
      random.oneIn(3) ? random.one(of: Self.services) : asked.services, random.one(of: overs))
  }

  private static func line(
    _ to: String, _ from: String, _ key: String, _ services: String, _ over: String = ""
  ) -> String {
    let list = services.hasPrefix("[") ? services : "[\(services)]"
    return "  - { to: \(to), from: \(from), \(key): \(list)\(over) }"
  }

  /// Removes all parts that are not needed for `isWrong` to be true.
  func shrunk(_ isWrong: (RandomTestedPolicy) -> Bool) -> RandomTestedPolicy {
    var best = self
    var place = 0
    while place < best.grants.count {
      var smaller = best
      smaller.grants.remove(at: place)
      if isWrong(smaller) { best = smaller } else { place += 1 }
    }
    for optional in best.head where optional.hasPrefix("block") || optional.hasPrefix("encrypt") {
      var smaller = best
      smaller.head.removeAll { $0 == optional }
      if isWrong(smaller) { best = smaller }
    }
    return best
  }
}
