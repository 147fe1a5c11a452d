// SPDX-License-Identifier: GPL-3.0-or-later
// swift-format-ignore-file: NeverForceUnwrap

import Glibc
import NetworkModel
import TestSupport
import Testing

struct IPAddressTests {
  @Test(
    "An address is parsed, and printed in its canonical form",
    arguments: [
      ("0.0.0.0", "0.0.0.0"), ("192.0.2.1", "192.0.2.1"), ("255.255.255.255", "255.255.255.255"),
      ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::A", "2001:db8::a"),
      ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
      ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("fe80::0202:b3ff:fe1e:8329", "fe80::202:b3ff:fe1e:8329"),
      ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("0:0:0:0:0:0:13.1.68.3", "::d01:4403"),
    ])
  func reading(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(
    "Every form of RFC 5952 sections 2 and 4 is printed in the recommended form",
    arguments: [
      ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("2001:db8::1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:0:1::1", "2001:db8::1:0:0:1"),
      ("2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"), ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
      ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
      ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),
      (
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:AAAA",
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"
      ),
    ])
  func recommended(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(
    "A text that is not an address is rejected",
    arguments: [
      "", " ", ".", ":", ":::", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "01.2.3.4",
      "1.2.3.-4",
      "1..3.4", "1.2.3.", "0x1.2.3.4", "1.2.3.4/32", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "::1::",
      "12345::", "g::", "::1%eth0", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", ":1:2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7:8:", ":1::", "1::2:", "::1.2.3", "::1.2.3.400", "1.2.3.4::", "::ffff:1.2.3.4:5", "[::1]",
      "١.٢.٣.٤",
      "::١", "2001:db8::1\0",
    ])
  func refused(text: String) {
    #expect(IPAddress(text) == nil)
  }

  /// The text of the C library for the bytes.
  private static func reference(_ address: IPAddress) -> String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    address.bytes.withUnsafeBytes {
      _ = inet_ntop(address.family == .ipv4 ? AF_INET : AF_INET6, $0.baseAddress!, &text, UInt32(text.count))
    }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test("Random addresses are unchanged after printing and parsing, and are printed as by inet_ntop")
  func roundTrip() {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<20_000 {
      let family: AddressFamily = Bool.random(using: &generator) ? .ipv4 : .ipv6
      var bits = UInt128(generator.next()) << 64 | UInt128(generator.next())
      // The canonical form depends on runs of zero groups.
      let zeros = UInt8(truncatingIfNeeded: generator.next() & generator.next())
      if family == .ipv6 {
        for group in 0..<8 where zeros >> UInt8(group) & 1 == 0 {
          bits &= ~(UInt128(0xffff) << UInt128(group * 16))
        }
      }
      let address = IPAddress(family: family, bits: bits)
      #expect(IPAddress(address.description) == address)
      #expect(IPAddress(bytes: address.bytes) == address)
      // inet_ntop prints ::192.0.2.1 and ::ffff:192.0.2.1 with dots, which RFC 5952 leaves optional.
      if family == .ipv4 || address.bits >> 48 != 0 {
        #expect(Self.reference(address) == address.description)
      }
    }
  }

  @Test("Addresses are ordered by family, then numerically")
  func order() throws {
    let texts = ["0.0.0.0", "9.255.0.1", "10.0.0.1", "255.255.255.255", "::", "::9", "::a", "ffff::"]
    let addresses = try texts.map { try #require(IPAddress($0)) }
    #expect(addresses.reversed().sorted() == addresses)
  }

  @Test(
    "An IPv4-mapped address becomes IPv4, any other address is unchanged",
    arguments: [
      ("::ffff:192.0.2.1", "192.0.2.1"), ("::ffff:0.0.0.0", "0.0.0.0"), ("::192.0.2.1", "::c000:201"),
      ("::fffe:1.2.3.4", "::fffe:102:304"), ("1::ffff:1.2.3.4", "1::ffff:102:304"), ("10.0.0.1", "10.0.0.1"),
    ])
  func unmapping(text: String, unmapped: String) {
    #expect(IPAddress(text)?.unmapped.description == unmapped)
  }

  @Test(
    "Loopback is 127.0.0.0/8 and ::1",
    arguments: [
      ("127.0.0.1", true), ("127.255.255.255", true), ("128.0.0.0", false), ("126.255.255.255", false),
      ("::1", true),
      ("::2", false), ("::", false), ("0.0.0.0", false),
    ])
  func loopback(text: String, expected: Bool) {
    #expect(IPAddress(text)?.isLoopback == expected)
  }
}
