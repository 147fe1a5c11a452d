// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

struct PortRangeTests {
  @Test(
    "A range is never empty and never contains port 0",
    arguments: [
      (1, 65535, "1-65535"), (22, 22, "22"), (65535, 65535, "65535"), (0, 0, nil), (0, 5, nil), (5, 4, nil),
    ] as [(UInt16, UInt16, String?)])
  func making(lower: UInt16, upper: UInt16, text: String?) {
    #expect(PortRange(lower, upper)?.description == text)
  }

  @Test("A range contains its ends and the ports between them, and counts them")
  func containing() throws {
    let range = try #require(PortRange(1000, 1002))
    #expect((998...1004).filter { range.contains($0) } == [1000, 1001, 1002])
    #expect(range.count == 3)
    #expect(PortRange(1, 65535)?.count == 65535)
  }
}

struct InterfaceNameTests {
  @Test(
    "A name that the kernel accepts is accepted",
    arguments: [
      "a", "wg0", "eth0.100", "br-1a2b3c4d5e6f", "enp0s31f6", "...", "a_b", "wg-öff".filter(\.isASCII),
    ])
  func kept(text: String) {
    #expect(InterfaceName(text)?.description == text)
  }

  @Test(
    "A name that the kernel rejects, or that cannot be written in a ruleset, is rejected",
    arguments: [
      "", ".", "..", "a/b", "eth0:1", "a b", "a\tb", "a\n", "sixteen-bytes-xx", "wg*", "a\"b", "a\\b",
      "wg\u{e4}",
      "\u{7f}", "a\0",
    ])
  func refused(text: String) {
    #expect(InterfaceName(text) == nil)
  }

  @Test(
    "A pattern matches one name, or all names with its beginning",
    arguments: [
      ("wg0", "wg0", true), ("wg0", "wg00", false), ("wg*", "wg0", true), ("wg*", "wg", true),
      ("wg*", "w", false),
      ("br-*", "br-12", true), ("br-*", "br0", false),
    ])
  func matching(pattern: String, name: String, expected: Bool) throws {
    let pattern = try #require(InterfacePattern(pattern))
    let name = try #require(InterfaceName(name))
    #expect(pattern.matches(name) == expected)
  }

  @Test(
    "A pattern that matches everything, or is not a name, is rejected",
    arguments: ["*", "", "a*b", "**", "wg**", "a/*"])
  func refusedPattern(text: String) {
    #expect(InterfacePattern(text) == nil)
  }

  @Test(
    "Patterns overlap if some name matches both",
    arguments: [
      ("wg0", "wg0", true), ("wg0", "wg1", false), ("wg*", "wg0", true), ("wg*", "w*", true),
      ("wg*", "br*", false),
      ("wg0", "wg0*", true), ("wg00", "wg0", false),
    ])
  func overlapping(one: String, two: String, expected: Bool) throws {
    let one = try #require(InterfacePattern(one))
    let two = try #require(InterfacePattern(two))
    #expect(one.overlaps(two) == expected)
    #expect(two.overlaps(one) == expected)
  }

  @Test("A protocol has a name, or its number")
  func protocols() {
    #expect(IPProtocol(name: "tcp") == .tcp)
    #expect(IPProtocol(name: "TCP") == nil)
    #expect(IPProtocol(number: 6).description == "tcp")
    #expect(IPProtocol(number: 255).description == "255")
    #expect([IPProtocol.tcp, .udp, .sctp, .icmp, .esp].map(\.hasPorts) == [true, true, true, false, false])
  }
}
