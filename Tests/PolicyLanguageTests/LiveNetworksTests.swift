// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import TestSupport
import Testing

@Suite("Zones with 'prefixes: live'") struct LiveNetworksTests {
  private static let text = """
    version: 1
    tunnels: { wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820 } }
    machines:
      home:
        addresses: { wg0: 10.13.13.1 }
        zones:
          lan: { interfaces: [eth0, "wlan*"], prefixes: live }
          dmz: { interfaces: [eth1], prefixes: [192.168.9.0/24] }
      office: { addresses: { wg0: 10.13.13.2 }, subnets: [10.50.0.0/16], endpoint: 192.0.2.9 }
    allow:
      - { to: home, services: [ssh], from: [office, lan] }
    """

  /// The prefixes of the zone while the interfaces have these networks.
  private static func prefixes(_ networks: [String: [String]]) throws -> [String] {
    var live = LiveFacts()
    for (name, texts) in networks {
      live.networks["home", default: [:]][try #require(InterfaceName(name))] = try texts.map {
        try #require(Prefix($0))
      }
    }
    let policy = try policy().following(live)
    return try #require(policy.machine(named: "home")?.zone(named: "lan")).prefixes.map(\.description)
  }

  private static func policy() throws -> Policy {
    let today = try #require(CalendarDate("2026-11-28"))
    let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "no lists here")
    }
    return try #require(decoded.policy, "\(decoded.diagnostics)")
  }

  @Test(
    "have the networks of their own interfaces, and never what the policy places elsewhere",
    arguments: [
      (["eth0": ["192.168.1.0/24", "2001:db8:1::/64"]], ["192.168.1.0/24", "2001:db8:1::/64"]),
      (
        ["eth0": ["192.168.1.0/24"], "wlan0": ["192.168.0.0/16"]],
        [
          "192.168.0.0/21", "192.168.8.0/24", "192.168.10.0/23",
          "192.168.12.0/22", "192.168.16.0/20", "192.168.32.0/19", "192.168.64.0/18", "192.168.128.0/17",
        ]
      ),
      (["eth0": ["10.13.13.0/24", "172.20.0.0/16"]], ["172.20.0.0/16"]),
      (["eth0": ["10.50.3.0/24", "172.20.0.0/16"]], ["172.20.0.0/16"]),
      (["eth0": ["0.0.0.0/0"]], ["240.0.3.0/24", "e000:0:0:3::/64"]),
      (["eth1": ["172.20.0.0/16"]], ["240.0.3.0/24", "e000:0:0:3::/64"]),
      ([:], ["240.0.3.0/24", "e000:0:0:3::/64"]),
    ] as [([String: [String]], [String])])
  func follow(_ networks: [String: [String]], _ expected: [String]) throws {
    let found = try Self.prefixes(networks)
    #expect(found == expected.sorted { (Prefix($0) ?? Prefix("::/0")!) < (Prefix($1) ?? Prefix("::/0")!) })
  }

  @Test("forget the networks that were known before")
  func forget() throws {
    let network = try #require(Prefix("192.168.1.0/24"))
    let name = try #require(InterfaceName("eth0"))
    let known = try Self.policy().following(LiveFacts(networks: ["home": [name: [network]]]))
    let lost = known.following(LiveFacts())
    let zone = try #require(lost.machine(named: "home")?.zone(named: "lan"))
    #expect(!zone.prefixes.contains { $0.overlaps(network) })
    #expect(!zone.prefixes.isEmpty)
  }
}
