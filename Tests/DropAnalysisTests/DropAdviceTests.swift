// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import Testing

@testable import DropAnalysis
@testable import Reports

@Suite("The line for a dropped packet") struct DropAdviceTests {
  private static let text = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.13.0.0/16], listen: 51820, hub: home }
    machines:
      home:
        addresses: { wg0: 10.13.0.1 }
        endpoint: [203.0.113.10]
        subnets: [192.168.7.0/24]
        zones: { lan: { interfaces: [eth1], prefixes: [192.168.7.0/24] } }
      laptop: { addresses: { wg0: 10.13.0.2 } }
      office: { addresses: { wg0: 10.13.0.3 }, subnets: [192.168.9.0/24] }
    services:
      panels: [3000/tcp]
      pair: [4000/tcp, 4001/tcp]
      wide: [5000-5999/tcp]
    allow:
      - { to: home, services: [panels, pair, wide, 9443/tcp, dns], from: laptop }
    """

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var prefix = "drop/not-granted-internet"
    var input = "eth0"
    var source = "9.9.9.9"
    var destination = "203.0.113.10"
    var transport = IPProtocol.tcp
    var port: UInt16 = 22
    /// The line, or the beginning of the reason why there is none.
    let expected: String
  }

  private static let bridge = "write in home of the policy: zones: { containers: { interfaces: [guests0] } }"

  static let cases: [Case] = [
    Case(
      testDescription: "a guest's packet to the internet, behind a bridge that no zone covers",
      input: "guests0", source: "192.168.122.7", destination: "1.1.1.1", port: 443,
      expected: "guests0 is a bridge of guests that no zone covers: \(bridge)"),
    Case(
      testDescription: "a forwarded packet to a destination that the policy does not name",
      prefix: "drop/not-granted-lan", input: "eth1", source: "192.168.7.9", destination: "1.1.1.1", port: 443,
      expected: "no line can name its destination: 1.1.1.1"),
    Case(
      testDescription: "UDP of a neighbour to the host's own address in a zone with prefixes",
      prefix: "drop/not-granted-lan", input: "eth1", source: "192.168.7.9", destination: "192.168.7.1",
      transport: .udp, port: 53, expected: "- { to: home, services: [dns], from: 192.168.7.9 }"),
    Case(
      testDescription: "a ping of a neighbour", prefix: "drop/not-granted-lan", input: "eth1",
      source: "192.168.7.9", destination: "192.168.7.1", transport: .icmp,
      expected: "- { to: home, services: [ping], from: 192.168.7.9 }"),
    Case(
      testDescription: "a machine to a host of the LAN", prefix: "drop/not-forwarded", input: "wg0",
      source: "10.13.0.2", destination: "192.168.7.30",
      expected: "- { to: 192.168.7.30, services: [ssh], from: laptop }"),
    Case(
      testDescription: "a host of the LAN to a machine", prefix: "drop/not-granted-lan", input: "eth1",
      source: "192.168.7.30", destination: "10.13.0.2",
      expected: "- { to: laptop, services: [ssh], from: 192.168.7.30 }"),
    Case(
      testDescription: "a host behind another machine", prefix: "drop/not-granted-wg0", input: "wg0",
      source: "192.168.9.4", destination: "10.13.0.1",
      expected: "- { to: home, services: [ssh], from: 192.168.9.4 }"),
    Case(
      testDescription: "a container to the host", prefix: "drop/not-granted-containers", input: "docker0",
      source: "172.17.0.2", destination: "172.17.0.1",
      expected: "- { to: home, services: [ssh], from: containers }"),
    Case(
      testDescription: "the policy's word, where the catalogue has others", prefix: "drop/not-granted-wg0",
      input: "wg0", source: "10.13.0.3", destination: "10.13.0.1", port: 3000,
      expected: "- { to: home, services: [panels], from: office }"),
    Case(
      testDescription: "a small service of the policy", prefix: "drop/not-granted-wg0", input: "wg0",
      source: "10.13.0.3", destination: "10.13.0.1", port: 4001,
      expected: "- { to: home, services: [pair], from: office }"),
    Case(
      testDescription: "only the port of a wide service", prefix: "drop/not-granted-wg0", input: "wg0",
      source: "10.13.0.3", destination: "10.13.0.1", port: 5432,
      expected: "- { to: home, services: [5432/tcp], from: office }"),
    Case(
      testDescription: "a port without a name", port: 47_808,
      expected: "- { to: home, services: [47808/tcp], from: 9.9.9.9 }"),
  ]

  private static func reporter() throws -> DropReporter {
    let policy = try policy(text)
    let own = try ["203.0.113.10", "10.13.0.1", "192.168.7.1", "172.17.0.1"].map {
      try #require(IPAddress($0))
    }
    return DropReporter(
      policy, machine: try #require(policy.machine(named: "home")),
      today: try #require(CalendarDate("2026-11-24")),
      host: DropHost(
        addresses: Set(own), uncovered: [try #require(InterfaceName("guests0")): bridge]))
  }

  private static func dropped(_ one: Case, hook: UInt32 = NFT.hookPrerouting) throws -> DroppedPacket {
    func bytes(_ text: String) throws -> [UInt8] { try #require(IPAddress(text)).bytes }
    let ports: [UInt8] = [0x9c, 0x40, UInt8(one.port >> 8), UInt8(one.port & 0xff)]
    let body: [UInt8] = one.transport == .icmp ? [8, 0, 0, 0] : ports
    let packet: [UInt8] =
      [0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, one.transport.number, 0, 0] + (try bytes(one.source))
      + (try bytes(one.destination)) + body + [UInt8](repeating: 0, count: 16)
    let isOwn = hook == NFT.hookOutput
    return DroppedPacket(
      prefix: one.prefix, time: 1_795_530_000_123_456, hook: hook,
      input: isOwn ? nil : InterfaceName(one.input), output: isOwn ? InterfaceName(one.input) : nil,
      headers: CapturedHeaders(packet))
  }

  @Test("is the one that helps", arguments: cases)
  func line(one: Case) throws {
    var reporter = try Self.reporter()
    switch reporter.report(try Self.dropped(one)).remedy {
    case .grant(let line): #expect(line.text == one.expected)
    case .none(let why): #expect(why.hasPrefix(one.expected), "\(why)")
    }
  }

  @Test("of an outgoing packet says where it goes")
  func outgoing() throws {
    var reporter = try Self.reporter()
    let report = reporter.report(
      try Self.dropped(
        Case(
          testDescription: "", prefix: "reject/clear-text-out", source: "203.0.113.10",
          destination: "1.1.1.1",
          expected: ""), hook: NFT.hookOutput))
    #expect(report.key.direction == .outgoing)
    let line = DropReportText.journal(report).description
    #expect(line.contains(", to internet: ") && !line.contains("from internet"))
    #expect(DropReportText.json(report).contains(#""direction": "out""#))
  }

  @Test("is the same on a machine that observes, and the report says that nothing was dropped")
  func observed() throws {
    var reporter = try Self.reporter()
    for ending in ["drop", "reject", "reset"] {
      let report = reporter.report(
        try Self.dropped(
          Case(testDescription: "", prefix: "would-\(ending)/not-granted-internet", expected: "")))
      let name = ending == "drop" ? "drop-not-granted-internet" : "would-\(ending)/not-granted-internet"
      #expect(report.counter == name && report.reason == "no grant lets it in from zone internet")
      let line = DropReportText.journal(report).description
      #expect(line.hasPrefix("would drop tcp 9.9.9.9 -> 203.0.113.10 port 22 [ssh], from internet: "))
      #expect(DropReportText.json(report).contains(#""observed": true"#))
      if ending == "drop" {
        #expect(line.contains("to allow: - { to: home, services: [ssh], from: 9.9.9.9 }"))
      }
      var record = report.record
      record.count = 37
      record.last += 59_100_000
      let many = DropReportText.journal(reporter.report(record)).description
      #expect(
        many.hasPrefix(
          "would drop 37 tcp packets in 60 s from 9.9.9.9 to port 22 [ssh] of 203.0.113.10, from"))
      #expect(DropRecordLine.record(Array(DropRecordLine.text(record).utf8.dropLast())) == record)
    }
  }
}
