// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

private let wan = InterfaceName("eth0")

struct BlindSpotValuesTests {
  @Test(
    "The description of a blind spot is one sentence",
    arguments: [
      (
        .legacyTable(.arp, name: "filter", .count(1)),
        "the legacy arp table filter has 1 rule that nf_tables does not show (arptables-legacy -t filter -S)"
      ),
      (
        .legacyTable(.ip6, name: "raw", .unknown(reason: "a jump to no chain at byte 0")),
        "the rules of the legacy ip6 table raw could not be read: a jump to no chain at byte 0 (ip6tables-legacy -t raw -S)"
      ),
      (.socketLookup(count: 1), "1 BPF program selects the sockets of packets independently of the port"),
      (.socketLookup(count: 2), "2 BPF programs select the sockets of packets independently of the port"),
      (
        .virtualServices([.address(.tcp, IPAddress("192.0.2.1")!, port: 80), .mark(1)]),
        "IPVS forwards packets of 2 services: tcp 192.0.2.1:80, mark 1"
      ),
      (
        .flowtable(family: "inet", table: "t", name: "fast"),
        "connections in the flowtable fast of table inet t bypass the rules of the forward hook"
      ),
      (.unseen("flowtables", reason: "no"), "flowtables could not be read: no"),
    ] as [(BlindSpot, String)])
  func sentence(spot: BlindSpot, expected: String) {
    #expect(spot.description == expected)
  }

  @Test("The description of a blind spot on an interface names the interface")
  func interfaces() throws {
    let name = try #require(wan)
    #expect(
      BlindSpot.expressDataPath(name, program: 7).description
        == "the XDP program 7 on eth0 receives packets before any rule does")
    #expect(
      BlindSpot.trafficControl(name, .ingress, filters: ["bpf drop", "u32"]).description
        == "traffic control has filters at the ingress of eth0: bpf drop, u32")
    #expect(
      BlindSpot.interfacePrograms(name, .tcxEgress, count: 1).description
        == "1 BPF program on eth0 (tcx egress) can drop or change packets")
    #expect(
      BlindSpot.bridgedThroughRules([name, .loopback]).description
        == "frames between the ports of eth0, lo also pass the rules for routed packets (br_netfilter)")
  }
}
