// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset
import Testing

@Suite("The walk of a packet through rules that ask the host: sets of ipset, queues")
struct AskedHostTests {
  /// Knows set 3, of some sources, and set 4, of some destinations; no other set.
  private struct Host: HostEnvironment {
    let sources: Set<IPAddress>

    func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? { .unicast }
    func route(_ question: RouteQuestion) -> RouteAnswer { .local }
    func facts(of interface: InterfaceName) -> InterfaceFacts? { nil }
    func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
    /// A program listens to queue 7.
    func hasListener(toQueue number: UInt16) -> Bool? { number == 7 }
    func isInSet(_ question: IPSetQuestion) -> Bool? {
      guard question.set == 3, question.sides == [.source] else { return nil }
      return sources.contains(question.packet.source)
    }
  }

  /// `struct xt_set_info`: number, count of the sides, flags (`IPSET_INV_MATCH`, `IPSET_DIM_ONE_SRC`, …).
  private static func info(_ set: UInt16, _ count: UInt8 = 1, _ flags: UInt8 = 2) -> [UInt8] {
    withUnsafeBytes(of: set) { Array($0) } + [count, flags]
  }
  private static let noSet = info(0xffff, 0, 0)

  /// `match` or `target` as nft_compat stores it: name, revision, structure.
  private static func foreign(_ kind: String, _ name: String, _ revision: UInt8, _ info: [UInt8])
    -> Expression
  {
    let named = Array(name.utf8) + [0]
    func attribute(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
      let length = UInt16(4 + value.count)
      return withUnsafeBytes(of: length) { Array($0) } + [type, 0] + value
        + [UInt8](repeating: 0, count: -value.count & 3)
    }
    return .opaque(
      name: kind, data: attribute(1, named) + attribute(2, [0, 0, 0, revision]) + attribute(3, info))
  }
  private static func match(_ info: [UInt8], revision: UInt8 = 1) -> Expression {
    foreign("match", "set", revision, info)
  }

  private static func verdict(_ rules: [[Expression]], source: String = "192.0.2.1") throws -> TraceVerdict {
    let chain = KernelChain(
      name: "INPUT", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept),
      rules: rules.map { KernelRule(expressions: $0) })
    let packet = Packet(
      source: try #require(IPAddress(source)), destination: try #require(IPAddress("192.0.2.2")),
      transport: .tcp,
      destinationPort: 22, input: nil)
    let table = KernelTable(family: 2, name: "filter", chains: [chain], sets: [])
    let host = Host(sources: [try #require(IPAddress("192.0.2.1"))])
    return PacketWalk([table]).trace(packet, hooks: [NFT.hookInput], in: host).verdict
  }

  @Test("drops what the kernel finds in the set, and nothing else")
  func asksTheHost() throws {
    let drop = [Self.match(Self.info(3)), .verdict(.drop)]
    #expect(try Self.verdict([drop]) == .drop)
    #expect(try Self.verdict([drop], source: "192.0.2.9") == .accept)
    let inverted = [Self.match(Self.info(3, 1, 3)), .verdict(.drop)]
    #expect(try Self.verdict([inverted]) == .accept)
    #expect(try Self.verdict([inverted], source: "192.0.2.9") == .drop)
  }

  @Test("is undetermined for a set that the host does not know, if it decides")
  func unknownSet() throws {
    let unknown = [Self.match(Self.info(4)), .verdict(.drop)]
    #expect(try Self.verdict([unknown]) == .undetermined)
    #expect(try Self.verdict([unknown, [.verdict(.drop)]]) == .drop)
  }

  @Test("reads the structures of all revisions", arguments: [UInt8(0), 1, 2, 3, 4])
  func revisions(_ revision: UInt8) throws {
    // Revision 0 has the numbers of the sides behind six words; 3 and 4 have counters and flags behind the set.
    let structure: [UInt8] =
      switch revision {
      case 0: withUnsafeBytes(of: UInt16(3)) { Array($0) } + [UInt8](repeating: 0, count: 26) + [1, 2, 0, 0]
      case 1, 2: Self.info(3)
      default: Self.info(3) + [UInt8](repeating: 0, count: 40)
      }
    #expect(try Self.verdict([[Self.match(structure, revision: revision), .verdict(.drop)]]) == .drop)
    #expect(
      try Self.verdict([[Self.match(structure, revision: revision), .verdict(.drop)]], source: "192.0.2.9")
        == .accept)
  }

  @Test("does not know the counters of an element", arguments: [(UInt8(3), 8), (3, 24), (4, 16), (4, 32)])
  func counters(_ revision: UInt8, _ offset: Int) throws {
    var structure = Self.info(3) + [UInt8](repeating: 0, count: 40)
    structure[offset] = 4
    let drop = [Self.match(structure, revision: revision), .verdict(.drop)]
    #expect(try Self.verdict([drop]) == .undetermined)
    // What is not in the set has no counters.
    #expect(try Self.verdict([drop], source: "192.0.2.9") == .accept)
  }

  @Test("finds what an earlier rule added, and does not know what one removed")
  func changes() throws {
    let drop = [Self.match(Self.info(3)), .verdict(.drop)]
    let adds = [Self.foreign("target", "SET", 1, Self.info(3) + Self.noSet)]
    let removes = [Self.foreign("target", "SET", 1, Self.noSet + Self.info(3))]
    #expect(try Self.verdict([adds, drop], source: "192.0.2.9") == .drop)
    #expect(try Self.verdict([removes, drop]) == .undetermined)
    // Added by the destination: whether the source is in it is not known any more.
    let addsOther = [Self.foreign("target", "SET", 1, Self.info(3, 1, 0) + Self.noSet)]
    #expect(try Self.verdict([addsOther, drop], source: "192.0.2.9") == .undetermined)
    // Another set stays as it is.
    let addsElsewhere = [Self.foreign("target", "SET", 1, Self.info(5) + Self.noSet)]
    #expect(try Self.verdict([addsElsewhere, drop], source: "192.0.2.9") == .accept)
  }

  @Test("is undetermined for queues of which one has a program", arguments: [UInt16(5), 6, 7, 8])
  func queues(_ first: UInt16) throws {
    // NFTA_QUEUE_NUM, NFTA_QUEUE_TOTAL
    let queue = Expression.opaque(
      name: "queue", data: [6, 0, 1, 0, 0, UInt8(first), 0, 0, 6, 0, 2, 0, 0, 2, 0, 0])
    #expect(try Self.verdict([[queue]]) == ((6...7).contains(first) ? .undetermined : .drop))
    // NFTA_QUEUE_SREG_QNUM: a register has the number.
    #expect(try Self.verdict([[.opaque(name: "queue", data: [8, 0, 4, 0, 0, 0, 0, 1])]]) == .undetermined)
  }

  @Test("does not know the mark that the target takes from an element")
  func mark() throws {
    // `struct xt_set_info_target_v3`: three sets, IPSET_FLAG_MAP_SKBMARK, the timeout.
    let maps = Self.foreign(
      "target", "SET", 3, Self.noSet + Self.noSet + Self.info(3) + [0, 1, 0, 0] + [0, 0, 0, 0])
    let keeps = Self.foreign(
      "target", "SET", 3, Self.noSet + Self.noSet + Self.info(3) + [0, 2, 0, 0] + [0, 0, 0, 0])
    let asks: [Expression] = [
      .meta(key: MetaKey.mark.rawValue, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [1, 0, 0, 0]), .verdict(.drop),
    ]
    #expect(try Self.verdict([[maps], asks]) == .undetermined)
    #expect(try Self.verdict([[keeps], asks]) == .accept)
  }
}
