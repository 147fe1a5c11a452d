// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PacketSets

@Suite("Addresses that no rule distinguishes")
struct AddressClassesTests {
  private static func table(_ expressions: [Expression], sets: [KernelSet] = []) -> KernelTable {
    KernelTable(
      family: AddressFamily.ipv4.rawValue, name: "filter",
      chains: [
        KernelChain(
          name: "INPUT", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop),
          rules: [KernelRule(expressions: expressions + [.verdict(.accept)])])
      ], sets: sets)
  }

  private static func load(_ offset: UInt32, _ length: UInt32) -> Expression {
    .payload(base: NFT.payloadNetwork, offset: offset, length: length, destination: NFT.register1)
  }

  /// The first addresses of all classes after the first one.
  private static func cuts(
    _ tables: [KernelTable], _ side: AddressClasses.Side = .source, places: [Prefix] = []
  ) -> [String] {
    let classes = AddressClasses(tables, side, places: places)
    #expect(classes.unread == [])
    return classes.ranges(of: .ipv4, in: IntervalSet(0, 0xffff_ffff)).dropFirst().map {
      IPAddress(family: .ipv4, bits: $0.lower).description
    }
  }

  @Test("Each form in which a prefix is compared cuts before and after it")
  func prefixes() {
    let bytes = Self.table([
      Self.load(12, 3), .compare(operation: NFT.equal, source: NFT.register1, data: [192, 0, 2]),
    ])
    #expect(Self.cuts([bytes]) == ["192.0.2.0", "192.0.3.0"])
    let masked = Self.table([
      Self.load(12, 4),
      .bitwise(
        source: NFT.register1, destination: NFT.register1, mask: [255, 255, 255, 128], xor: [0, 0, 0, 0]),
      .compare(operation: NFT.notEqual, source: NFT.register1, data: [192, 0, 2, 128]),
    ])
    #expect(Self.cuts([masked]) == ["192.0.2.128", "192.0.3.0"])
    let range = Self.table([
      Self.load(12, 4),
      .range(operation: NFT.equal, source: NFT.register1, from: [10, 0, 0, 5], to: [10, 0, 0, 9]),
    ])
    #expect(Self.cuts([range]) == ["10.0.0.5", "10.0.0.10"])
  }

  @Test("The elements of a set are cuts")
  func sets() {
    let set = KernelSet(
      name: "s", keyType: NFT.typeIPv4Address, keyLength: 4,
      elements: SetElements(keyLength: 4, unsorted: [10, 0, 0, 1, 0, 10, 0, 0, 7, 0]))
    let table = Self.table(
      [Self.load(12, 4), .lookup(set: "s", source: NFT.register1, destination: nil, inverted: .plain)],
      sets: [set])
    #expect(Self.cuts([table]) == ["10.0.0.1", "10.0.0.2", "10.0.0.7", "10.0.0.8"])
  }

  @Test("The other end of a packet is not cut")
  func sides() {
    let table = Self.table([
      Self.load(16, 4), .compare(operation: NFT.equal, source: NFT.register1, data: [192, 0, 2, 1]),
    ])
    #expect(Self.cuts([table]) == [])
    #expect(Self.cuts([table], .destination) == ["192.0.2.1", "192.0.2.2"])
  }

  @Test("The range of iprange is a cut, and addrtype cuts at the host's own addresses")
  func extensions() throws {
    func match(_ name: String, _ info: [UInt8]) -> Expression {
      func attribute(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        let padding = [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
        return [UInt8(value.count + 4), 0, type, 0] + value + padding
      }
      return .opaque(
        name: "match",
        data: attribute(1, Array(name.utf8) + [0]) + attribute(2, [0, 0, 0, 1]) + attribute(3, info))
    }
    var range = [UInt8](repeating: 0, count: 68)
    range.replaceSubrange(0..<4, with: [10, 0, 0, 5])
    range.replaceSubrange(16..<20, with: [10, 0, 0, 9])
    range[64] = 1
    let ends = Self.cuts([Self.table([match("iprange", range)])])
    #expect(ends == ["10.0.0.5", "10.0.0.10"])
    let own = try #require(Prefix("198.51.100.7"))
    let types = Self.table([match("addrtype", [4, 0, 0, 0, 0, 0, 0, 0])])
    #expect(Self.cuts([types], places: [own]) == ["198.51.100.7", "198.51.100.8"])
    #expect(Self.cuts([types], .destination, places: [own]) == [])
  }

  @Test("A mask that is not a prefix is reported")
  func unread() {
    let table = Self.table([
      Self.load(12, 4),
      .bitwise(
        source: NFT.register1, destination: NFT.register1, mask: [255, 0, 255, 0], xor: [0, 0, 0, 0]),
      .compare(operation: NFT.equal, source: NFT.register1, data: [10, 0, 1, 0]),
    ])
    #expect(AddressClasses([table], .source).unread == ["ip filter INPUT rule 1"])
  }
}
