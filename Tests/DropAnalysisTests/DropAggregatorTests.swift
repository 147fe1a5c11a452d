// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import DropAnalysis

@Suite struct DropAggregatorTests {
  private static func record(_ source: UInt32, port: UInt16 = 22, time: Int64 = 0) -> DropRecord {
    var key = DropKey(
      prefix: "drop/not-granted-internet", zone: "internet", place: "built in", direction: .local)
    key.source = IPAddress(family: .ipv4, bits: UInt128(source))
    key.destination = IPAddress(family: .ipv4, bits: 1)
    (key.transport, key.port) = (.tcp, port)
    return DropRecord(key, first: time, last: time, count: 1)
  }

  private static let minute = DropAggregator.period

  @Test func `the first packet of a key is passed on at once, the others once a minute`() throws {
    var aggregator = DropAggregator()
    #expect(aggregator.add(Self.record(7, time: 1), at: 0) == Self.record(7, time: 1))
    for time in 2...38 as ClosedRange<Int64> {
      #expect(aggregator.add(Self.record(7, time: time), at: time) == nil)
    }
    #expect(aggregator.take(at: Self.minute - 1).isEmpty)
    let sum = aggregator.take(at: Self.minute)
    #expect(sum.count == 1 && sum[0].count == 37 && sum[0].first == 2 && sum[0].last == 38)
    // It goes on: the next packet is not the first of a new key.
    #expect(aggregator.add(Self.record(7), at: Self.minute + 1) == nil)
    #expect(aggregator.take(at: 2 * Self.minute).map(\.count) == [1])
    // A minute without packets, then it is new again.
    #expect(aggregator.take(at: 3 * Self.minute).isEmpty)
    #expect(aggregator.deadline == nil)
    #expect(aggregator.add(Self.record(7), at: 4 * Self.minute) != nil)
  }

  @Test func `no packet is lost when a source asks for many ports`() {
    var aggregator = DropAggregator()
    var passed: UInt64 = 0
    for port in 1...65_535 as ClosedRange<UInt16> {
      passed += aggregator.add(Self.record(7, port: port), at: 0)?.count ?? 0
    }
    #expect(passed == 17)
    #expect(aggregator.count == 17)
    let rest = aggregator.take(at: Self.minute)
    #expect(rest.map(\.key.scope) == [.source] && rest.map(\.count) == [65_535 - 17])
  }

  @Test func `a flood of random sources does not grow the memory`() {
    var aggregator = DropAggregator()
    var random = SystemRandomNumberGenerator()
    var passed: UInt64 = 0
    for _ in 0..<20_000 {
      let record = Self.record(random.next(), port: random.next())
      passed += aggregator.add(record, at: 0)?.count ?? 0
      #expect(aggregator.count <= 2048)
    }
    let rest = aggregator.finish(0)
    #expect(rest.reduce(0) { $0 + $1.count } + passed == 20_000)
    #expect(rest.contains { $0.key.scope == .reason } && passed < 1000)
  }

  @Test func `the stored log keeps its share for other reasons during a flood`() {
    var retention = DropRetention()
    var stored = 0
    for source in 0..<10_000 as Range<UInt32> {
      if retention.add(Self.record(source), at: 0) != nil { stored += 1 }
    }
    #expect(stored == DropRetention.mostOfReason)
    var other = Self.record(1)
    (other.key.prefix, other.key.zone) = ("drop/not-granted-lan", "lan")
    #expect(retention.add(other, at: 1) != nil)
    #expect(retention.take(at: 1).isEmpty)
    let rest = retention.take(at: DropRetention.period)
    #expect(rest.map(\.count) == [10_000 - UInt64(DropRetention.mostOfReason)])
    #expect(retention.deadline == nil)
  }

  @Test func `the journal has a bounded number of lines an hour, and says what it left out`() {
    var budget = JournalBudget()
    let written = (0..<500).filter { _ in budget.allows(3, at: 5) }.count
    #expect(written == JournalBudget.mostLines)
    #expect(budget.take(at: 6) == nil)
    let left = budget.take(at: 5 + JournalBudget.period)
    #expect(left?.lines == 500 - written && left?.packets == UInt64(3 * (500 - written)))
    let again = budget.allows(1, at: 5 + JournalBudget.period)
    #expect(again)
  }
}
