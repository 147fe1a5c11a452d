// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import PacketSets
import Testing

@Suite("Classes of destination ports")
struct DestinationPortClassesTests {
  private static let load = Expression.payload(base: 2, offset: 2, length: 2, destination: 1)

  private static func table(_ expressions: [Expression], sets: [KernelSet] = []) -> KernelTable {
    KernelTable(
      family: 1, name: "t",
      chains: [KernelChain(name: "c", base: nil, rules: [KernelRule(expressions: expressions)])], sets: sets)
  }

  private static func classes(_ expressions: [Expression], sets: [KernelSet] = []) -> DestinationPortClasses {
    DestinationPortClasses([table(expressions, sets: sets)])
  }

  @Test("are a single class if no rule contains a number")
  func none() {
    let classes = DestinationPortClasses([])
    #expect(classes.ranges == [1...65_535])
    #expect(Set([1, 5432, 65_535].map { classes.number(of: $0) }).count == 1)
  }

  @Test("are cut where a rule compares with a number or a range")
  func cuts() {
    let one = Self.classes([Self.load, .compare(operation: 0, source: 1, data: [0x15, 0x38])])
    #expect(one.number(of: 5431) == one.number(of: 4000))
    #expect(one.number(of: 5432) != one.number(of: 5431))
    #expect(one.number(of: 5433) != one.number(of: 5432))
    #expect(one.ranges.contains(5432...5432))
    let range = Self.classes([
      Self.load, .range(operation: 0, source: 1, from: [0x1f, 0x40], to: [0x1f, 0x4a]),
    ])
    #expect(range.number(of: 8000) != range.number(of: 7999))
    #expect(range.number(of: 8011) != range.number(of: 8010))
  }

  @Test("are cut by a match of iptables, in either byte order")
  func opaque() {
    let classes = Self.classes([.opaque(name: "match", data: [0, 0, 0x38, 0x15, 9])])
    #expect(classes.ranges.contains(5432...5432))
  }

  @Test("are cut by the ports of a set, alone or with addresses, and not by addresses")
  func sets() {
    let ports = KernelSet(
      name: "p", keyType: 13, keyLength: 2,
      elements: SetElements(keyLength: 2, unsorted: [0x15, 0x38, 0, 0x1f, 0x90, 0]))
    let both = KernelSet(
      name: "b", keyType: 7 << 6 | 13, keyLength: 8, fields: [4, 2],
      elements: SetElements(keyLength: 8, unsorted: [10, 13, 13, 10, 0x22, 0xb8, 0, 0, 0]))
    let addresses = KernelSet(
      name: "a", keyType: 7, keyLength: 4,
      elements: SetElements(keyLength: 4, unsorted: [192, 0, 2, 1, 0]))
    #expect(Self.classes([], sets: [ports]).ranges.contains(8080...8080))
    #expect(Self.classes([], sets: [both]).ranges.contains(8888...8888))
    #expect(Self.classes([], sets: [addresses]).ranges == [1...65_535])
  }

  @Test(
    "are single ports if a rule masks a port or computes with it",
    arguments: [
      [load, .bitwise(source: 1, destination: 1, mask: [0xff, 0], xor: [0, 0])],
      [
        .payload(base: 1, offset: 20, length: 4, destination: 1),
        .bitwise(source: 1, destination: 1, mask: [0, 0, 1, 0], xor: []),
      ],
      [load, .opaque(name: "byteorder", data: [])], [load, .opaque(name: "hash", data: [])],
      [
        .ct(key: 12, direction: 0, destination: 1),
        .bitwise(source: 1, destination: 1, mask: [1, 0], xor: [0, 0]),
      ],
    ] as [[Expression]])
  func every(_ expressions: [Expression]) {
    let classes = Self.classes(expressions)
    #expect(Set((1...1000).map { classes.number(of: $0) }).count == 1000)
    #expect(classes.ranges.count == 65_535)
  }

  @Test("are not affected by masks of flags or states")
  func flags() {
    let classes = Self.classes([
      .payload(base: 2, offset: 13, length: 1, destination: 1),
      .bitwise(source: 1, destination: 1, mask: [2], xor: [0]), .compare(operation: 1, source: 1, data: [0]),
    ])
    #expect(classes.ranges == [1...65_535])
  }
}
