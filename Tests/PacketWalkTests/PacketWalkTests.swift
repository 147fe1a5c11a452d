// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import PacketWalk
import Testing

@Suite("The walk of a packet")
struct PacketWalkTests {
  @Test("treats drop as final and accept as the end of one chain")
  func dropIsFinal() throws {
    let accept = Self.base("early", -10, .drop, [[.verdict(.accept)]])
    let drop = Self.base("late", 10, .accept, [[.verdict(.drop)]])
    #expect(try Self.walk([accept, drop]).verdict == .drop)
    #expect(try Self.walk([accept, drop]).deciding?.chain == "late")
    #expect(try Self.walk([accept]).verdict == .accept)
  }

  @Test("is undetermined if an unknown expression decides")
  func unknownDecides() throws {
    let chain = Self.base("c", 0, .drop, [[Self.random, Self.isOne, .verdict(.accept)]])
    #expect(try Self.walk([chain]).verdict == .undetermined)
  }

  @Test("skips a rule with an unknown expression that cannot match for another reason")
  func unknownDoesNotMatter() throws {
    let port: [Expression] = [
      Self.random, Self.isOne, .payload(base: 2, offset: 2, length: 2, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [0, 80]), .verdict(.accept),
    ]
    #expect(try Self.walk([Self.base("c", 0, .drop, [port])]).verdict == .drop)
  }

  /// `numgen` that loads register 1 (`NFTA_NG_DREG`).
  private static let random = Expression.opaque(name: "numgen", data: [8, 0, 1, 0, 0, 0, 0, 1])
  private static let isOne = Expression.compare(operation: NFT.equal, source: 1, data: [0, 0, 0, 1])

  @Test("names what was loaded and is not known")
  func namesTheLoad() throws {
    let trace = try Self.walk([Self.base("c", 0, .drop, [[Self.random, Self.isOne, .verdict(.accept)]])])
    #expect(trace.steps.last?.outcome == .undetermined(expression: "numgen"))
  }

  @Test(
    "ends at an effect that it does not model, also in a rule without a verdict",
    arguments: ["tproxy", "synproxy", "fwd", "an expression of a later kernel"])
  func effectsAreNotPassedOver(_ name: String) throws {
    let effect = Expression.opaque(name: name, data: [])
    let ends = try Self.walk([Self.base("c", 0, .accept, [[effect]])])
    #expect(ends.verdict == .undetermined && ends.steps.last?.outcome == .undetermined(expression: name))
    // Not if the packet cannot reach it.
    let elsewhere: [Expression] = [
      .payload(base: 2, offset: 2, length: 2, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [0, 80]), effect,
    ]
    #expect(try Self.walk([Self.base("c", 0, .accept, [elsewhere])]).verdict == .accept)
    // A drop before it decides.
    #expect(try Self.walk([Self.base("c", 0, .accept, [[.verdict(.drop)], [effect]])]).verdict == .drop)
  }

  @Test("ends at a named proxy of handshakes")
  func namedSynproxy() throws {
    let rule: [Expression] = [.object(type: NFT.objectSynproxy, name: "shield")]
    #expect(try Self.walk([Self.base("c", 0, .accept, [rule])]).verdict == .undetermined)
  }

  @Test("ignores an unknown expression in a rule without a verdict")
  func unknownWithoutVerdict() throws {
    let chain = Self.base("c", 0, .drop, [[.opaque(name: "log", data: [])], [.verdict(.accept)]])
    #expect(try Self.walk([chain]).verdict == .accept)
  }

  @Test("returns from a jump and not from a goto")
  func jumpAndGoto() throws {
    let empty = KernelChain(name: "empty", base: nil, rules: [])
    let jump = Self.base("c", 0, .drop, [[.verdict(.jump(chain: "empty"))], [.verdict(.accept)]])
    let goto = Self.base("c", 0, .drop, [[.verdict(.goto(chain: "empty"))], [.verdict(.accept)]])
    #expect(try Self.walk([jump, empty]).verdict == .accept)
    #expect(try Self.walk([goto, empty]).verdict == .drop)
  }

