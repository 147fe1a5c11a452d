// SPDX-License-Identifier: GPL-3.0-or-later

import Ruleset
import PacketSets
import Testing

@Suite("Classes of source ports")
struct SourcePortClassesTests {
  private static func classes(_ expressions: [Expression]) -> SourcePortClasses {
    SourcePortClasses([
      KernelTable(
        family: 1, name: "t",
        chains: [KernelChain(name: "c", base: nil, rules: [KernelRule(expressions: expressions)])])
    ])
  }

  private static let load = Expression.payload(base: 2, offset: 0, length: 2, destination: 1)

  @Test("are a single class if no rule tests a source port")
  func none() {
    let classes = Self.classes([
      .payload(base: 2, offset: 2, length: 2, destination: 1),
      .compare(operation: 0, source: 1, data: [0x15, 0x38]),
      .payload(base: 1, offset: 12, length: 4, destination: 1),
      .lookup(set: "s", source: 1, destination: nil, inverted: .plain),
    ])
    #expect(Set([0, 1, 5432, 65_535].map { classes.number(of: $0) }).count == 1)
  }

  @Test("are cut where a rule compares with a number or a range")
  func cuts() {
    let one = Self.classes([Self.load, .compare(operation: 0, source: 1, data: [0, 68])])
    #expect(one.number(of: 67) == one.number(of: 0))
    #expect(one.number(of: 68) != one.number(of: 67))
    #expect(one.number(of: 69) != one.number(of: 68))
    #expect(one.number(of: 65_535) == one.number(of: 69))
    let range = Self.classes([
      Self.load, .range(operation: 0, source: 1, from: [0xff, 0], to: [0xff, 0xff]),
    ])
    #expect(range.number(of: 0xfeff) == range.number(of: 1))
    #expect(range.number(of: 0xff00) == range.number(of: 0xffff))
    #expect(range.number(of: 0xff00) != range.number(of: 0xfeff))
  }

  @Test(
    "are single ports if a rule uses a port in any other way",
    arguments: [
      [load, .lookup(set: "s", source: 1, destination: nil, inverted: .plain)],
      [load, .bitwise(source: 1, destination: 2, mask: [0xff, 0], xor: [0, 0])],
      [load, .metaSet(key: 3, source: 1)], [load, .objectMap(set: "m", source: 1)],
      [load, .compare(operation: 0, source: 1, data: [1, 2, 3, 4])],
      [
        .payload(base: 1, offset: 12, length: 4, destination: 1),
        .payload(base: 2, offset: 0, length: 2, destination: 9),
        .lookup(set: "s", source: 1, destination: nil, inverted: .plain),
      ], [.payload(base: 2, offset: 0, length: 4, destination: 1)],
      [.payload(base: 1, offset: 20, length: 2, destination: 1)], [.opaque(name: "match", data: [])],
      [.ct(key: 11, direction: 0, destination: 1)],
    ] as [[Expression]])
  func every(_ expressions: [Expression]) {
    let classes = Self.classes(expressions)
    #expect(Set((0...999).map { classes.number(of: $0) }).count == 1000)
  }

  @Test("are not affected by a rule for ICMP, which has the type in these bytes")
  func types() {
    let type = [
      Expression.payload(base: 2, offset: 0, length: 1, destination: 1),
      .compare(operation: 0, source: 1, data: [8]),
    ]
    let icmp = Self.classes(
      [.meta(key: 16, destination: 1), .compare(operation: 0, source: 1, data: [1])] + type)
    #expect(icmp.number(of: 0) == icmp.number(of: 2048))
    let tcp = Self.classes(
      [.meta(key: 16, destination: 1), .compare(operation: 0, source: 1, data: [6])] + type)
    #expect(tcp.number(of: 0) != tcp.number(of: 2048))
    let no = Self.classes(
      [.meta(key: 16, destination: 1), .compare(operation: 1, source: 1, data: [1])] + type)
    #expect(no.number(of: 0) != no.number(of: 2048))
  }

  @Test("are not affected by a register that was loaded again")
  func reloaded() {
    let classes = Self.classes([
      Self.load, .compare(operation: 0, source: 1, data: [0, 53]), .meta(key: 6, destination: 1),
      .lookup(set: "s", source: 1, destination: nil, inverted: .plain),
    ])
    #expect(classes.number(of: 1000) == classes.number(of: 2000))
  }
}
