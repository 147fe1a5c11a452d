// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketSets
import PacketWalk
import Ruleset
import TestSupport
import Testing

@Suite("Packets whose ports are in one class")
struct PortClassesWalkTests {
  /// Numbers that the rules contain, and some others.
  private static let ports: [UInt16] = [
    0, 1, 21, 22, 23, 53, 255, 256, 443, 1000, 1023, 1024, 2048, 5431, 5432, 5433, 8080, 33_000, 65_534,
    65_535,
  ]

  @Test("get the same walk, for random rules", arguments: 0..<400)
  func same(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var rules = RandomPortRules(random: random)
    let table = rules.table()
    let sources = SourcePortClasses([table])
    let destinations = DestinationPortClasses([table])
    let walk = PacketWalk([table])
    random = SeededGenerator(seed: seed &+ 1_000_000)
    for _ in 0..<6 {
      let packet = try Self.packet(&random)
      var byClass: [Int: Trace] = [:]
      for port in Self.ports {
        var one = packet
        one.sourcePort = port
        Self.expectSame(one, sources.number(of: port), walk, &byClass)
      }
      byClass = [:]
      for port in Self.ports {
        var one = packet
        one.destinationPort = port
        Self.expectSame(one, Int(destinations.number(of: port)), walk, &byClass)
      }
    }
  }

  @Test("and those of a walk that read no port, for random rules", arguments: 0..<400)
  func independent(_ seed: UInt64) throws {
    var rules = RandomPortRules(random: SeededGenerator(seed: seed))
    let walk = PacketWalk([rules.table()])
    var random = SeededGenerator(seed: seed &+ 2_000_000)
    for _ in 0..<6 {
      let packet = try Self.packet(&random)
      let traces = Self.ports.map { port in
        var one = packet
        one.destinationPort = port
        return walk.trace(one, hooks: [NFT.hookInput])
      }
      guard let free = traces.first(where: { !$0.dependsOnPort }) else { continue }
      #expect(traces.allSatisfy { $0.verdict == free.verdict && $0.steps == free.steps }, "\(packet)")
    }
  }

  @Test("do not include the port to which a rule translates all of them")
  func translated() throws {
    // NFTA_NAT_TYPE dnat, FAMILY ip, REG_ADDR_MIN 1, REG_PROTO_MIN 2
    let data: [UInt8] = [
      8, 0, 1, 0, 0, 0, 0, 1, 8, 0, 2, 0, 0, 0, 0, 2, 8, 0, 3, 0, 0, 0, 0, 1, 8, 0, 5, 0, 0, 0, 0, 2,
    ]
    let rule = KernelRule(expressions: [
      .immediate(destination: 1, data: [172, 17, 0, 2]), .immediate(destination: 2, data: [0x1f, 0x90]),
      .opaque(name: "nat", data: data),
    ])
    let base = BaseChain(hook: NFT.hookPrerouting, priority: -100, type: "nat", policy: .accept)
    let walk = PacketWalk([
      KernelTable(
        family: AddressFamily.ipv4.rawValue, name: "t",
        chains: [KernelChain(name: "c", base: base, rules: [rule])])
    ])
    let ends = try [80, 8080].map { (port: UInt16) in
      let packet = Packet(
        source: try #require(IPAddress("192.0.2.22")), destination: try #require(IPAddress("10.13.13.1")),
        transport: .tcp, sourcePort: 4000, destinationPort: port, input: InterfaceName("eth0"))
      return walk.trace(packet, hooks: [NFT.hookPrerouting])
    }
    #expect(ends.map { $0.packet?.destinationPort } == [8080, 8080])
    // The second has the port already.
    for end in ends { #expect(end.dependsOnPort) }
  }

  @Test("are found in many of these tables")
  func many() {
    let tables = (0..<400).map { (seed: UInt64) in
      var rules = RandomPortRules(random: SeededGenerator(seed: seed))
      return rules.table()
    }
    let sources = tables.filter {
      SourcePortClasses([$0]).number(of: 40_000) == SourcePortClasses([$0]).number(of: 40_001)
    }
    let destinations = tables.filter { DestinationPortClasses([$0]).ranges.count < 65_535 }
    #expect(sources.count > 40, "\(sources.count)")
    #expect(destinations.count > 100, "\(destinations.count)")
  }

  private static func expectSame(
    _ packet: Packet, _ number: Int, _ walk: PacketWalk, _ byClass: inout [Int: Trace]
  ) {
    let trace = walk.trace(packet, hooks: [NFT.hookInput])
    guard let other = byClass[number] else { return byClass[number] = trace }
    #expect(trace.verdict == other.verdict, "\(packet)")
    #expect(trace.steps.map(\.text) == other.steps.map(\.text), "\(packet)")
  }

  private static func packet(_ random: inout SeededGenerator) throws -> Packet {
    let isIPv6 = random.oneIn(3)
    let addresses = isIPv6 ? ["2001:db8::16", "fd13::1"] : ["192.0.2.22", "10.13.13.1"]
    var packet = Packet(
      source: try #require(IPAddress(random.one(of: addresses))),
      destination: try #require(IPAddress(random.one(of: addresses))),
      transport: random.one(of: [.tcp, .udp, .sctp]),
      sourcePort: random.one(of: ports), destinationPort: random.one(of: ports), input: InterfaceName("eth0"))
    packet.state = random.one(of: [.new, .established])
    return packet
  }
}

/// A table with rules that load, change and compare what may be a port.
private struct RandomPortRules {
  var random: SeededGenerator

