// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import TestSupport
import Testing

@testable import Ruleset

@Suite("Tables of legacy iptables, decoded from the kernel's bytes")
struct LegacyTableTests {
  private static let families = AddressFamily.allCases

  private static func lines(_ table: KernelTable, _ chain: String) -> [String]? {
    table.chains.first { $0.name == chain }?.rules.map { RuleText.line($0, family: table.family) }
  }

  @Test("have the chains, hooks, policies and rules of the table", arguments: families)
  func example(family: AddressFamily) throws {
    let table = try KernelTable(legacy: LegacyBytes.example(family))
    #expect(table.subsystem == .legacy && table.name == "filter" && table.family == family.rawValue)
    #expect(table.chains.map(\.name) == ["INPUT", "FORWARD", "OUTPUT", "own"])
    #expect(
      table.chains.map(\.base) == [
        BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop),
        BaseChain(hook: NFT.hookForward, priority: 0, policy: .accept),
        BaseChain(hook: NFT.hookOutput, priority: 0, policy: .accept), nil,
      ])
    let source = family == .ipv4 ? "ip saddr != 10.0.0.0/8" : "ip6 saddr != fd00::/8"
    #expect(
      Self.lines(table, "INPUT") == ["iifname \"eth*\" \(source) meta l4proto tcp tcp dport 80 jump own"])
    #expect(Self.lines(table, "own") == ["REJECT"])
  }

  @Test("have verdicts by number, and none for a rule without a target")
  func verdicts() throws {
    var bytes = LegacyBytes(.ipv4)
    let first = bytes.add(.verdict(-1), own: [80: HostOrder.bytes(UInt16(6))])
    bytes.add(.verdict(-2), own: [80: HostOrder.bytes(UInt16(17))])
    bytes.add(.verdict(-4), own: [82: [1]])
    bytes.add(.verdict(-5), own: [82: [1], 83: [0x20]])
    bytes.add(.verdict(-1), own: [83: [0x20]])
    bytes.add(.verdict(Int32(bytes.entries.count + 152)), matches: [])
    let policies = [bytes.add(.verdict(-2)), bytes.add(.verdict(-2)), bytes.add(.verdict(-2))]
    bytes.add(.error("ERROR"))
    let table = try KernelTable(legacy: bytes.table([first, policies[1], policies[2]], policies))
    let rules = table.chains[0].rules
    #expect(
      rules.map { $0.expressions.last } == [
        .verdict(.drop), .verdict(.accept), .verdict(.other(3)), .verdict(.return), .verdict(.drop), nil,
      ])
    // Only fragments; all packets that are none; no packet at all.
    let walk = PacketWalk([table])
    let packet = Packet(
      source: try #require(IPAddress("192.0.2.1")), destination: try #require(IPAddress("192.0.2.2")),
      transport: .esp,
      input: InterfaceName("eth0"))
    let trace = walk.trace(packet, hooks: [NFT.hookInput])
    #expect(trace.steps.map(\.rule) == [3, nil])
    #expect(trace.steps.first?.place == "legacy ip filter INPUT rule 4")
  }

  @Test("have the text of `comment` as the rule's comment")
  func comment() throws {
    var bytes = LegacyBytes(.ipv4)
    let first = bytes.add(
      .verdict(-1),
      matches: [("comment", 0, Array("ssh of the office".utf8) + Array(repeating: 0, count: 239))])
    let policies = [bytes.add(.verdict(-2)), bytes.add(.verdict(-2)), bytes.add(.verdict(-2))]
    bytes.add(.error("ERROR"))
    let table = try KernelTable(legacy: bytes.table([first, policies[1], policies[2]], policies))
    #expect(table.chains[0].rules.map(\.comment) == ["ssh of the office"])
    #expect(table.chains[0].rules.map(\.expressions) == [[.verdict(.drop)]])
  }

  @Test(
    "hook in where the kernel calls them",
    arguments: [
      ("raw", NFT.hookPrerouting, -300, "filter"), ("mangle", NFT.hookInput, -150, "filter"),
      ("mangle", NFT.hookOutput, -150, "route"), ("nat", NFT.hookPrerouting, -100, "nat"),
      ("nat", NFT.hookInput, 100, "nat"), ("nat", NFT.hookOutput, -100, "nat"),
      ("nat", NFT.hookPostrouting, 100, "nat"), ("filter", NFT.hookForward, 0, "filter"),
      ("security", NFT.hookOutput, 50, "filter"),
    ] as [(String, UInt32, Int32, String)])
  func priorities(name: String, hook: UInt32, priority: Int32, type: String) throws {
    var bytes = LegacyBytes(.ipv6)
    bytes.add(.verdict(-2))
    bytes.add(.error("ERROR"))
    let table = LegacyTableBytes(
      family: .ipv6, name: name, hooks: 1 << hook, beginnings: [0, 0, 0, 0, 0], policies: [0, 0, 0, 0, 0],
      count: 2, entries: bytes.entries)
    #expect(
      try KernelTable(legacy: table).chains.map(\.base) == [
        BaseChain(hook: hook, priority: priority, type: type, policy: .accept)
      ])
  }

  @Test("are refused if they contradict themselves")
  func contradictions() {
    let good = LegacyBytes.example(.ipv4)
    func refused(_ change: (inout LegacyTableBytes) -> Void) -> String? {
      var bytes = good
      change(&bytes)
      do throws(LegacyTableError) {
        _ = try KernelTable(legacy: bytes)
        return nil
      } catch {
        return error.description
      }
    }
    #expect(refused { _ in } == nil)
    #expect(refused { $0.name = "other" } == "it is not known when the kernel calls a table of this name")
    #expect(refused { $0.count += 1 } == "it has 8 entries, and the kernel counts 9")
    #expect(
      refused { $0.entries.removeLast() } == "an entry that is too short at byte \(good.entries.count - 176)")
    #expect(refused { $0.entries = [] } == "it has 0 entries, and the kernel counts 8")
    #expect(refused { $0.beginnings[1] = 7 } == "the chain INPUT is at no place that exists")
    #expect(refused { $0.policies[1] = 0 } == "the chain INPUT is at no place that exists")
    #expect(refused { $0.policies[1] = $0.policies[2] } == "the chain INPUT is at no place that exists")
    #expect(refused { $0.beginnings = [] } == "the chain INPUT is at no place that exists")
    let policy = Int(good.policies[1])
    #expect(refused { $0.entries[policy + 82] = 1 } == "the chain INPUT does not end with a policy")
    #expect(refused { $0.entries[88] = 0 } == "an entry that is too short at byte 0")
    #expect(refused { $0.entries[112] = 31 } == "a match that is too short at byte 0")
    #expect(refused { $0.entries[160] = 200 } == "a target that is too short at byte 0")
    // The jump's number.
    #expect(refused { $0.entries[192] += 8 } == "a jump to no chain at byte 0")
  }

  @Test("of which nothing is known leave it open what happens to a packet")
  func unknown() throws {
    let table = KernelTable.unknownLegacy(.ipv4, "filter", hooks: nil, reason: "it changed")
    #expect(table.unknown == ["it changed"] && table.subsystem == .legacy)
    let packet = Packet(
      source: try #require(IPAddress("192.0.2.1")), destination: try #require(IPAddress("192.0.2.2")),
      transport: .udp,
      input: InterfaceName("eth0"))
    let walk = PacketWalk([table])
    #expect(walk.trace(packet, hooks: [NFT.hookPrerouting]).verdict == .accept)
    let trace = walk.trace(packet, hooks: [NFT.hookPrerouting, NFT.hookInput])
    #expect(trace.verdict == .undetermined)
    #expect(trace.steps.last?.place == "legacy ip filter INPUT rule 1")
    // A table that the kernel itself does not have: at each of its hooks, before all others.
    let other = KernelTable.unknownLegacy(.ipv6, "mine", hooks: 0b10001, reason: "no such name")
    #expect(other.chains.map(\.name) == ["PREROUTING", "POSTROUTING"])
    #expect(other.chains.allSatisfy { $0.base?.priority == .min })
  }

  @Test("are decoded or refused, whatever bytes they have", arguments: families)
  func mutations(family: AddressFamily) throws {
    var random = SeededGenerator(seed: 20_261_129)
    let good = LegacyBytes.example(family)
    var decoded = 0
    for _ in 0..<2_000 {
      var bytes = good
      switch random.number(0...9) {
      case 0: bytes.entries.removeLast(random.number(0...bytes.entries.count))
      case 1: bytes.beginnings[random.number(0...4)] = UInt32(truncatingIfNeeded: random.next())
      case 2: bytes.policies[random.number(0...4)] = UInt32(random.number(0...bytes.entries.count))
      case 3: bytes.hooks = UInt32(random.number(0...63))
      default:
        for _ in 0..<random.number(1...4) {
          let place = random.number(0...(bytes.entries.count - 1))
          bytes.entries[place] =
            random.oneIn(2) ? UInt8(random.number(0...255)) : random.one(of: [0, 1, 0x7f, 0x80, 0xff])
        }
      }
      guard let table = try? KernelTable(legacy: bytes) else { continue }
      decoded += 1
      // What was decoded can be prepared for a walk, and printed.
      _ = PacketWalk([table])
      for rule in table.chains.flatMap(\.rules) { _ = RuleText.line(rule, family: table.family) }
    }
    #expect(decoded > 100)
  }
}
