// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import Testing

@testable import DropAnalysis

@Suite("The lines that dropped packets suggest") struct SuggestedLineTests {
  private static let text = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.13.0.0/16], listen: 51820 }
    machines:
      home: { addresses: { wg0: 10.13.0.1 }, endpoint: [203.0.113.10] }
      laptop: { addresses: { wg0: 10.13.0.2 } }
    allow:
      - { to: home, services: [ssh], from: laptop }
    """

  private static func record(
    _ zone: String, _ source: String, _ port: UInt16, _ count: UInt64, at time: Int64 = 1
  )
    throws -> DropRecord
  {
    var key = DropKey(prefix: "drop/not-granted-\(zone)", zone: zone, place: "built in", direction: .local)
    key.input = InterfaceName(zone == "wg0" ? "wg0" : "eth0")
    key.source = IPAddress(source)
    key.destination = IPAddress(zone == "wg0" ? "10.13.0.1" : "203.0.113.10")
    (key.transport, key.port) = (.tcp, port)
    return DropRecord(key, first: time, last: time, count: count)
  }

  private static func summary(_ records: [DropRecord]) throws -> DropSummary {
    let policy = try policy(text)
    var reporter: DropReporter? = DropReporter(
      policy, machine: try #require(policy.machine(named: "home")),
      today: try #require(CalendarDate("2026-11-24")))
    return DropSummary(records, &reporter)
  }

  @Test("have the packets of all their records, and those without a risk come first")
  func order() throws {
    let summary = try Self.summary(
      [
        try Self.record("internet", "9.9.9.9", 443, 50), try Self.record("wg0", "10.13.0.2", 5432, 1),
        try Self.record("wg0", "10.13.0.2", 5432, 4, at: 9), try Self.record("wg0", "10.13.0.2", 8443, 2),
      ])
    #expect(summary.packets == 57 && summary.groups.map(\.report.record.count) == [50, 5, 2])
    let lines = SuggestedLine.lines(of: summary)
    #expect(lines.map(\.packets) == [5, 50, 2])
    #expect(lines.map(\.risks) == [[], [.internet], [.rare(packets: 2)]])
    #expect(lines[0].line.text == "- { to: home, services: [postgres], from: laptop }")
    #expect(lines[0].evidence[0].record.first == 1 && lines[0].evidence[0].record.last == 9)
  }

  @Test("are marked if their source asked for many services")
  func scan() throws {
    let records = try (1...20 as ClosedRange<UInt16>).map {
      try Self.record("wg0", "10.13.0.2", 7000 + $0, 5)
    }
    let lines = SuggestedLine.lines(of: try Self.summary(records))
    #expect(lines.count == 20 && lines.allSatisfy { $0.risks == [.scan(services: 20)] })
  }

  @Test("are looked for in the groups with the most packets only")
  func bounded() throws {
    let records = try (1...300 as ClosedRange<UInt16>).map {
      try Self.record("wg0", "10.13.0.2", 7000 + $0, UInt64(1000 - $0))
    }
    let summary = try Self.summary(records)
    let advised = summary.groups.filter { if case .grant = $0.report.remedy { true } else { false } }
    #expect(summary.groups.count == 300 && advised.count == DropSummary.mostAdvised)
    #expect(advised.allSatisfy { $0.report.record.count >= 800 })
  }

  @Test("do not exist without a policy, and huge counts do not overflow")
  func withoutPolicy() throws {
    var nobody: DropReporter?
    let summary = DropSummary(
      [try Self.record("wg0", "10.13.0.2", 1, .max), try Self.record("wg0", "10.13.0.2", 1, .max)], &nobody)
    #expect(summary.packets == .max && summary.groups.count == 1)
    #expect(summary.groups[0].report.services == ["1/tcp"])
    #expect(SuggestedLine.lines(of: summary).isEmpty)
  }
}