  private static let set = KernelSet(
    name: "ports", keyType: 13, keyLength: 2,
    elements: SetElements(keyLength: 2, unsorted: [0, 22, 0, 0x15, 0x38, 0]))
  private static let pairs = KernelSet(
    name: "pairs", keyType: 12 << 6 | 13, keyLength: 8,
    elements: SetElements(keyLength: 8, unsorted: SetKey.port(.tcp, 443) + [0] + SetKey.port(.udp, 53) + [0]))
  private static let map = KernelSet(
    name: "map", flags: NFT.setMap, keyType: 13, keyLength: 2, dataType: 19, dataLength: 4,
    elements: SetElements(
      keyLength: 2, unsorted: [0, 22, 0, 0x1f, 0x90, 0],
      values: [.data([1, 0, 0, 0]), .data([0, 22, 0, 0])]))

  mutating func table() -> KernelTable {
    let rules = (0..<random.number(1...5)).map { _ in KernelRule(expressions: rule()) }
    let base = BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept)
    return KernelTable(
      family: random.one(of: [1, 1, 2, 10]), name: "t",
      chains: [KernelChain(name: "c", base: base, rules: rules)], sets: [Self.set, Self.pairs, Self.map])
  }

  private mutating func register() -> UInt32 { random.one(of: [1, 1, 1, 9, 9, 10, 2]) }

  private mutating func number() -> [UInt8] {
    let port = random.one(of: [0, 22, 53, 256, 443, 1023, 5432, 8080, 65_535] as [UInt16])
    return [UInt8(port >> 8), UInt8(port & 0xff)]
  }

  private mutating func rule() -> [Expression] {
    var expressions: [Expression] = []
    if random.oneIn(2) {
      expressions.append(.meta(key: MetaKey.transport.rawValue, destination: 1))
      let number: UInt8 = random.one(of: [1, 6, 17])
      expressions.append(.compare(operation: UInt32(random.number(0...1)), source: 1, data: [number]))
    }
    if random.oneIn(3) {
      expressions.append(.meta(key: MetaKey.family.rawValue, destination: 1))
      expressions.append(.compare(operation: 0, source: 1, data: [random.one(of: [2, 10])]))
    }
    for _ in 0..<random.number(1...5) { expressions += step() }
    return expressions + [.verdict(random.one(of: [.drop, .accept, .continue]))]
  }

  private mutating func step() -> [Expression] {
    switch random.number(0...13) {
    case 0, 1, 2:
      return [.payload(base: 2, offset: random.oneIn(2) ? 0 : 2, length: 2, destination: register())]
    case 3:
      return [
        .payload(
          base: random.one(of: [1, 1, 2]), offset: UInt32(random.number(0...24)),
          length: UInt32(random.one(of: [1, 2, 4, 8, 16])), destination: register())
      ]
    case 4, 5, 6:
      return [.compare(operation: UInt32(random.number(0...5)), source: register(), data: number())]
    case 7:
      let (one, two) = (number(), number())
      let ordered = one.lexicographicallyPrecedes(two) ? (one, two) : (two, one)
      return [
        .range(operation: UInt32(random.number(0...1)), source: register(), from: ordered.0, to: ordered.1)
      ]
    case 8:
      let source = register()
      return [
        .bitwise(
          source: source, destination: random.oneIn(2) ? source : register(), mask: random.bytes(2),
          xor: [0, 0])
      ]
    case 9:
      let inversion: Inversion = random.oneIn(2) ? .plain : .inverted
      return [.lookup(set: "ports", source: register(), destination: nil, inverted: inversion)]
    case 10:
      return [
        .meta(key: MetaKey.transport.rawValue, destination: 1),
        .payload(base: 2, offset: random.oneIn(3) ? 0 : 2, length: 2, destination: 9),
        .lookup(set: "pairs", source: 1, destination: nil, inverted: .plain),
      ]
    case 11:
      return [
        .lookup(set: "map", source: register(), destination: 1, inverted: .plain),
        .metaSet(key: MetaKey.mark.rawValue, source: 1),
      ]
    case 12:
      return [
        .ct(
          key: random.one(of: [ConnectionKey.destinationPort, .sourcePort]).rawValue,
          direction: UInt8(random.number(0...1)), destination: register())
      ]
    default:
      let key = random.one(of: [MetaKey.inputName, .mark, .transport, .family])
      return [.meta(key: key.rawValue, destination: register())]
    }
  }
}
