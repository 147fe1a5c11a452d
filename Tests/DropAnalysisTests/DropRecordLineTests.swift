// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import DropAnalysis

@Suite struct DropRecordLineTests {
  private static func record() throws -> DropRecord {
    var key = DropKey(
      prefix: "would-drop/not-granted-wg0", zone: "wg0", place: "sites/home.yaml:12", direction: .through)
    key.input = InterfaceName("wg0")
    key.source = IPAddress("fd01::7")
    key.destination = IPAddress("10.13.0.1")
    (key.transport, key.port) = (.udp, 53)
    return DropRecord(key, first: 1_795_530_000_123_456, last: 1_795_530_060_000_000, count: 12)
  }

  private static func read(_ text: some StringProtocol) -> DropRecord? {
    DropRecordLine.record(Array(text.utf8.dropLast()))
  }

  @Test func `a record reads back equal`() throws {
    let record = try Self.record()
    #expect(Self.read(DropRecordLine.text(record)) == record)
    var empty = DropRecord(
      DropKey(prefix: "drop/invalid", zone: "unknown", place: "built in", direction: .outgoing), first: 0,
      last: 0, count: 1)
    empty.key.scope = .reason
    #expect(Self.read(DropRecordLine.text(empty)) == empty)
  }

  @Test func `a value cannot end its field or its line`() throws {
    var record = try Self.record()
    record.key.place = "a\tb\nd1\u{1b}" + String(repeating: "é", count: 500)
    let line = DropRecordLine.text(record)
    #expect(line.filter { $0 == "\n" }.count == 1)
    let read = try #require(Self.read(line))
    #expect(read.key.place.hasPrefix("a?b?d1?é") && read.key.place.utf8.count <= 161)
  }

  @Test func `a changed byte, a truncated line and foreign bytes are not read`() throws {
    let line = Array(DropRecordLine.text(try Self.record()).utf8.dropLast())
    for index in line.indices {
      var other = line
      other[index] ^= 1
      #expect(DropRecordLine.record(other) == nil, "\(index)")
      #expect(DropRecordLine.record(line[..<index]) == nil)
    }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0..<200)).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(DropRecordLine.record(bytes) == nil)
    }
  }

  @Test func `damaged lines are counted, and the others are read in order`() throws {
    let record = try Self.record()
    var later = record
    later.last += 1
    var records = DropRecords()
    records.read(
      Array((DropRecordLine.text(later) + "rubbish\n\n" + DropRecordLine.text(record) + "d1\t1").utf8))
    #expect(records.records == [record, later] && records.damaged == 2)
    #expect(records.since(later.last) == [later])
  }

  @Test(arguments: [("30m", 1800), ("2h", 7200), ("7d", 604_800), ("1w", 604_800)])
  func `an age is a number with a unit`(text: String, seconds: Int64) {
    #expect(DropAge(rawValue: text)?.seconds == seconds)
  }

  @Test(arguments: ["", "h", "2", "-2h", "0d", "2y", "1h30m", "99999999999999999999d", "4000d"])
  func `anything else is no age`(text: String) { #expect(DropAge(rawValue: text) == nil) }
}
