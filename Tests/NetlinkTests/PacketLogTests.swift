// SPDX-License-Identifier: GPL-3.0-or-later

import CSys
import Glibc
import NetworkModel
import Ruleset
import PacketWalk
import TestSupport
import Testing

@testable import Netlink

@Suite struct PacketLogTests {
  @Test func `a line contains prefix, hook, interface, time and headers of a dropped packet`() throws {
    let lines = try inNetworkNamespace {
      try Self.loadDropOnLoopback()
      var log = try PacketLog(group: DropLog.group)
      try Self.send(1, to: 7777)
      return try Self.read(&log).lines
    }
    let line = try #require(lines.first)
    #expect(lines.count == 1)
    #expect(line.prefix == "drop/test")
    #expect(line.hook == NFT.hookPrerouting)
    #expect(line.input == .loopback && line.output == nil)
    #expect(line.headers?.source == IPAddress("127.0.0.1") && line.headers?.transport == .udp)
    #expect(line.headers?.destinationPort == 7777)
    #expect(abs(line.time / 1_000_000 - Int64(time(nil))) < 60)
  }

  @Test func `drops are logged up to the burst and the rate, and all are counted`() throws {
    let (lines, lost, counters, seconds) = try inNetworkNamespace {
      try Self.loadDropOnLoopback()
      var log = try PacketLog(group: DropLog.group)
      let began = Self.now()
      try Self.send(1000, to: 7777)
      let (lines, lost) = try Self.read(&log)
      return (lines.count, lost, try nft("list", "counters"), Self.now() - began)
    }
    // The burst and the rate share one token bucket: both may be full at first.
    let most = Double(DropLog.burst) + Double(DropLog.rate) * (seconds + 1)
    #expect(lines >= Int(DropLog.burst) && Double(lines) <= most, "\(lines) lines in \(seconds) s")
    #expect(lost == 0)
    #expect(counters.contains("packets 1000 "))
  }

  @Test func `a group of another socket is refused, and the error names its port`() throws {
    try inNetworkNamespace {
      let first = try PacketLog()
      do throws(PacketLogError) {
        _ = try PacketLog()
        Issue.record("two sockets have one group")
      } catch {
        guard case .held(DropLog.group, let port) = error else {
          Issue.record("\(error)")
          return
        }
        #expect(port > 0)
      }
      #expect(first.descriptor >= 0)
    }
  }

  @Test func `lines for which there is no memory are counted as lost, and are not an error`() throws {
    let (lines, lost) = try inNetworkNamespace {
      try nft(
        load: """
          table inet t {
            chain c { type filter hook prerouting priority -300; udp dport 7777 log prefix "x" group 51820 snaplen 128; }
          }
          """)
      var log = try PacketLog()
      var small: Int32 = 4096
      setsockopt(log.descriptor, SOL_SOCKET, SO_RCVBUF, &small, 4)
      try Self.send(500, to: 7777)
      var lines = try Self.read(&log).lines.count
      // The sequence number of the next line shows how many were lost.
      try Self.send(1, to: 7777)
      let end = try Self.read(&log)
      lines += end.lines.count
      return (lines, end.lost)
    }
    #expect(lost > 0)
    #expect(lines + Int(lost) == 501)
  }

  @Test func `any bytes are decoded without a trap`() {
    var generator = SeededGenerator(seed: 51820)
    var decoder = PacketLogDecoder()
    var decoded = 0
    for _ in 0..<20_000 {
      var bytes: [UInt8] = [0, 0, 0, 0]
      for _ in 0..<Int.random(in: 0...4, using: &generator) {
        let count = Int.random(in: 0...60, using: &generator)
        var value = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        if count > 0, Bool.random(using: &generator) {
          value[0] = [0x45, 0x60, 0x4f][Int.random(in: 0...2, using: &generator)]
        }
        let type = Int.random(in: 0...13, using: &generator)
        var attribute = AttributeReader.encode(type, value)
        if Int.random(in: 0...9, using: &generator) == 0 {
          attribute[Int.random(in: 0..<4, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        bytes += attribute
      }
      bytes.removeLast(min(bytes.count, Int.random(in: 0...3, using: &generator)))
      let line = bytes.withUnsafeBytes { decoder.decode($0) }
      if line.packet.headers != nil { decoded += 1 }
    }
    #expect(decoded > 100)
  }

  // MARK: The namespace

  private static func loadDropOnLoopback() throws {
    try nft(
      load: """
        table inet t {
          counter dropped { }
          chain drop/test {
            limit rate 10/second burst 20 packets log prefix "drop/test" group 51820 snaplen 128
            counter name "dropped" drop
          }
          chain c { type filter hook prerouting priority -300; udp dport 7777 goto drop/test; }
        }
        """)
  }

  private static func send(_ count: Int, to port: UInt16) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    for _ in 0..<count {
      let sent = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          sendto(descriptor, "x", 1, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      try #require(sent == 1)
    }
  }

  /// Reads lines until none arrives for 300 ms.
  private static func read(_ log: inout PacketLog) throws -> (lines: [DroppedPacket], lost: UInt64) {
    var lines: [DroppedPacket] = []
    var waiting = pollfd(fd: log.descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&waiting, 1, 300) > 0, lines.count < 10_000 { try log.drain { lines.append($0) } }
    return (lines, log.lost)
  }

  private static func now() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }
}
