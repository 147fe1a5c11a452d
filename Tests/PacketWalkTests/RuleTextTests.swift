// SPDX-License-Identifier: GPL-3.0-or-later

import PacketWalk
import Ruleset
import Testing

@Suite("The text of a rule")
struct RuleTextTests {
  private static func attribute(_ type: UInt16, _ number: UInt32) -> [UInt8] {
    HostOrder.bytes(UInt16(8)) + HostOrder.bytes(type) + HostOrder.bytes(number.bigEndian)
  }

  private static let anonymous = KernelSet(
    name: "__set0", flags: NFT.setAnonymous, keyType: 13, keyLength: 2,
    elements: SetElements(keyLength: 2, unsorted: [0, 22, 0, 0, 80, 0]))
  private static let pairs = KernelSet(
    name: "pairs", keyType: 12 << 6 | 13, keyLength: 8, elements: SetElements(keyLength: 8))
  private static let marks = KernelSet(
    name: "marks", flags: NFT.setMap, keyType: 13, keyLength: 2, dataType: 19, dataLength: 4,
    elements: SetElements(keyLength: 2))

  private static func family(_ number: UInt8) -> [Expression] {
    [.meta(key: MetaKey.family.rawValue, destination: 1), .compare(operation: 0, source: 1, data: [number])]
  }

  private static let port = Expression.payload(base: 2, offset: 2, length: 2, destination: 1)
  private static let tcp: [Expression] = [
    .meta(key: MetaKey.transport.rawValue, destination: 1), .compare(operation: 0, source: 1, data: [6]),
  ]

