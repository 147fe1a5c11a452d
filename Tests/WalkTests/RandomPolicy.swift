// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyCompiler
import PolicyLanguage
import Ruleset
import TestSupport

/// A policy for the host of the test network, from a seed.
enum RandomPolicy {
  /// Its text; it is not always valid.
  static func text(_ random: inout SeededGenerator) -> String {
    let services = [
      "ssh", "web", "postgres", "ping", "8080/tcp", "9000-9100/tcp", "53/udp", "node-exporter",
      "docker-swarm", "8888/tcp",
    ]
    let sources = [
      "internet", "lan", "other", "laptop", "203.0.113.64/26", "\"2001:db8:1::/64\"", "192.168.50.0/24",
    ]
    var lines = [
      "version: 1", "tunnels:", "  wg0: { prefixes: [10.13.13.0/24, \"fd13:13::/64\"], listen: 51820 }",
      "machines:",
      "  server:", "    addresses: { wg0: [10.13.13.1, \"fd13:13::1\"] }", "    endpoint: [203.0.113.10]",
      "    subnets: [192.168.50.0/24]", "    zones:",
      "      lan: { interfaces: [lan0], prefixes: [192.168.50.0/24, \"fd50::/64\"] }",
      "  other: { addresses: { wg0: [10.13.13.2, \"fd13:13::2\"] }, endpoint: [203.0.113.66] }",
      "  laptop: { addresses: { wg0: [10.13.13.10, \"fd13:13::10\"] } }", "allow:",
    ]
    for _ in 0..<random.number(1...6) {
      let own = (0..<random.number(1...3)).map { _ in random.one(of: services) }
      let target = random.oneIn(6) ? "server.lan" : "server"
      let source = target == "server.lan" ? random.one(of: ["other", "laptop"]) : random.one(of: sources)
      lines.append(
        "  - { to: \(target), services: [\(Set(own).sorted().joined(separator: ", "))], from: \(source) }")
    }
    if random.oneIn(4) { lines.append("encrypt:\n  - { between: [server, other], tunnel: wg0 }") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The table that a policy compiles to for the server; nil if it is not valid.
  static func table(_ text: String) -> KernelTable? {
    guard let today = CalendarDate("2026-11-23") else { return nil }
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "no lists")
    }
    guard decoded.isValid, let policy = decoded.policy else { return nil }
    return (try? PolicyCompiler.compile(policy, machine: "server", today: today)).map { Lowering.table($0) }
  }
}
