// SPDX-License-Identifier: GPL-3.0-or-later

import PolicyLanguage
import TestSupport
import Testing

@Suite("Determinism")
struct DeterminismTests {
  private static let sections: [(String, [String])] = [
    (
      "tunnels",
      ["wg0: { prefixes: [10.0.0.0/24], listen: 51820 }", "wg1: { hub: hub, prefixes: [10.1.0.0/24] }"]
    ),
    (
      "machines",
      [
        "hub: { addresses: { wg0: 10.0.0.1, wg1: 10.1.0.1 }, endpoint: 203.0.113.1 }",
        "box: { addresses: { wg0: 10.0.0.2 } }",
        "far: { zones: { dmz: { interfaces: [eth1] }, lab: { interfaces: [eth2] } }, addresses: { wg1: 10.1.0.2 } }",
      ]
    ),
    ("groups", ["fleet: [hub, box]", "nearly: [fleet]", "others: [far, hub]"]),
    ("services", ["app: [8080/tcp, inner]", "inner: [9000/udp, web]", "outer: [app, ssh]"]),
    ("lists", ["hooks: [192.0.2.0/24, 198.51.100.0/24]", "bad: [203.0.113.128/25]"]),
  ]

  /// The whole policy as text, except the locations.
  private func image(_ policy: Policy) -> String {
    var lines: [String] = []
    for tunnel in policy.tunnels {
      lines.append("\(tunnel.name) \(tunnel.prefixes) \(String(describing: tunnel.hub))")
    }
    for machine in policy.machines {
      lines.append("\(machine.name) \(machine.addresses) \(machine.endpoint) \(machine.subnets)")
      for zone in machine.zones { lines.append("\(zone.name) \(zone.interfaces) \(zone.prefixes)") }
    }
    for group in policy.groups { lines.append("\(group.name) \(group.machines)") }
    for service in policy.services { lines.append("\(service)") }
    for list in policy.lists { lines.append("\(list.name) \(list.prefixes)") }
    for grant in policy.grants {
      lines.append("\(grant.to) \(grant.from) \(grant.services) \(grant.wordsFrom)")
    }
    for test in policy.tests { lines.append("\(test.from) \(test.to) \(test.allow) \(test.deny)") }
    return lines.joined(separator: "\n")
  }

  private func text(shuffledBy generator: inout some RandomNumberGenerator) -> String {
    var parts = Self.sections.map { name, lines in
      "\(name):\n" + lines.shuffled(using: &generator).map { "  \($0)\n" }.joined()
    }
    parts += [
      "version: 1\n", "block: [bad]\n",
      """
      allow:
        - { to: nearly, services: [outer], from: hub }
        - { from: others, services: [app, 22/tcp], to: hub }

      """,
      "tests: [{ from: hooks, to: far, deny: all }]\n",
    ]
    return parts.shuffled(using: &generator).joined()
  }

  @Test("two files that differ only in the order of their keys give the same policy")
  func shuffled() throws {
    var generator = SeededGenerator(seed: 1)
    let first = image(try valid(text(shuffledBy: &generator)))
    for _ in 0..<50 { #expect(image(try valid(text(shuffledBy: &generator))) == first) }
  }

  @Test(
    "the same broken file gives the same diagnostics each time",
    arguments: ["many-mistakes-at-once", "zones-overlap"])
  func diagnostics(point: String) throws {
    let golden = GoldenCase(folder: "rejected", point: point)
    let first = try golden.decoded().diagnostics
    for _ in 0..<20 { #expect(try golden.decoded().diagnostics == first) }
    #expect(first.map(\.location) == first.map(\.location).sorted())
  }
}
