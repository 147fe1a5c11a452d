// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset
import TestSupport
import Testing

@Suite("A chain with many rules")
struct RuleIndexTests {
  @Test("is walked as the same rules in short chains are, for random rules", arguments: 0..<300)
  func same(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let rules = (0..<random.number(10...40)).map { _ in Self.rule(&random) }
    let long = Self.table([("c", rules)])
    // Too short for an index.
    let parts = stride(from: 0, to: rules.count, by: 4).map { Array(rules[$0..<min($0 + 4, rules.count)]) }
    let names = parts.indices.map { "part\($0)" }
    let jumps = names.map { KernelRule(expressions: [.verdict(.jump(chain: $0))]) }
    let groups = stride(from: 0, to: jumps.count, by: 4).map { Array(jumps[$0..<min($0 + 4, jumps.count)]) }
    let outer = groups.indices.map { KernelRule(expressions: [.verdict(.jump(chain: "group\($0)"))]) }
    let short = Self.table(
      [("c", outer)] + groups.enumerated().map { ("group\($0)", $1) } + zip(names, parts).map { ($0, $1) })
    let (one, other) = (PacketWalk([long]), PacketWalk([short]))
    for _ in 0..<40 {
      let packet = try Self.packet(&random)
      let hook: UInt32 = random.one(of: [NFT.hookInput, NFT.hookForward])
      var (left, right) = (one.trace(packet, hooks: [hook]), other.trace(packet, hooks: [hook]))
      func outcomes(_ trace: Trace) -> [TraceOutcome] {
        trace.steps.map(\.outcome).filter { if case .verdict(.jump) = $0 { false } else { true } }
      }
      #expect(outcomes(left) == outcomes(right), "\(packet)")
      #expect(left.packet == right.packet)
      (left, right) = (Trace(), Trace())
    }
  }

  private static func table(_ chains: [(String, [KernelRule])]) -> KernelTable {
    let made = chains.enumerated().flatMap { index, chain -> [KernelChain] in
      guard index == 0 else { return [KernelChain(name: chain.0, base: nil, rules: chain.1)] }
      return [NFT.hookInput, NFT.hookForward].map { hook in
        KernelChain(
          name: "\(chain.0)\(hook)", base: BaseChain(hook: hook, priority: 0, policy: .drop), rules: chain.1)
      }
    }
    return KernelTable(family: NFT.familyInet, name: "t", chains: made)
  }

  private static func packet(_ random: inout SeededGenerator) throws -> Packet {
    let isIPv6 = random.oneIn(4)
    let addresses = isIPv6 ? ["2001:db8::1", "2001:db8::2"] : ["10.0.0.1", "10.0.0.2", "10.0.1.1"]
    var packet = Packet(
      source: try #require(IPAddress(random.one(of: addresses))),
      destination: try #require(IPAddress(random.one(of: addresses))),
      transport: random.one(of: [.tcp, .udp, .icmp, .esp]), destinationPort: random.one(of: [22, 80, 443]),
      input: InterfaceName(random.one(of: ["eth0", "eth1", "wg0"])), output: InterfaceName("lan0"))
    packet.mark = 0
    return packet
  }

  private static func name(_ text: String, _ length: Int) -> [UInt8] {
    Array((Array(text.utf8) + [UInt8](repeating: 0, count: 16)).prefix(length))
  }

  private static func rule(_ random: inout SeededGenerator) -> KernelRule {
    var expressions: [Expression] = []
    for _ in 0..<random.number(1...3) {
      let equal: UInt32 = random.oneIn(4) ? NFT.notEqual : NFT.equal
      switch random.number(0...7) {
      case 0, 1:
        let isDestination = random.oneIn(2)
        expressions += [
          .payload(
            base: NFT.payloadNetwork, offset: isDestination ? 16 : 12, length: 4, destination: 1),
          .compare(operation: equal, source: 1, data: [10, 0, 0, UInt8(random.number(1...2))]),
        ]
      case 2:
        expressions += [
          .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: 1),
          .compare(operation: equal, source: 1, data: [0, random.one(of: [22, 80])]),
        ]
      case 3:
        // A whole name, or the beginning of one.
        let length = random.one(of: [16, 5, 3])
        expressions += [
          .meta(
            key: random.one(of: [MetaKey.inputName, .outputName]).rawValue, destination: 1),
          .compare(
            operation: equal, source: 1, data: name(random.one(of: ["eth0", "eth1", "lan0"]), length)),
        ]
      case 4:
        expressions += [
          .payload(base: NFT.payloadNetwork, offset: 16, length: 4, destination: 1),
          .bitwise(source: 1, destination: 1, mask: [255, 255, 255, 0], xor: [0, 0, 0, 0]),
          .compare(operation: equal, source: 1, data: [10, 0, UInt8(random.number(0...1)), 0]),
        ]
      case 5:
        expressions += [
          .meta(key: MetaKey.mark.rawValue, destination: 1),
          .compare(operation: equal, source: 1, data: [UInt8(random.number(0...1)), 0, 0, 0]),
        ]
      case 6:
        // An effect in the middle: what it changes is compared by later rules.
        expressions += [
          .immediate(destination: 1, data: [UInt8(random.number(0...1)), 0, 0, 0]),
          .metaSet(key: MetaKey.mark.rawValue, source: 1),
        ]
      default:
        expressions += [
          .immediate(destination: 1, data: [10, 0, 0, UInt8(random.number(1...2))]),
          // NFTA_PAYLOAD_BASE 3, OFFSET 4, LEN 4, SREG 5, CSUM_TYPE 6, CSUM_OFFSET 7
          .opaque(
            name: "payload",
            data: attribute(2, 1) + attribute(3, 16) + attribute(4, 4) + attribute(5, 1) + attribute(6, 1)
              + attribute(7, 10)),
        ]
      }
    }
    return KernelRule(
      expressions: expressions
        + (random.oneIn(3) ? [] : [.verdict(random.one(of: [.drop, .accept, .continue, .continue]))]))
  }

  private static func attribute(_ type: UInt8, _ value: UInt8) -> [UInt8] { [8, 0, type, 0, 0, 0, 0, value] }
}