  @Test("ends in a loop of jumps")
  func endsInALoop() throws {
    let loop = KernelChain(
      name: "loop", base: nil, rules: [KernelRule(expressions: [.verdict(.jump(chain: "loop"))])])
    #expect(
      try Self.walk([Self.base("c", 0, .drop, [[.verdict(.jump(chain: "loop"))]]), loop]).verdict
        == .undetermined)
  }

  @Test(
    "finds addresses in half-open intervals",
    arguments: [
      ("10.0.0.0", true), ("10.0.0.255", true), ("10.0.1.0", false), ("9.255.255.255", false),
      ("10.0.2.7", true),
    ])
  func findsIntervals(_ source: String, _ isIn: Bool) throws {
    let ends: [(String, UInt8)] = [("10.0.0.0", 0), ("10.0.1.0", 1), ("10.0.2.0", 0), ("10.0.3.0", 1)]
    let records = try ends.flatMap { try #require(IPAddress($0.0)).bytes + [$0.1] }
    let set = KernelSet(
      name: "s", flags: NFT.setInterval, keyType: 7, keyLength: 4,
      elements: SetElements(keyLength: 4, unsorted: records))
    let rule: [Expression] = [
      .payload(base: 1, offset: 12, length: 4, destination: 1),
      .lookup(set: "s", source: 1, destination: nil, inverted: .plain), .verdict(.accept),
    ]
    let trace = try Self.walk([Self.base("c", 0, .drop, [rule])], sets: [set], source: source)
    #expect((trace.verdict == .accept) == isIn)
  }

  @Test("matches a padded interface name exactly and an unpadded one as a prefix")
  func interfaceNames() throws {
    let wg = try #require(InterfaceName("wg0"))
    let load = Expression.meta(key: MetaKey.inputName.rawValue, destination: 1)
    for (name, exact, beginning) in [("wg0", true, true), ("wg01", false, true), ("eth0", false, false)] {
      let input = try #require(InterfaceName(name))
      let whole: [Expression] = [
        load, .compare(operation: NFT.equal, source: 1, data: SetKey.interface(wg)), .verdict(.accept),
      ]
      let part: [Expression] = [
        load, .compare(operation: NFT.equal, source: 1, data: Array("wg0".utf8)), .verdict(.accept),
      ]
      #expect((try Self.walk([Self.base("c", 0, .drop, [whole])], input: input).verdict == .accept) == exact)
      #expect(
        (try Self.walk([Self.base("c", 0, .drop, [part])], input: input).verdict == .accept) == beginning)
    }
  }

  @Test("does not match a protocol without ports in a map of ports")
  func portless() throws {
    let set = KernelSet(
      name: "m", flags: NFT.setMap, keyType: 0, keyLength: 8, dataType: NFT.dataVerdict, dataLength: 16,
      elements: SetElements(keyLength: 8, unsorted: SetKey.port(.tcp, 80) + [0], values: [.verdict(.accept)]))
    let rule: [Expression] = [
      .meta(key: MetaKey.transport.rawValue, destination: 1),
      .payload(base: 2, offset: 2, length: 2, destination: 9),
      .lookup(set: "m", source: 1, destination: 0, inverted: .plain),
    ]
    #expect(try Self.walk([Self.base("c", 0, .drop, [rule])], sets: [set], transport: .esp).verdict == .drop)
  }

  @Test("names a match or target of iptables that it does not support", arguments: ["match", "target"])
  func namesForeign(_ kind: String) throws {
    let data: [UInt8] = [11, 0, 1, 0] + Array("unknown".utf8) + [0] + [8, 0, 2, 0, 0, 0, 0, 0]
    let rule: [Expression] = [.opaque(name: kind, data: data), .verdict(.drop)]
    let trace = try Self.walk([Self.base("c", 0, .accept, [rule])])
    #expect(trace.verdict == .undetermined)
    #expect(trace.steps.last?.outcome == .undetermined(expression: "\(kind) unknown"))
  }

  @Test("assumes that a packet is below a limit, and reports the assumption")
  func limits() throws {
    let rate: [UInt8] = [12, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 12, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 60]
    let below: [Expression] = [.opaque(name: "limit", data: rate), .verdict(.drop)]
    let over: [Expression] = [
      .opaque(name: "limit", data: rate + [8, 0, 5, 0, 0, 0, 0, 1]), .verdict(.drop),
    ]
    let first = try Self.walk([Self.base("c", 0, .accept, [below])])
    #expect(first.verdict == .drop)
    #expect(first.steps.first?.outcome == .assumed("within limit rate 3/minute"))
    #expect(first.steps.first?.text == "limit rate 3/minute drop")
    // A rule for packets above the limit does not match, and the assumption is reported too.
    let passed = try Self.walk([Self.base("c", 0, .accept, [over])])
    #expect(passed.verdict == .accept)
    #expect(passed.steps.first?.outcome == .assumed("within limit rate 3/minute"))
  }

  @Test("assumes for 'recent' that a source was rarely seen, and reports the assumption")
  func recent() throws {
    // struct xt_recent_mtinfo: 30 seconds, 6 hits, XT_RECENT_UPDATE, not inverted; then the name of the list.
    let info: [UInt8] =
      [30, 0, 0, 0, 6, 0, 0, 0, 4, 0] + Array("DEFAULT".utf8) + Array(repeating: 0, count: 194)
    let length = UInt8(truncatingIfNeeded: 4 + info.count)
    let padding = [UInt8](repeating: 0, count: (4 - info.count % 4) % 4)
    let data: [UInt8] =
      [11, 0, 1, 0] + Array("recent".utf8) + [0, 0] + [8, 0, 2, 0, 0, 0, 0, 0] + [length, 0, 3, 0] + info
      + padding
    let trace = try Self.walk([
      Self.base("c", 0, .accept, [[.opaque(name: "match", data: data), .verdict(.drop)]])
    ])
    #expect(trace.verdict == .accept)
    #expect(trace.steps.first?.outcome == .assumed("within 6 hits in 30 s"))
  }

  @Test("calls the newest of several chains of equal priority first")
  func youngestFirst() throws {
    let older = Self.base("older", 0, .accept, [[.verdict(.drop)]])
    let younger = Self.base("younger", 0, .accept, [[.reject(type: NFT.rejectICMPX, code: 3)]])
    #expect(try Self.walk([older, younger]).verdict == .reject)
    #expect(try Self.walk([older, younger]).deciding?.chain == "younger")
  }

  @Test("decides by the known bits of a field")
  func knownBits() throws {
    // No fragments; whether the packet may be fragmented is not stated.
    let offset: [Expression] = [
      .payload(base: 1, offset: 6, length: 2, destination: 1),
      .bitwise(source: 1, destination: 1, mask: [0x1f, 0xff], xor: [0, 0]),
      .compare(operation: NFT.notEqual, source: 1, data: [0, 0]), .verdict(.drop),
    ]
    #expect(try Self.walk([Self.base("c", 0, .accept, [offset])]).verdict == .accept)
    let flag: [Expression] = [
      .payload(base: 1, offset: 6, length: 1, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [0x40]), .verdict(.drop),
    ]
    #expect(try Self.walk([Self.base("c", 0, .accept, [flag])]).verdict == .undetermined)
  }

  @Test("treats a mark as unknown after a rule that may have set it")
  func unknownMark() throws {
    let may: [Expression] = [
      .opaque(name: "numgen", data: []), .immediate(destination: 1, data: Self.one),
      .metaSet(key: MetaKey.mark.rawValue, source: 1),
    ]
    let asks: [Expression] = [
      .meta(key: MetaKey.mark.rawValue, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: Self.one),
      .verdict(.drop),
    ]
    #expect(try Self.walk([Self.base("c", 0, .accept, [may, asks])]).verdict == .undetermined)
    #expect(try Self.walk([Self.base("c", 0, .accept, [asks])]).verdict == .accept)
  }

  /// 1 in a 4-byte register.
  private static let one = withUnsafeBytes(of: UInt32(1)) { Array($0) }

  private static func base(_ name: String, _ priority: Int32, _ policy: BasePolicy, _ rules: [[Expression]])
    -> KernelChain
  {
    KernelChain(
      name: name, base: BaseChain(hook: NFT.hookInput, priority: priority, policy: policy),
      rules: rules.map { KernelRule(expressions: $0) })
  }

  private static func walk(
    _ chains: [KernelChain], sets: [KernelSet] = [], source: String = "192.0.2.1",
    input: InterfaceName? = nil,
    transport: IPProtocol = .tcp
  ) throws -> Trace {
    let table = KernelTable(family: NFT.familyInet, name: "t", chains: chains, sets: sets)
    let packet = Packet(
      source: try #require(IPAddress(source)), destination: try #require(IPAddress("192.0.2.2")),
      transport: transport,
      destinationPort: 22, input: input)
    return PacketWalk([table]).trace(packet, hooks: [NFT.hookInput])
  }
}
