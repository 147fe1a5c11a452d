// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Testing

@testable import Reports

@Suite("A live explanation", .serialized)
struct LiveExplanationTests {
  @Test("walks a packet from the interface to which the host would reply, through the chains of that device")
  func device() throws {
    try LiveHost.with(["nft"]) { site, machine in
      try LiveHost.shell(
        "nft 'table netdev guard { chain c { type filter hook ingress device eth0 priority 0; drop; }; }'")
      let report = try LiveHost.explained(site, machine)
      #expect(report.explanation.paths.allSatisfy { $0.packet.input == InterfaceName("eth0") })
      #expect(report.explanation.paths.count == 2 && report.explanation.verdict == .drop)
      #expect("\(report.text)".contains("over internet (eth0)"))
      #expect("\(report.text)".contains("ingress eth0"))
      #expect(report.json.contains("\"interface\": \"eth0\""))
    }
  }

  @Test("has no verdict where traffic control sees the packet first, and says what the rules alone do")
  func trafficControl() throws {
    try LiveHost.with(["tc"]) { site, machine in
      #expect(try LiveHost.explained(site, machine).explanation.verdict == .accept)
      try LiveHost.shell(
        "tc qdisc add dev eth0 clsact; tc filter add dev eth0 ingress bpf bytecode '1,6 0 0 0' da")
      let report = try LiveHost.explained(site, machine)
      #expect(report.explanation.verdict == .undetermined)
      let text = "\(report.text)"
      #expect(
        text.contains("traffic control has filters at the ingress of eth0: bpf; by the rules alone: accept"))
    }
  }

  @Test(
    "says what the verdict is if the rule that is not known matches, and that chance decides",
    arguments: [
      ("meta cpu 0 drop", "it is DROP if this rule matches, else ACCEPT", "drop", "accept"),
      ("numgen random mod 2 0 drop", "by chance it is DROP or ACCEPT", "drop", "accept"),
    ])
  func alternatives(_ rule: String, _ sentence: String, _ matching: String, _ otherwise: String) throws {
    try LiveHost.with(["nft"]) { site, machine in
      try LiveHost.shell(
        "nft 'table ip t { chain c { type filter hook input priority 0; tcp dport 80 \(rule); }; }'")
      let report = try LiveHost.explained(site, machine, "80/tcp")
      #expect(report.explanation.verdict == .undetermined)
      let lines = report.text.lines.map { "\($0)".trimmingPrefix(while: \.isWhitespace) }
      #expect(lines.contains { $0 == sentence })
      #expect(report.json.contains("\"verdict_if_matched\": \"\(matching)\""))
      #expect(report.json.contains("\"verdict_otherwise\": \"\(otherwise)\""))
    }
  }

  @Test("prints where chance may send a packet instead")
  func chance() throws {
    try LiveHost.with(["nft"]) { site, machine in
      try LiveHost.shell(
        """
        nft 'table ip t { chain c { type nat hook prerouting priority -100; tcp dport 80 dnat to 203.0.113.20-203.0.113.21; }; }'
        """)
      let report = try LiveHost.explained(site, machine, "80/tcp")
      #expect(report.explanation.verdict == .accept)
      let text = "\(report.text)"
      #expect(text.contains("destination becomes 203.0.113.21 port 80"))
      #expect(text.contains("by chance it goes to 203.0.113.20 port 80 instead"))
      #expect(report.json.contains("203.0.113.20 port 80"))
    }
  }
}