  @Test(
    "names the fields as nft does",
    arguments: [
      (tcp + [port, .compare(operation: 0, source: 1, data: [0, 22])], "meta l4proto tcp tcp dport 22"),
      ([port, .compare(operation: 5, source: 1, data: [4, 0])], "th dport >= 1024"),
      ([port, .range(operation: 1, source: 1, from: [0, 1], to: [0, 9])], "th dport != 1-9"),
      (
        [.meta(key: 6, destination: 1), .compare(operation: 0, source: 1, data: Array("wg".utf8))],
        "iifname \"wg*\""
      ),
      (
        [
          .payload(base: 1, offset: 12, length: 1, destination: 1),
          .compare(operation: 0, source: 1, data: [10]),
        ], "ip saddr 10.0.0.0/8"
      ),
      (
        [
          .payload(base: 1, offset: 16, length: 4, destination: 1),
          .bitwise(source: 1, destination: 1, mask: [255, 240, 0, 0], xor: [0, 0, 0, 0]),
          .compare(operation: 1, source: 1, data: [172, 16, 0, 0]),
        ], "ip daddr != 172.16.0.0/12"
      ),
      // The same byte in both families.
      (
        family(2) + [
          .payload(base: 1, offset: 8, length: 1, destination: 1),
          .compare(operation: 2, source: 1, data: [64]),
        ], "meta nfproto ipv4 ip ttl < 64"
      ),
      (
        family(10) + [
          .payload(base: 1, offset: 8, length: 1, destination: 1),
          .compare(operation: 0, source: 1, data: [0xfd]),
        ], "meta nfproto ipv6 ip6 saddr fd00::/8"
      ),
      (
        family(10) + [
          .payload(base: 1, offset: 24, length: 4, destination: 1),
          .compare(operation: 0, source: 1, data: [0x20, 1, 0x0d, 0xb8]),
        ], "meta nfproto ipv6 ip6 daddr 2001:db8::/32"
      ),
      (
        [
          .payload(base: 1, offset: 7, length: 1, destination: 1),
          .compare(operation: 0, source: 1, data: [255]),
        ], "ip6 hoplimit 255"
      ),
      (
        [
          .payload(base: 2, offset: 4, length: 2, destination: 1),
          .compare(operation: 0, source: 1, data: [0, 14]),
        ], "@th,32,16 0x000e"
      ),
      (
        [
          .payload(base: 2, offset: 0, length: 4, destination: 1),
          .compare(operation: 0, source: 1, data: [0, 53, 0, 53]),
        ], "th sport . th dport 0x00350035"
      ),
      (
        [
          .ct(key: 0, direction: nil, destination: 1),
          .bitwise(source: 1, destination: 1, mask: HostOrder.bytes(UInt32(6)), xor: [0, 0, 0, 0]),
          .compare(operation: 1, source: 1, data: [0, 0, 0, 0]),
        ], "ct state established,related"
      ),
      (
        [
          .meta(key: 3, destination: 1),
          .bitwise(
            source: 1, destination: 1, mask: HostOrder.bytes(UInt32(0xff)),
            xor: HostOrder.bytes(UInt32(0x100))),
          .metaSet(key: 3, source: 1),
        ], "meta mark set meta mark & 255 xor 256"
      ),
      (
        [
          .meta(key: 3, destination: 1),
          .bitwise(
            source: 1, destination: 1, mask: HostOrder.bytes(UInt32(0xf0)), xor: [0, 0, 0, 0]),
          .metaSet(key: 3, source: 1),
        ], "meta mark set meta mark & 240"
      ),
      (
        [
          .opaque(
            name: "numgen", data: attribute(1, 1) + attribute(2, 2) + attribute(3, 1) + attribute(4, 0)),
          .lookup(set: "marks", source: 1, destination: 1, inverted: .plain),
          .opaque(name: "nat", data: attribute(1, 1) + attribute(2, 2) + attribute(3, 1)),
        ], "dnat to numgen random mod 2 map @marks"
      ),
      (
        [
          .payload(base: 1, offset: 12, length: 4, destination: 2),
          .opaque(
            name: "hash",
            data: attribute(1, 2) + attribute(2, 1) + attribute(4, 8) + attribute(6, 4) + attribute(7, 0)),
          .compare(operation: 0, source: 1, data: [0, 0, 0, 5]),
        ], "jhash ip saddr mod 8 offset 4 0x00000005"
      ),
      (
        [
          .fib(result: 3, flags: 2, destination: 1),
          .compare(operation: 1, source: 1, data: HostOrder.bytes(UInt32(2))),
        ],
        "fib daddr type != local"
      ),
      // nft swaps numbers of the host before it compares them with a range.
      (
        [
          .meta(key: 0, destination: 1),
          .opaque(
            name: "byteorder", data: attribute(1, 1) + attribute(2, 1) + attribute(4, 4) + attribute(5, 4)),
          .range(operation: 0, source: 1, from: [0, 0, 0, 40], to: [0, 0, 0, 60]),
        ], "meta length 40-60"
      ),
      (
        [
          .meta(key: 32, destination: 1),
          .opaque(
            name: "byteorder", data: attribute(1, 1) + attribute(2, 1) + attribute(4, 4) + attribute(5, 4)),
          .range(operation: 0, source: 1, from: [0, 0, 0x70, 0x80], to: [0, 0, 0xef, 0x1f]),
        ], "meta hour 08:00-17:00:15"
      ),
      ([.meta(key: 31, destination: 1), .compare(operation: 0, source: 1, data: [1])], "meta day Monday"),
      (
        [
          .meta(key: 20, destination: 1), .compare(operation: 0, source: 1, data: HostOrder.bytes(UInt32(3))),
        ], "meta cpu 3"
      ),
      (
        [
          .opaque(
            name: "exthdr",
            data: attribute(1, 1) + [5, 0, 2, 0, 2, 0, 0, 0] + attribute(3, 2) + attribute(4, 2)
              + attribute(6, 1)),
          .compare(operation: 0, source: 1, data: [0x05, 0xb4]),
        ], "tcp option maxseg size 1460"
      ),
      (
        [
          .payload(base: 0, offset: 6, length: 6, destination: 1),
          .compare(operation: 0, source: 1, data: [2, 0, 0, 0, 0, 1]),
        ], "ether saddr 0x020000000001"
      ),
      (
        [port, .lookup(set: "__set0", source: 1, destination: nil, inverted: .inverted)],
        "th dport != { 22, 80 }"
      ),
      (
        [
          .meta(key: 16, destination: 1), .payload(base: 2, offset: 2, length: 2, destination: 9),
          .lookup(set: "pairs", source: 1, destination: 0, inverted: .plain),
        ], "meta l4proto . th dport vmap @pairs"
      ),
      (
        [
          port, .lookup(set: "marks", source: 1, destination: 1, inverted: .plain),
          .metaSet(key: 3, source: 1),
        ], "meta mark set th dport map @marks"
      ),
      (
        [.immediate(destination: 1, data: HostOrder.bytes(UInt32(7))), .metaSet(key: 3, source: 1)],
        "meta mark set 7"
      ),
      (
        [
          .immediate(destination: 1, data: [172, 17, 0, 2]), .immediate(destination: 9, data: [0, 80]),
          .opaque(name: "nat", data: attribute(1, 1) + attribute(2, 2) + attribute(3, 1) + attribute(5, 9)),
        ], "dnat to 172.17.0.2:80"
      ),
      (
        [
          .immediate(destination: 1, data: [10, 0, 0, 20]), .immediate(destination: 2, data: [10, 0, 0, 21]),
          .opaque(name: "nat", data: attribute(1, 0) + attribute(2, 2) + attribute(3, 1) + attribute(4, 2)),
        ], "snat to 10.0.0.20-10.0.0.21"
      ),
      (
        [
          .immediate(destination: 1, data: [20, 233]),
          .opaque(
            name: "payload", data: attribute(5, 1) + attribute(2, 2) + attribute(3, 2) + attribute(4, 2)),
        ], "th dport set 5353"
      ),
      ([.meta(key: 99, destination: 1), .compare(operation: 0, source: 1, data: [1])], "meta 99 0x01"),
      // The second half of the name is overwritten.
      (
        [
          .meta(key: 6, destination: 1), .meta(key: 16, destination: 10),
          .compare(operation: 0, source: 10, data: [6]),
        ],
        "meta l4proto tcp"
      ),
    ] as [([Expression], String)])
  func text(_ expressions: [Expression], _ text: String) {
    let rule = KernelRule(expressions: expressions)
    #expect(RuleText.line(rule, family: 1, sets: [Self.anonymous, Self.pairs, Self.marks]) == text)
  }
}
