// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketSets
import PacketWalk
import Ruleset
import TestSupport
import Testing

@Suite("Packets whose addresses are in one class")
struct AddressClassesWalkTests {
  @Test("get the same walk, for random rules", arguments: 0..<300)
  func same(_ seed: UInt64) throws {
    var rules = RandomAddressRules(random: SeededGenerator(seed: seed))
    let table = rules.table()
    let classes = AddressClasses([table], .destination)
    guard classes.unread.isEmpty else { return }
    let walk = PacketWalk([table])
    var byClass: [Int: Trace] = [:]
    for _ in 0..<200 {
      let address = IPAddress(family: .ipv4, bits: UInt128(rules.address()))
      let packet = Packet(
        source: try #require(IPAddress("192.0.2.1")), destination: address, transport: .tcp,
        destinationPort: 80,
        input: InterfaceName("eth0"))
      let trace = walk.trace(packet, hooks: [NFT.hookInput])
      let number = classes.number(of: address)
      if let other = byClass[number] {
        #expect(trace.verdict == other.verdict && trace.steps == other.steps, "\(address)")
      }
      byClass[number] = trace
    }
  }

  @Test("share a class with addresses that lie between other classes")
  func gaps() throws {
    let prefixes: [[UInt8]] = [[10, 0, 1], [10, 0, 3], [10, 0, 5]]
    let rules = prefixes.map { bytes in
      KernelRule(expressions: [
        .payload(base: NFT.payloadNetwork, offset: 16, length: 3, destination: 1),
        .compare(operation: NFT.equal, source: 1, data: bytes), .verdict(.drop),
      ])
    }
    let table = KernelTable(
      family: 2, name: "t",
      chains: [
        KernelChain(
          name: "c", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept), rules: rules)
      ])
    let classes = AddressClasses([table], .destination)
    func number(_ text: String) throws -> Int { classes.number(of: try #require(IPAddress(text))) }
    #expect(try number("10.0.0.1") == number("10.0.2.1"))
    #expect(try number("10.0.2.1") == number("200.0.0.1"))
    #expect(try Set(["10.0.1.9", "10.0.3.9", "10.0.5.9", "10.0.4.9"].map(number)).count == 4)
  }
}

/// A table whose rules compare destination addresses in every way that is a range.
private struct RandomAddressRules {
  var random: SeededGenerator
  private var sets: [KernelSet] = []

  init(random: SeededGenerator) { self.random = random }

  /// An address near those of the rules.
  mutating func address() -> UInt32 {
    0x0a00_0000 | UInt32(random.number(0...3)) << 8 | UInt32(random.number(0...15))
  }

  private mutating func bytes() -> [UInt8] {
    let number = address()
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  mutating func table() -> KernelTable {
    let rules = (0..<random.number(1...12)).map { _ in
      KernelRule(expressions: condition() + [.verdict(random.one(of: [.drop, .accept, .continue]))])
    }
    let base = BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept)
    return KernelTable(
      family: 2, name: "t", chains: [KernelChain(name: "c", base: base, rules: rules)], sets: sets)
  }

  private mutating func condition() -> [Expression] {
    let load = Expression.payload(base: NFT.payloadNetwork, offset: 16, length: 4, destination: 1)
    switch random.number(0...6) {
    case 0: return [load, .compare(operation: UInt32(random.number(0...5)), source: 1, data: bytes())]
    case 1:
      let both = [bytes(), bytes()].sorted { $0.lexicographicallyPrecedes($1) }
      return [load, .range(operation: UInt32(random.number(0...1)), source: 1, from: both[0], to: both[1])]
    case 2:
      let mask: [UInt8] = random.one(of: [[255, 255, 255, 0], [255, 255, 255, 252], [255, 255, 254, 0]])
      return [
        load, .bitwise(source: 1, destination: 1, mask: mask, xor: [0, 0, 0, 0]),
        .compare(
          operation: UInt32(random.number(0...1)), source: 1, data: zip(bytes(), mask).map { $0 & $1 }),
      ]
    case 3:
      return [
        .payload(base: NFT.payloadNetwork, offset: 16, length: 3, destination: 1),
        .compare(operation: UInt32(random.number(0...1)), source: 1, data: Array(bytes().prefix(3))),
      ]
    case 4: return [load] + lookup(plain())
    case 5: return [load] + lookup(intervals())
    default:
      let set = map()
      sets.append(set)
      return [load, .lookup(set: set.name, source: 1, destination: NFT.registerVerdict, inverted: .plain)]
    }
  }

  private mutating func lookup(_ set: KernelSet) -> [Expression] {
    sets.append(set)
    return [
      .lookup(set: set.name, source: 1, destination: nil, inverted: random.oneIn(2) ? .plain : .inverted)
    ]
  }

  private mutating func keys(_ count: Int) -> [[UInt8]] {
    var keys: Set<[UInt8]> = []
    for _ in 0..<count { keys.insert(bytes()) }
    return keys.sorted { $0.lexicographicallyPrecedes($1) }
  }

  private mutating func plain() -> KernelSet {
    KernelSet(
      name: "s\(sets.count)", keyType: NFT.typeIPv4Address, keyLength: 4,
      elements: SetElements(keyLength: 4, unsorted: keys(random.number(1...4)).flatMap { $0 + [0] }))
  }

  /// An interval set as the kernel reports it: beginnings, and the addresses after the ends.
  private mutating func intervals() -> KernelSet {
    var isInside = false
    let records = keys(random.number(2...6)).flatMap { key -> [UInt8] in
      // Two intervals in a row have no end between them.
      let isEnd = isInside && random.oneIn(2)
      isInside = !isEnd
      return key + [isEnd ? NFT.elementIntervalEnd : 0]
    }
    return KernelSet(
      name: "s\(sets.count)", flags: NFT.setInterval, keyType: NFT.typeIPv4Address, keyLength: 4,
      elements: SetElements(keyLength: 4, unsorted: records))
  }

  private mutating func map() -> KernelSet {
    let own = keys(random.number(1...4))
    return KernelSet(
      name: "s\(sets.count)", flags: NFT.setMap, keyType: NFT.typeIPv4Address, keyLength: 4,
      dataType: 0xffff_ff00, dataLength: 16,
      elements: SetElements(
        keyLength: 4, unsorted: own.flatMap { $0 + [0] },
        values: own.map { _ in .verdict(random.one(of: [.accept, .drop])) }))
  }
}
