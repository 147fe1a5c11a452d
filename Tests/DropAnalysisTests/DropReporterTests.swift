// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
@testable import Reports
import PolicyLanguage
import Ruleset
import PacketWalk
import Testing

@testable import DropAnalysis
@testable import PolicyAnalysis

@Suite struct DropReporterTests {
  private static let text = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.13.0.0/16], listen: 51820, hub: gateway }
    machines:
      gateway: { addresses: { wg0: 10.13.0.1 }, endpoint: [203.0.113.10], zones: { lan: { interfaces: [eth1], prefixes: [192.168.7.0/24] } } }
      laptop: { addresses: { wg0: 10.13.0.2 } }
      server: { addresses: { wg0: 10.13.0.3 }, endpoint: [203.0.113.20] }
    services:
      postgres: [5432/tcp]
    lists:
      bad: [198.51.100.0/24]
    block: [bad]
    encrypt:
      - { between: [gateway, server], tunnel: wg0 }
    allow:
      - { to: gateway, services: [ssh], from: laptop }
    """

  private func reporter() throws -> DropReporter {
    let policy = try policy(Self.text)
    return DropReporter(
      policy, machine: try #require(policy.machine(named: "gateway")),
      today: try #require(CalendarDate("2026-11-24")))
  }

  private func dropped(
    _ prefix: String, _ input: String, _ source: [UInt8], _ destination: [UInt8], port: UInt16 = 5432,
    transport: UInt8 = 6
  ) throws -> DroppedPacket {
    let bytes: [UInt8] =
      [0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, transport, 0, 0] + source + destination
      + [0x9c, 0x40, UInt8(port >> 8), UInt8(port & 0xff), 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]
    return DroppedPacket(
      prefix: prefix, time: 1_795_530_000_123_456, hook: NFT.hookPrerouting, input: InterfaceName(input),
      output: nil, headers: CapturedHeaders(bytes))
  }

  @Test func `a machine in the tunnel is named, with the grant that lets the packet in`() throws {
    var reporter = try reporter()
    let report = reporter.report(try dropped("drop/not-granted-wg0", "wg0", [10, 13, 0, 2], [10, 13, 0, 1]))
    #expect(
      report.sender == .machine("laptop") && report.key.zone == "wg0" && report.services == ["postgres"])
    #expect(report.counter == "drop-not-granted-wg0" && report.key.place == "policy.yaml:3")
    #expect(report.remedy.line == "- { to: gateway, services: [postgres], from: laptop }")
    #expect(
      DropReportText.journal(report).description
        == "dropped tcp laptop (10.13.0.2) -> 10.13.0.1 port 5432 [postgres], from wg0: no grant lets it in from "
        + "zone wg0 (policy.yaml:3); to allow: - { to: gateway, services: [postgres], from: laptop }")
  }

  @Test func `the suggested line is valid in the policy and lets the packet in`()
    throws
  {
    var reporter = try reporter()
    for (prefix, input, source) in [
      ("drop/not-granted-wg0", "wg0", [10, 13, 0, 2]), ("drop/not-granted-wg0", "wg0", [10, 13, 0, 99]),
      ("drop/not-granted-internet", "eth0", [9, 9, 9, 9]),
      ("drop/not-granted-lan", "eth1", [192, 168, 7, 5]),
    ] as [(String, String, [UInt8])] {
      let target: [UInt8] = input == "wg0" ? [10, 13, 0, 1] : [203, 0, 113, 10]
      let report = reporter.report(try dropped(prefix, input, source, target, port: 9443))
      guard let line = report.remedy.line else {
        Issue.record("\(report.remedy)")
        continue
      }
      let more = try policy(Self.text + "\n  \(line)\n")
      let gateway = try #require(more.machine(named: "gateway"))
      let view = CompiledSite(more, today: try #require(CalendarDate("2026-11-24"))).view(of: gateway)
      let packet = Packet(
        source: try #require(IPAddress(bytes: source)), destination: try #require(IPAddress(bytes: target)),
        transport: .tcp, destinationPort: 9443, input: InterfaceName(input))
      #expect(view.arrival(packet).verdict == .accept, "\(line)")
    }
  }

  @Test func `for a relayed packet, the grant names the destination machine`() throws {
    var reporter = try reporter()
    let report = reporter.report(try dropped("drop/not-forwarded", "wg0", [10, 13, 0, 2], [10, 13, 0, 3]))
    #expect(report.remedy.line == "- { to: server, services: [postgres], from: laptop }")
  }

  @Test func `if no grant can let a packet in, the report says why`() throws {
    var reporter = try reporter()
    func remedy(_ packet: DroppedPacket) -> String {
      if case .none(let why) = reporter.report(packet).remedy { why } else { "granted" }
    }
    let gateway: [UInt8] = [203, 0, 113, 10]
    #expect(
      remedy(try dropped("drop/spoofed-source-wg0", "eth0", [10, 13, 0, 2], gateway)).hasPrefix(
        "an address is"))
    #expect(
      remedy(try dropped("drop/blocked-bad", "eth0", [198, 51, 100, 7], gateway)).hasPrefix("the list"))
    #expect(remedy(try dropped("drop/invalid", "eth0", [9, 9, 9, 9], gateway)).hasPrefix("only packets"))
    // A closed port is dropped before the source is evaluated: the report names the next obstacle.
    #expect(
      remedy(try dropped("drop/not-granted-internet", "eth0", [198, 51, 100, 7], gateway))
        == "a grant is not enough: blocked list bad (policy.yaml:12)")
    #expect(
      remedy(try dropped("drop/not-granted-internet", "eth0", [203, 0, 113, 20], gateway))
        .hasPrefix("a grant is not enough: encrypt"))
    #expect(
      remedy(try dropped("drop/of-another-ruleset", "eth0", [9, 9, 9, 9], gateway)).contains("not compiled"))
  }

  @Test func `an endpoint address is reported as such`() throws {
    var reporter = try reporter()
    let report = reporter.report(
      try dropped("drop/clear-text-in", "eth0", [203, 0, 113, 20], [203, 0, 113, 10]))
    #expect(report.sender == .endpoint("server"))
    #expect(DropReportText.journal(report).description.contains("203.0.113.20 (an address of server)"))
  }

  @Test func `the remedy of equivalent packets is computed once, each with its own address`() throws {
    var reporter = try reporter()
    for last in 1...100 as ClosedRange<UInt8> {
      let report = reporter.report(
        try dropped("drop/not-granted-internet", "eth0", [9, 9, 9, last], [203, 0, 113, 10]))
      #expect(report.remedy.line == "- { to: gateway, services: [postgres], from: 9.9.9.\(last) }")
    }
    #expect(reporter.compilations == 1)
  }

  @Test func `every drop chain of a ruleset has a reason in words`() throws {
    let known = ["reject/clear-text-out", "reset/midstream", "drop/spoofed-source-lan", "drop/unjudged"]
    var reporter = try reporter()
    let ruleset = CompiledSite(try policy(Self.text), today: try #require(CalendarDate("2026-11-24")))
      .ruleset(of: try #require(try policy(Self.text).machine(named: "gateway")))
    let prefixes = ruleset.chains.compactMap { $0.rules.first?.log?.prefix }
    #expect(Set(known).isSubset(of: prefixes))
    for prefix in prefixes {
      let report = reporter.report(try dropped(prefix, "eth0", [9, 9, 9, 9], [203, 0, 113, 10]))
      #expect(!report.reason.hasPrefix(report.counter.dropFirst("drop-".count)), "\(prefix)")
    }
  }

  @Test func `JSON is one object on one line`() throws {
    var reporter = try reporter()
    let report = reporter.report(try dropped("drop/not-granted-wg0", "wg0", [10, 13, 0, 2], [10, 13, 0, 1]))
    #expect(
      DropReportText.json(report) == """
        {"schema": "wgfence/log/1", "time": "2026-11-24T14:20:00.123Z", "first": "2026-11-24T14:20:00.123Z", \
        "count": 1, "observed": false, "direction": "in", "zone": "wg0", "interface": "wg0", \
        "source": "10.13.0.2", "machine": "laptop", "known_by": "tunnel-address", "destination": "10.13.0.1", \
        "protocol": "tcp", "port": 5432, "services": ["postgres"], "scope": "flow", "counter": "drop-not-granted-wg0", \
        "reason": "no grant lets it in from zone wg0", "place": "policy.yaml:3", \
        "allow": "- { to: gateway, services: [postgres], from: laptop }", "no_allow": null}

        """)
  }
}

extension DropReport.Remedy {
  /// The line, as text.
  var line: String? { if case .grant(let line) = self { line.text } else { nil } }
}
