// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import TestSupport
import Testing

@testable import PolicyLanguage

@Suite("Reading prefixes from bytes")
struct PrefixScannerTests {
  @Test(
    "agrees with the slower parser",
    arguments: [
      "10.0.0.0/8", "10.0.0.1", "0.0.0.0/0", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4",
      "1.2.3.4/",
      "1.2.3.4/33", "1.2.3.4/032", "::", "::/0", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
      "::2:3:4:5:6:7:8",
      "1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7:8:9", "1::2::3", ":::", ":1", "1:", "12345::", "fd00::/64",
      "fd00::1/64",
      "::ffff:192.0.2.1", "::ffff:192.0.2.0/120", "1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:7:192.0.2.1",
      "::192.0.2.1.5",
      "fe80::1%eth0", "", "/", "/8", "a", "g::", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "2001:DB8::",
      "::1.2.3.4:5", ".", ":",
      "1..2.3", "0x1.2.3.4", "1.2.3.4/+8", "192.0.2.1::",
    ])
  func agrees(text: String) { #expect(PrefixScanner.scan(text) == Prefix(text), "\(text)") }

  @Test("agrees with the slower parser on a hundred thousand random texts")
  func agreesAtRandom() {
    var generator = SeededGenerator(seed: 3)
    let pieces = [
      "1", "0", "25", "255", "fd00", "a", ":", "::", ".", "/", "8", "64", "32", "10.0.0.0", ":1:2:3",
    ]
    for _ in 0..<100_000 {
      let text = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }
      .joined()
      let (fast, slow) = (PrefixScanner.scan(text), Prefix(text))
      if fast != slow {
        Issue.record("\(text): \(String(describing: fast)), not \(String(describing: slow))")
      }
    }
  }

  @Test("merging keeps the addresses, and the result cannot be merged further", arguments: [10, 100, 3000])
  func merging(count: Int) throws {
    var generator = SeededGenerator(seed: UInt64(count))
    var merge = PrefixMerge()
    var all: [Prefix] = []
    for _ in 0..<count {
      let isIPv4 = Bool.random(using: &generator)
      let address = IPAddress(
        family: isIPv4 ? .ipv4 : .ipv6,
        bits: isIPv4
          ? 0x0a00_0000 | UInt128.random(in: 0...0xffff, using: &generator)
          : UInt128(0xfd) << 120 | UInt128.random(in: 0...0xffff, using: &generator))
      let prefix = Prefix(
        containing: address,
        length: isIPv4
          ? Int.random(in: 22...32, using: &generator) : Int.random(in: 118...128, using: &generator))
      all.append(prefix)
      merge.add(prefix)
    }
    let merged = merge.merged()
    #expect(merged == merged.sorted())
    for prefix in all { #expect(merged.contains { $0.contains(prefix) }) }
    for (one, two) in zip(merged, merged.dropFirst()) {
      #expect(!one.overlaps(two))
      // Two halves of a prefix must have been merged.
      let parent = Prefix(containing: one.address, length: one.length - 1)
      #expect(!(one.length == two.length && parent.contains(two)))
    }
    func size(_ prefixes: [Prefix]) -> UInt128 {
      prefixes.reduce(0) { $0 + (UInt128(1) << UInt128($1.family.bitWidth - $1.length)) }
    }
    var singles: Set<IPAddress> = []
    for prefix in all {
      for bits in prefix.address.bits...prefix.last.bits {
        singles.insert(IPAddress(family: prefix.family, bits: bits))
      }
    }
    #expect(size(merged) == UInt128(singles.count))
  }

  @Test("the first and last addresses of both families are merged without overflow")
  func ends() {
    var merge = PrefixMerge()
    for text in ["128.0.0.0/1", "0.0.0.0/1", "8000::/1", "::/1", "255.255.255.255", "ffff::/16"] {
      Prefix(text).map { merge.add($0) }
    }
    #expect(merge.merged().map(\.description) == ["0.0.0.0/0", "::/0"])
  }
}
