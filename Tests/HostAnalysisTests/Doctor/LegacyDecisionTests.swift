// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset
import Testing

@testable import HostAnalysis

@Suite("What doctor says of a decision in a table of legacy iptables")
struct LegacyDecisionTests {
  @Test(
    "The decision names the table, and the program that lists it",
    arguments: [
      (
        UInt8(2), "192.0.2.1", "legacy ip filter INPUT rule 1 drops (drop)",
        "iptables-legacy -t filter -S INPUT"
      ),
      (
        10, "2001:db8::1", "legacy ip6 filter INPUT rule 1 drops (drop)",
        "ip6tables-legacy -t filter -S INPUT"
      ),
    ])
  func decision(family: UInt8, address: String, sentence: String, listing: String) throws {
    let table = KernelTable(
      family: family, name: "filter",
      chains: [
        KernelChain(
          name: "INPUT", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept),
          rules: [KernelRule(expressions: [.verdict(.drop)])])
      ], subsystem: .legacy)
    let address = try #require(IPAddress(address))
    let packet = Packet(
      source: address, destination: address, transport: .udp, input: InterfaceName("eth0"))
    let decision = try #require(Decision(PacketWalk([table]).trace(packet, hooks: [NFT.hookInput])))
    #expect(decision.sentence == sentence)
    #expect(decision.listing == listing)
    #expect(decision.owner == .foreign)
    let name = family == 2 ? "legacy ip filter" : "legacy ip6 filter"
    #expect(
      decision.fix(port: nil) == "accept it there too, with an earlier rule in INPUT of table \(name)")
  }
}
