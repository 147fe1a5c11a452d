// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset
import Testing

/// Chains of legacy iptables beside those of nf_tables, at the same hook with the same priority.
@Suite("Legacy chains and others of equal priority")
struct LegacyOrderTests {
  private static func table(
    _ name: String, _ subsystem: KernelTable.Subsystem, type: String = "filter", _ expressions: [Expression],
    hook: UInt32 = NFT.hookInput, priority: Int32 = 0
  ) -> KernelTable {
    KernelTable(
      family: 2, name: name,
      chains: [
        KernelChain(
          name: "c", base: BaseChain(hook: hook, priority: priority, type: type, policy: .accept),
          rules: [KernelRule(expressions: expressions)])
      ], subsystem: subsystem)
  }

  private static let drop: [Expression] = [.verdict(.drop)]
  private static let reject: [Expression] = [.reject(type: NFT.rejectReset, code: 0)]

  private static func packet() throws -> Packet {
    Packet(
      source: try #require(IPAddress("192.0.2.1")), destination: try #require(IPAddress("192.0.2.2")),
      transport: .tcp,
      sourcePort: 4000, destinationPort: 80, input: InterfaceName("eth0"))
  }

  private static func walk(_ tables: [KernelTable], _ order: HookOrder? = nil) throws -> Trace {
    PacketWalk(tables, order: order).trace(try packet(), hooks: [NFT.hookPrerouting, NFT.hookInput])
  }

  @Test("are walked in both orders: the verdict is undetermined if they differ")
  func unknown() throws {
    let (legacy, other) = (
      Self.table("filter", .legacy, Self.drop), Self.table("filter", .nfTables, Self.reject)
    )
    for tables in [[legacy, other], [other, legacy]] {
      let trace = try Self.walk(tables)
      #expect(trace.verdict == .undetermined)
      #expect(
        trace.steps.last?.outcome
          == .undetermined(expression: "the order of legacy and other chains of equal priority"))
    }
    #expect(try Self.walk([legacy, Self.table("filter", .nfTables, Self.drop)]).verdict == .drop)
    #expect(try Self.walk([legacy, Self.table("filter", .nfTables, [])]).verdict == .drop)
    let early = Self.table("early", .nfTables, Self.reject, priority: -1)
    #expect(try Self.walk([legacy, early]).verdict == .reject)
    let late = Self.table("late", .nfTables, Self.reject, priority: 1)
    #expect(try Self.walk([legacy, late]).verdict == .drop)
  }

  @Test("may also be between two others")
  func between() throws {
    // Only the order: mark 1, drop of mark 1, mark 0 ends with a drop.
    let mark: (UInt32) -> [Expression] = {
      [
        .immediate(destination: 1, data: $0 == 0 ? [0, 0, 0, 0] : [1, 0, 0, 0]), .metaSet(key: 3, source: 1),
      ]
    }
    let legacy = Self.table(
      "filter", .legacy,
      [.meta(key: 3, destination: 1), .compare(operation: NFT.equal, source: 1, data: [1, 0, 0, 0])]
        + Self.drop)
    // The newer table is called first.
    let tables = [Self.table("old", .nfTables, mark(0)), Self.table("new", .nfTables, mark(1)), legacy]
    #expect(try Self.walk(tables).verdict == .undetermined)
    #expect(try Self.walk(Array(tables.dropFirst())).verdict == .undetermined)
    #expect(try Self.walk([tables[0], legacy]).verdict == .accept)
  }

  @Test("are called as the kernel says", arguments: [true, false])
  func known(isLegacyFirst: Bool) throws {
    let tables = [Self.table("filter", .nfTables, Self.reject), Self.table("filter", .legacy, Self.drop)]
    var order = HookOrder()
    order.tables = [HookOrder.TableKey(family: 2, name: "filter")]
    let entries: [HookOrder.Entry] = [.legacy(priority: 0), .chain(table: "filter", family: 2, chain: "c")]
    order.set(family: 2, hook: NFT.hookInput, isLegacyFirst ? entries : entries.reversed())
    #expect(try Self.walk(tables, order).verdict == (isLegacyFirst ? .drop : .reject))
  }

  @Test("are older than a table that the kernel does not have yet")
  func planned() throws {
    var order = HookOrder()
    order.tables = [HookOrder.TableKey(family: 2, name: "loaded")]
    let legacy = Self.table("filter", .legacy, Self.drop)
    #expect(try Self.walk([legacy, Self.table("planned", .nfTables, Self.reject)], order).verdict == .reject)
    #expect(
      try Self.walk([legacy, Self.table("loaded", .nfTables, Self.reject)], order).verdict == .undetermined)
  }

  @Test("of type nat are in no order that the kernel reports")
  func translation() throws {
    let nat: (String, KernelTable.Subsystem, UInt8) -> KernelTable = { name, subsystem, last in
      let range: [UInt8] = [1, 0, 0, 0, 192, 0, 2, last] + Array(repeating: 0, count: 12)
      let info = range + [192, 0, 2, last] + Array(repeating: 0, count: 16)
      let target = Expression.opaque(
        name: "target",
        data: [9, 0, 1, 0] + Array("DNAT".utf8) + [0, 0, 0, 0] + [8, 0, 2, 0, 0, 0, 0, 2]
          + [UInt8(info.count + 4), 0, 3, 0] + info)
      return Self.table(name, subsystem, type: "nat", [target], hook: NFT.hookPrerouting, priority: -100)
    }
    var order = HookOrder()
    order.tables = [HookOrder.TableKey(family: 2, name: "nat")]
    order.set(
      family: 2, hook: NFT.hookPrerouting,
      [.function("ipv4_conntrack_in"), .function("nf_nat_ipv4_pre_routing")])
    #expect(
      try Self.walk([nat("nat", .nfTables, 8), nat("nat", .legacy, 9)], order).verdict == .undetermined)
    #expect(try Self.walk([nat("nat", .nfTables, 9), nat("nat", .legacy, 9)], order).verdict == .accept)
  }
}
