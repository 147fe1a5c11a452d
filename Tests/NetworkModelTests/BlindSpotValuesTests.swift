// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

private let wan = InterfaceName("eth0")

struct BlindSpotValuesTests {
  @Test(
    "A blind spot says in a sentence what it is",
    arguments: [
      (
        .legacyTable(.ip6, name: "filter", rules: 1),
        "the legacy ip6 table filter holds 1 rule, which nf_tables does not show (ip6tables-legacy -t filter -S)"
      ),
      (.socketLookup(count: 1), "1 BPF program chooses the sockets of packets, whatever their ports"),
      (.socketLookup(count: 2), "2 BPF programs choose the sockets of packets, whatever their ports"),
      (
        .virtualServices(["tcp 192.0.2.1:80", "mark 1"]),
        "IPVS hands packets on from 2 services: tcp 192.0.2.1:80, mark 1"
      ),
      (
        .flowtable(family: "inet", table: "t", name: "fast"),
        "connections in the flowtable fast of table inet t pass no rule of the forward hook"
      ),
      (.unseen("flowtables", reason: "no"), "flowtables could not be looked for: no"),
    ] as [(BlindSpot, String)])
  func sentence(spot: BlindSpot, expected: String) {
    #expect(spot.description == expected)
  }

  @Test("A blind spot of an interface names it")
  func interfaces() throws {
    let name = try #require(wan)
    #expect(
      BlindSpot.expressDataPath(name, program: 7).description
        == "the XDP program 7 on eth0 takes packets before any rule does")
    #expect(
      BlindSpot.trafficControl(name, .ingress, filters: ["bpf drop", "u32"]).description
        == "traffic control has filters at the ingress of eth0: bpf drop, u32")
    #expect(
      BlindSpot.interfacePrograms(name, .tcxEgress, count: 1).description
        == "1 BPF program on eth0 (tcx egress) may take or change packets")
    #expect(
      BlindSpot.bridgedThroughRules([name, .loopback]).description
        == "what goes from port to port of eth0, lo passes the rules of routed packets too (br_netfilter)")
  }
}
