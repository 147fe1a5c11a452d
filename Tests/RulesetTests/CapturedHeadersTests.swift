// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@Suite struct CapturedHeadersTests {
  private static let ipv4: [UInt8] =
    [0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 198, 51, 100, 7, 203, 0, 113, 10]
    + [0x9c, 0x40, 0x15, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0]

  private static func ipv6(_ next: UInt8, _ rest: [UInt8]) -> [UInt8] {
    [0x60, 0, 0, 0, 0, UInt8(rest.count), next, 64] + [0xfd] + Array(repeating: 0, count: 14) + [1] + [0xfd]
      + Array(repeating: 0, count: 14) + [2] + rest
  }

  @Test func `addresses, ports, flags and length of a TCP packet are read`() throws {
    let headers = try #require(CapturedHeaders(Self.ipv4))
    #expect(headers.source == IPAddress("198.51.100.7") && headers.destination == IPAddress("203.0.113.10"))
    #expect(headers.transport == .tcp && headers.sourcePort == 40_000 && headers.destinationPort == 5432)
    #expect(headers.tcpFlags == .syn && headers.length == 40 && headers.icmpType == nil)
  }

  @Test func `IPv4 options are skipped`() throws {
    var bytes = Self.ipv4
    bytes[0] = 0x46
    bytes.insert(contentsOf: [1, 1, 1, 1], at: 20)
    #expect(try #require(CapturedHeaders(bytes)).destinationPort == 5432)
  }

  @Test func `a later fragment has no ports`() throws {
    var bytes = Self.ipv4
    bytes[7] = 1
    let headers = try #require(CapturedHeaders(bytes))
    #expect(headers.destinationPort == nil && headers.tcpFlags == nil && headers.transport == .tcp)
  }

  @Test func `IPv6 extension headers are skipped`() throws {
    let udp: [UInt8] = [0, 53, 0, 53, 0, 8, 0, 0]
    let hopByHop = Self.ipv6(0, [60, 0, 0, 0, 0, 0, 0, 0] + [17, 0, 0, 0, 0, 0, 0, 0] + udp)
    #expect(try #require(CapturedHeaders(hopByHop)).destinationPort == 53)
    let ping = try #require(CapturedHeaders(Self.ipv6(58, [128, 0, 0, 0])))
    #expect(ping.icmpType == 128 && ping.destination == IPAddress("fd00::2"))
    let later = try #require(CapturedHeaders(Self.ipv6(44, [17, 0, 0, 8, 0, 0, 0, 1] + udp)))
    #expect(later.transport == .udp && later.destinationPort == nil)
  }

  @Test func `a truncated packet has fewer fields, never wrong ones`() throws {
    for count in 0...Self.ipv4.count {
      let headers = CapturedHeaders(Self.ipv4.prefix(count))
      #expect((headers == nil) == (count < 20))
      if let port = headers?.destinationPort { #expect(port == 5432) }
      #expect((headers?.destinationPort != nil) == (count >= 24))
      #expect((headers?.tcpFlags != nil) == (count >= 34))
    }
    let long = Self.ipv6(0, Array(repeating: 0, count: 80))
    for count in 0...long.count { #expect((CapturedHeaders(long.prefix(count)) == nil) == (count < 40)) }
  }
}
