// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyLanguage
import Ruleset
import Testing

@testable import PolicyAnalysis

@Suite("IGMP") struct GroupMembershipTests {
  private static let text = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.13.0.0/16], listen: 51820 }
    machines:
      home: { addresses: { wg0: 10.13.0.1 }, zones: { lan: { interfaces: [eth1], prefixes: [192.168.7.0/24] } } }
      laptop: { addresses: { wg0: 10.13.0.2 } }
    allow:
      - { to: home, services: [ssh], from: laptop }
    """

  @Test(
    "to groups passes from networks and containers, but not from tunnels, and not to the host's address",
    arguments: [
      ("eth0", "198.51.100.9", "224.0.0.1", true), ("eth1", "192.168.7.1", "224.0.0.22", true),
      ("eth1", "0.0.0.0", "239.255.255.250", true), ("docker0", "172.17.0.2", "224.0.0.251", true),
      ("wg0", "10.13.0.2", "224.0.0.1", false), ("eth1", "192.168.7.1", "192.168.7.2", false),
    ])
  func passes(input: String, source: String, destination: String, passes: Bool) throws {
    let today = try #require(CalendarDate("2026-11-28"))
    let policy = try policy(Self.text)
    let view = CompiledSite(policy, today: today).view(of: try #require(policy.machine(named: "home")))
    var packet = Packet(
      source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
      transport: .igmp, input: InterfaceName(input))
    packet.hopLimit = 1
    packet.destinationType = destination.hasPrefix("192") ? .local : .multicast
    #expect((view.arrival(packet).verdict == .accept) == passes)
  }
}
