// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@Suite struct TemporaryGrantSetsTests {
  private static let empty = SetElements(keyLength: 12, hasKeyEnd: true)

  /// A table with the sets of one zone, as compiled.
  private static func table() -> KernelTable {
    let ruleset = Ruleset(
      chains: [],
      sets: AddressFamily.allCases.map { family in
        let key = NamedSet.Key.sourceAndPort(family)
        return NamedSet(
          name: TemporaryGrantSets.name(zone: "internet", family), key: key, kind: .set, layout: .timedRanges,
          elements: SetElements(keyLength: key.length, hasKeyEnd: true))
      }, counters: [])
    return Lowering.table(ruleset)
  }

  private static func range(
    _ sources: ClosedRange<UInt128>, _ ports: ClosedRange<UInt16>, for seconds: UInt64,
    _ comment: String = "eric: it"
  ) -> TemporaryGrantRange {
    TemporaryGrantRange(
      family: .ipv4, sources: sources, transport: .tcp, ports: ports,
      life: ElementLife(timeout: seconds * 1_000, comment: comment))
  }

  /// Does to a table's sets what the kernel would do, and fails where the kernel would refuse.
  private static func commit(_ operations: [TableOperation], to table: inout KernelTable) throws {
    for operation in operations {
      switch operation {
      case .deleteElements(let set, let removed):
        let place = try #require(table.sets.firstIndex { $0.name == set.name })
        let old = table.sets[place].elements
        let keys = Set((0..<removed.count).map { Array(removed.key($0)) + Array(removed.keyEnd($0) ?? []) })
        let rest = (0..<old.count).filter {
          !keys.contains(Array(old.key($0)) + Array(old.keyEnd($0) ?? []))
        }
        #expect(rest.count == old.count - removed.count, "deletes an element that is not in the set")
        table.sets[place].elements = SetElements(
          keyLength: old.keyLength, hasKeyEnd: true,
          unsorted: rest.flatMap { Array(old.key($0)) + Array(old.keyEnd($0) ?? []) + [0] },
          values: rest.compactMap { old.value($0) })
      case .addElements(let set, let new):
        let place = try #require(table.sets.firstIndex { $0.name == set.name })
        let old = table.sets[place].elements
        table.sets[place].elements = SetElements(
          keyLength: old.keyLength, hasKeyEnd: true, unsorted: old.records + new.records,
          values: old.values + new.values)
      default: Issue.record("\(operation)")
      }
    }
    let ranges = try #require(TemporaryGrantSets(zone: "internet", in: table)).ranges
    for (place, one) in ranges.enumerated() {
      for other in ranges[(place + 1)...] { #expect(!one.overlaps(other), "\(one) \(other)") }
    }
  }

  @Test(arguments: 0..<200)
  func `every packet is let in for as long as its longest temporary grant`(seed: UInt64) throws {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
    func random(_ bound: UInt64) -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state % bound
    }
    var table = Self.table()
    var wanted: [TemporaryGrantRange] = []
    for number in 0..<6 {
      let (source, port) = (UInt128(random(8)), UInt16(random(8)))
      let new = Self.range(
        source...(source + UInt128(random(5))), port...(port + UInt16(random(5))), for: 10 + random(5),
        "eric: \(number)")
      wanted.append(new)
      let sets = try #require(TemporaryGrantSets(zone: "internet", in: table))
      try Self.commit(sets.adding([new]), to: &table)
    }
    let sets = try #require(TemporaryGrantSets(zone: "internet", in: table))
    func time(_ ranges: [TemporaryGrantRange], _ source: UInt128, _ port: UInt16) -> UInt64 {
      ranges.filter { $0.sources.contains(source) && $0.ports.contains(port) }.map(\.life.remaining).max()
        ?? 0
    }
    for source in 0..<14 as Range<UInt128> {
      for port in 0..<14 as Range<UInt16> {
        #expect(time(sets.ranges, source, port) == time(wanted, source, port))
      }
    }
    // When one ends early, exactly what it lets in ends.
    let ended = wanted[Int(random(6))]
    try Self.commit(sets.removing([ended]), to: &table)
    let rest = try #require(TemporaryGrantSets(zone: "internet", in: table)).ranges
    for source in 0..<14 as Range<UInt128> {
      for port in 0..<14 as Range<UInt16> {
        let isEnded = ended.sources.contains(source) && ended.ports.contains(port)
        #expect(time(rest, source, port) == (isEnded ? 0 : time(wanted, source, port)))
      }
    }
  }

  @Test func `a grant within a longer one needs no change`() throws {
    var table = Self.table()
    let sets = try #require(TemporaryGrantSets(zone: "internet", in: table))
    try Self.commit(sets.adding([Self.range(1...9, 22...22, for: 60)]), to: &table)
    let again = try #require(TemporaryGrantSets(zone: "internet", in: table))
    #expect(again.adding([Self.range(2...5, 22...22, for: 30)]).isEmpty)
    #expect(!again.adding([Self.range(2...5, 22...22, for: 90)]).isEmpty)
  }

  @Test func `an element's comment and lifetime are in its bytes`() throws {
    var table = Self.table()
    let sets = try #require(TemporaryGrantSets(zone: "internet", in: table))
    try Self.commit(sets.adding([Self.range(1...9, 22...23, for: 60, "eric: a demo")]), to: &table)
    let range = try #require(TemporaryGrantSets(zone: "internet", in: table)?.ranges.first)
    #expect(range == Self.range(1...9, 22...23, for: 60, "eric: a demo"))
    #expect(range.prefixes.map(\.description) == ["0.0.0.1", "0.0.0.2/31", "0.0.0.4/30", "0.0.0.8/31"])
  }

  @Test func `a table without the sets has no temporary grants`() {
    #expect(
      TemporaryGrantSets(zone: "internet", in: KernelTable(family: NFT.familyInet, name: "wgfence")) == nil)
    #expect(TemporaryGrantSets(zone: "lan", in: Self.table()) == nil)
    #expect(TemporaryGrantSets.all(in: Self.table()).map(\.zone) == ["internet"])
  }

  @Test func `elements with a timeout are no difference, and are copied into a table created again`() throws {
    let desired = Self.table()
    var observed = desired
    let sets = try #require(TemporaryGrantSets(zone: "internet", in: observed))
    try Self.commit(sets.adding([Self.range(1...9, 22...22, for: 60)]), to: &observed)
    // As it is read from a kernel a while later.
    let place = try #require(observed.sets.firstIndex { $0.name == "opened-internet-v4" })
    let old = observed.sets[place].elements
    observed.sets[place].elements = SetElements(
      keyLength: old.keyLength, hasKeyEnd: true, unsorted: old.records, values: old.values,
      remaining: [40_000])
    #expect(Plan(desired: desired, observed: observed).isEmpty)

    var other = desired
    other.userdata = [0, 2, 65, 0]
    let plan = Plan(desired: other, observed: observed)
    #expect(plan.scope == .whole)
    guard case .addElements(let set, let carried)? = plan.operations.last else {
      Issue.record("\(plan.operations)")
      return
    }
    #expect(set.name == "opened-internet-v4")
    #expect(carried.life(0) == ElementLife(timeout: 40_000, comment: "eric: it"))
  }
}
