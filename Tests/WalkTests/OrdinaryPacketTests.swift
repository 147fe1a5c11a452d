// SPDX-License-Identifier: GPL-3.0-or-later

import LinuxHost
import Netlink
import NetworkModel
import PacketWalk
import Ruleset
import TestSupport
import Testing

/// What the walk takes the first packet of a connection to have where it does not state it, and what it says about a rule that
/// may match or not. The rules are loaded and read back; that the kernel decides in the same way about packets that have this is
/// shown by `WalkCaseTests`.
@Suite("The walk of a packet that states little", .serialized)
struct OrdinaryPacketTests {
  /// Rules of a chain at the hook input, and what the walk of a packet to port 80 says.
  struct Point: CustomTestStringConvertible {
    let rules: String
    var transport = IPProtocol.tcp
    var isIPv6 = false
    let verdict: TraceVerdict
    var assumptions: [String] = []
    var alternatives: [TraceVerdict] = []
    /// Whether the kernel chooses between them by chance.
    var isChance = false
    /// What names the condition of an undetermined verdict.
    var undetermined: String?
    var testDescription: String { rules }
  }

  static let points: [Point] = [
    Point(rules: "ip dscp cs1 drop", verdict: .accept, assumptions: ["with DSCP 0"]),
    Point(rules: "ip dscp != cs0 drop", verdict: .accept, assumptions: ["with DSCP 0"]),
    Point(rules: "ip6 dscp ef drop", isIPv6: true, verdict: .accept, assumptions: ["with DSCP 0"]),
    Point(
      rules: "udp dport 80 ip dscp cs0 drop", transport: .udp, verdict: .drop, assumptions: ["with DSCP 0"]),
    // The port is the reason, not what is assumed.
    Point(rules: "tcp dport 81 ip dscp cs0 drop", verdict: .accept),
    Point(rules: "ip dscp cs0 tcp dport 81 drop\nmeta length < 100 tcp dport 81 drop", verdict: .accept),
    Point(
      rules: "tcp dport 80 meta length > 100 drop", verdict: .accept,
      assumptions: ["with a length of 60 bytes"]),
    Point(rules: "ip length 60 drop", verdict: .drop, assumptions: ["with a length of 60 bytes"]),
    Point(
      rules: "ip6 length 40 drop", isIPv6: true, verdict: .drop, assumptions: ["with a length of 80 bytes"]),
    Point(
      rules: "udp dport 80 meta length > 100 drop", transport: .udp, verdict: .undetermined,
      alternatives: [.drop, .accept], undetermined: "meta length"),
    Point(
      rules: "tcp option maxseg size 1-535 drop", verdict: .accept,
      assumptions: ["with TCP option maxseg of 1460 bytes"]),
    Point(
      rules: "tcp option maxseg size 1440 drop", isIPv6: true, verdict: .drop,
      assumptions: ["with TCP option maxseg of 1440 bytes"]),
    Point(
      rules: "tcp option md5sig exists drop", verdict: .accept,
      assumptions: ["without TCP option md5sig"]),
    Point(rules: "udp dport 80 tcp option maxseg exists drop", transport: .udp, verdict: .accept),
    Point(
      rules: "tcp option timestamp missing drop", verdict: .undetermined, alternatives: [.drop, .accept],
      undetermined: "tcp option timestamp"),
    Point(
      rules: "meta time < \"2020-01-01 00:00:00\" drop", verdict: .accept,
      assumptions: ["at the present time"]),
    Point(
      rules: "ether saddr 02:00:00:00:00:01 drop", verdict: .undetermined, alternatives: [.drop, .accept],
      undetermined: "ether saddr"),
    Point(
      rules: "ct label 1 accept\ndrop", verdict: .undetermined, alternatives: [.accept, .drop],
      undetermined: "ct label"),
    Point(
      rules: "meta cpu 0 drop", verdict: .undetermined, alternatives: [.drop, .accept],
      undetermined: "meta cpu"),
    Point(
      rules: "numgen random mod 2 0 reject", verdict: .undetermined, alternatives: [.reject, .accept],
      isChance: true, undetermined: "numgen"),
    // Of two conditions the second one decides too.
    Point(
      rules: "meta cpu 0 ether saddr 02:00:00:00:00:01 drop\nct label 1 drop", verdict: .undetermined,
      undetermined: "meta cpu"),
    Point(rules: "ct packets > 2 drop\nct bytes > 100000 drop", verdict: .accept),
  ]

