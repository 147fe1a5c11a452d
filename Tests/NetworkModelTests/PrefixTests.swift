// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import TestSupport
import Testing

struct PrefixTests {
  @Test(
    "A prefix is parsed, and printed with its length unless it is one address",
    arguments: [
      ("0.0.0.0/0", "0.0.0.0/0"), ("10.0.0.0/8", "10.0.0.0/8"), ("10.13.13.1/32", "10.13.13.1"),
      ("10.13.13.1", "10.13.13.1"), ("128.0.0.0/1", "128.0.0.0/1"), ("::/0", "::/0"),
      ("2001:DB8::/32", "2001:db8::/32"), ("::1/128", "::1"), ("fe80::/010", "fe80::/10"),
      ("8000::/1", "8000::/1"),
    ])
  func reading(text: String, canonical: String) throws {
    let prefix = try #require(Prefix(text))
    #expect(prefix.description == canonical)
    #expect(Prefix(prefix.description) == prefix)
  }

  @Test(
    "A text that is not a prefix is rejected, and so are host bits",
    arguments: [
      "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/ 8",
      "10.0.0.1/31", "10.13.13.1/24", "::1/127", "::/129", "::/0000", "2001:db8::1/64", "10.0.0.0/٨", "1/8",
    ])
  func refused(text: String) {
    #expect(Prefix(text) == nil)
  }

  @Test(
    "Clearing the host bits gives the block that contains the address, for every length",
    arguments: AddressFamily.allCases)
  func containing(family: AddressFamily) {
    var generator = SeededGenerator(seed: 2)
    for length in 0...family.bitWidth {
      let address = IPAddress(
        family: family, bits: UInt128(generator.next()) << 64 | UInt128(generator.next()))
      let prefix = Prefix(containing: address, length: length)
      #expect(prefix.length == length)
      #expect(prefix.contains(address) && prefix.contains(prefix.address) && prefix.contains(prefix.last))
      #expect(Prefix(address: prefix.address, length: length) == prefix)
      let size = family.bitWidth - length
      #expect(
        prefix.last.bits - prefix.address.bits
          == (size == 128 ? UInt128.max : (UInt128(1) << UInt128(size)) - 1))
      if length > 0 {
        let sibling = IPAddress(family: family, bits: prefix.address.bits ^ UInt128(1) << UInt128(size))
        #expect(!prefix.contains(sibling))
      }
    }
  }

  @Test("A length beyond the family's is clamped if host bits are cleared, and rejected otherwise")
  func clamping() throws {
    let address = try #require(IPAddress("10.0.0.1"))
    #expect(Prefix(containing: address, length: 99) == Prefix(address))
    #expect(Prefix(containing: address, length: -1).description == "0.0.0.0/0")
    #expect(Prefix(address: address, length: 33) == nil)
    #expect(Prefix(address: address, length: -1) == nil)
  }

  @Test(
    "Containing and overlapping",
    arguments: [
      ("10.0.0.0/8", "10.1.0.0/16", true, true), ("10.1.0.0/16", "10.0.0.0/8", false, true),
      ("10.0.0.0/9", "10.128.0.0/9", false, false), ("0.0.0.0/0", "::/0", false, false),
      ("::/0", "2001:db8::1", true, true), ("10.0.0.0/8", "10.0.0.0/8", true, true),
      ("::/96", "0.0.0.1", false, false),
    ])
  func containing(one: String, two: String, contains: Bool, overlaps: Bool) throws {
    let one = try #require(Prefix(one))
    let two = try #require(Prefix(two))
    #expect(one.contains(two) == contains)
    #expect(one.overlaps(two) == overlaps)
    #expect(two.overlaps(one) == overlaps)
  }

  @Test(
    "The mask is in network order",
    arguments: [("10.0.0.0/9", [255, 128, 0, 0]), ("0.0.0.0/0", [0, 0, 0, 0])])
  func mask(text: String, bytes: [UInt8]) throws {
    #expect(Prefix(text)?.maskBytes == bytes)
  }

  @Test("An interface's address keeps its host bits and gives its network")
  func interfaceAddress() throws {
    let address = try #require(IPAddress("10.13.13.2"))
    let own = try #require(InterfaceAddress(address, prefixLength: 24))
    #expect(own.description == "10.13.13.2/24")
    #expect(own.network.description == "10.13.13.0/24")
    #expect(InterfaceAddress(own.address, prefixLength: 33) == nil)
  }
}

struct PrefixContainmentTests {
  @Test(
    "Prefixes inside another one are removed, and each is listed once",
    arguments: [
      ([], []), (["10.0.0.0/8", "10.0.0.0/8"], ["10.0.0.0/8"]),
      (["192.168.1.0/24", "10.1.2.3", "10.1.0.0/16", "10.1.2.0/24"], ["10.1.0.0/16", "192.168.1.0/24"]),
      (["10.0.0.0/9", "10.128.0.0/9"], ["10.0.0.0/9", "10.128.0.0/9"]),
      (["::/0", "0.0.0.0/1", "2001:db8::/32", "64.0.0.0/2"], ["0.0.0.0/1", "::/0"]),
    ] as [([String], [String])])
  func outermost(_ texts: [String], _ expected: [String]) throws {
    let prefixes = try texts.map { try #require(Prefix($0)) }
    #expect(Prefix.outermost(prefixes).map(\.description) == expected)
  }
}
