// SPDX-License-Identifier: GPL-3.0-or-later

import DropAnalysis
import Enforcement
import Foundation
import NetworkModel
import Testing

@testable import DaemonService

@Suite struct StoredDropsTests {
  private static func inDirectory(_ body: (StateDirectory) throws -> Void) throws {
    let path = "\(NSTemporaryDirectory())wgfence-drops-\(UInt64.random(in: 0...UInt64.max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(StateDirectory(path))
  }

  private static func record(_ time: Int64) -> DropRecord {
    var key = DropKey(prefix: "drop/invalid", zone: "internet", place: "built in", direction: .local)
    key.source = IPAddress("192.0.2.7")
    return DropRecord(key, first: time, last: time, count: 1)
  }

  @Test func `records are written together after a second, and read by another process`() throws {
    try Self.inDirectory { directory in
      let log = StoredDrops(directory)
      log.add(Self.record(1), at: 10)
      log.add(Self.record(2), at: 20)
      #expect(log.deadline == 10 + StoredDrops.interval)
      #expect(StoredDrops.read(directory).records.records.isEmpty)
      try log.write(at: 30)
      #expect(log.deadline == nil)
      // A daemon that was started again.
      let next = StoredDrops(directory)
      next.add(Self.record(3), at: 0)
      try next.write(at: 1)
      let read = StoredDrops.read(directory)
      #expect(read.records.records == [1, 2, 3].map(Self.record) && read.notes.isEmpty)
    }
  }

  @Test func `the log has a bounded size, and keeps the newest records`() throws {
    try Self.inDirectory { directory in
      let log = StoredDrops(directory, fileLimit: 10_000)
      for time in 1...1_000 as ClosedRange<Int64> {
        log.add(Self.record(time), at: time)
        try log.write(at: time)
      }
      let sizes = try ["drops", "drops.old"].map {
        try #require(
          FileManager.default.attributesOfItem(atPath: "\(directory.path)/\($0)")[.size] as? Int)
      }
      #expect(sizes.allSatisfy { $0 <= 10_000 })
      let read = StoredDrops.read(directory).records.records
      #expect(read.last == Self.record(1_000) && read.count > 100 && read.count < 1_000)
      #expect(read.map(\.first) == Array(read[0].first...1_000))
    }
  }

  @Test func `a damaged file is read as far as possible, and the damage is said`() throws {
    try Self.inDirectory { directory in
      let log = StoredDrops(directory)
      log.add(Self.record(1), at: 0)
      try log.write(at: 0)
      let path = "\(directory.path)/drops"
      let whole = try #require(FileManager.default.contents(atPath: path))
      // As after a write that a full disk cut off, and foreign bytes.
      try (whole + whole.dropLast(20) + Data([0, 0xff, 0x1b, 10, 10]) + Data("d1\tx".utf8)).write(
        to: URL(fileURLWithPath: path))
      let next = StoredDrops(directory)
      next.add(Self.record(2), at: 0)
      try next.write(at: 0)
      let read = StoredDrops.read(directory)
      #expect(read.records.records == [1, 2].map(Self.record))
      #expect(read.notes.count == 1 && read.notes[0].contains("2 damaged lines"))
    }
  }

  @Test func `a log that cannot be written waits, leaves records out, and goes on`() throws {
    try Self.inDirectory { directory in
      // A directory in its place: writing fails also for root.
      let path = "\(directory.path)/drops"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let log = StoredDrops(directory)
      for time in 1...10_000 as ClosedRange<Int64> { log.add(Self.record(time), at: 0) }
      #expect(log.leftOut > 0)
      #expect(throws: (any Error).self) { try log.write(at: 5) }
      #expect(log.deadline == 5 + StoredDrops.pause)
      #expect(StoredDrops.read(directory).notes.count == 1)
      try FileManager.default.removeItem(atPath: path)
      try log.write(at: 6)
      #expect(log.leftOut == 0 && !StoredDrops.read(directory).records.records.isEmpty)
    }
  }

  @Test func `a symbolic link in its place is not followed`() throws {
    try Self.inDirectory { directory in
      let target = "\(directory.path)/target"
      try Data().write(to: URL(fileURLWithPath: target))
      try FileManager.default.createSymbolicLink(
        atPath: "\(directory.path)/drops", withDestinationPath: target)
      let log = StoredDrops(directory)
      log.add(Self.record(1), at: 0)
      #expect(throws: (any Error).self) { try log.write(at: 0) }
      #expect(FileManager.default.contents(atPath: target)?.isEmpty == true)
    }
  }
}