  @Test("says what it assumes, and between which verdicts a condition decides", arguments: points)
  func says(_ point: Point) throws {
    try inNetworkNamespace {
      try makeInterface()
      let text = "table inet look {\nchain c { type filter hook input priority 0;\n\(point.rules)\n}\n}\n"
      let loaded = try run(["nft", "-f", "-"], input: text)
      try #require(loaded.status == 0, "\(loaded.errors)")
      var walk = try PacketWalk(LoadedTables.read(), order: HookOrder.read())
      walk.findsAlternatives = true
      var packet = Packet(
        source: try #require(IPAddress(point.isIPv6 ? "2001:db8::66" : "203.0.113.66")),
        destination: try #require(IPAddress(point.isIPv6 ? "2001:db8::10" : "203.0.113.10")),
        transport: point.transport, destinationPort: 80, input: InterfaceName("eth0"))
      packet.time = 1_800_000_000
      let trace = walk.arrival(packet, in: try LiveHostEnvironment())
      #expect(trace.verdict == point.verdict)
      var assumptions: [String] = []
      for case .assumed(let text) in trace.steps.map(\.outcome) { assumptions.append(text) }
      #expect(assumptions == point.assumptions)
      #expect(
        (trace.alternatives.map { [$0.matching, $0.otherwise] } ?? []) == point.alternatives)
      #expect(trace.alternatives?.isChance ?? false == point.isChance)
      if case .undetermined(let expression)? = trace.steps.last?.outcome {
        #expect(expression == point.undetermined)
      }
    }
  }

  /// The match `time` of iptables, at moments on both sides of its limits. 2026-12-01 was a Tuesday.
  @Test(
    "knows when the match time of iptables holds",
    arguments: [
      ("--timestart 08:00 --timestop 17:00", "2026-12-01", "08:00:00", true),
      ("--timestart 08:00 --timestop 17:00", "2026-12-01", "07:59:59", false),
      ("--timestart 08:00 --timestop 17:00", "2026-12-01", "17:00:01", false),
      ("--timestart 22:00 --timestop 06:00", "2026-12-01", "23:00:00", true),
      ("--timestart 22:00 --timestop 06:00", "2026-12-01", "05:00:00", true),
      ("--timestart 22:00 --timestop 06:00", "2026-12-01", "12:00:00", false),
      ("--weekdays Tue", "2026-12-01", "12:00:00", true),
      ("! --weekdays Tue", "2026-12-01", "12:00:00", false),
      ("--weekdays Sun", "2026-12-06", "12:00:00", true),
      ("--timestart 22:00 --timestop 06:00 --weekdays Mon --contiguous", "2026-12-01", "05:00:00", true),
      ("--timestart 22:00 --timestop 06:00 --weekdays Mon", "2026-12-01", "05:00:00", false),
      ("--datestart 2026-12-02", "2026-12-01", "12:00:00", false),
      ("--datestop 2026-12-01T12:00:00", "2026-12-01", "12:00:00", true),
    ])
  func knowsTime(_ options: String, _ day: String, _ hour: String, _ holds: Bool) throws {
    try inNetworkNamespace {
      try makeInterface()
      let loaded = try run(
        ["iptables-nft-restore"], input: "*filter\n-A INPUT -m time \(options) -j DROP\nCOMMIT\n")
      try #require(loaded.status == 0, "\(loaded.errors)")
      let walk = try PacketWalk(LoadedTables.read(), order: HookOrder.read())
      var packet = Packet(
        source: try #require(IPAddress("203.0.113.66")),
        destination: try #require(IPAddress("203.0.113.10")), transport: .tcp, destinationPort: 80,
        input: InterfaceName("eth0"))
      let seconds = try run(["date", "-u", "-d", "\(day) \(hour)", "+%s"]).output
      let moment = try #require(Int64(seconds.prefix(while: \.isNumber)))
      packet.time = moment
      let trace = walk.arrival(packet, in: try LiveHostEnvironment())
      #expect(trace.verdict == (holds ? .drop : .accept))
      packet.time = nil
      #expect(walk.arrival(packet, in: try LiveHostEnvironment()).verdict == .undetermined)
    }
  }

  private func makeInterface() throws {
    for words in [
      ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far"],
      ["ip", "address", "add", "203.0.113.10/24", "dev", "eth0"],
      ["ip", "address", "add", "2001:db8::10/64", "dev", "eth0", "nodad"],
      ["ip", "link", "set", "eth0", "up"], ["ip", "link", "set", "far", "up"],
    ] {
      let result = try run(words)
      try #require(result.status == 0, "\(words): \(result.errors)")
    }
  }
}
