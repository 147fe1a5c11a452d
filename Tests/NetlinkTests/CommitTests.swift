// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import CTestSupport
import LinuxHost
import Netlink
import Ruleset
import TestSupport
import Testing

@Suite struct CommitTests {
  @Test func `a small table reads back equal`() throws {
    let map = KernelSet(
      name: "map", flags: NFT_SET_MAP.rawValue, keyType: 12, keyLength: 4,
      dataType: NFT_DATA_VERDICT.rawValue,
      dataLength: 16,
      elements: SetElements(
        keyLength: 4, unsorted: [6, 0, 0, 0, 0, 17, 0, 0, 0, 0],
        values: [.verdict(.jump(chain: "b")), .verdict(.drop)]))
    let table = KernelTable(
      family: CSYS_NFPROTO_INET, name: "wgfence", userdata: Userdata.text("ours", type: 0),
      chains: [
        KernelChain(
          name: "a", base: BaseChain(hook: 0, priority: -150, policy: .drop),
          rules: [
            KernelRule(
              expressions: [
                .meta(key: 16, destination: 1),
                .lookup(set: "map", source: 1, destination: 0, inverted: .plain),
              ], userdata: Userdata.text("here", type: 0)),
            KernelRule(expressions: [.counter, .object(type: 1, name: "drops"), .verdict(.drop)]),
          ]),
        KernelChain(name: "b", base: nil, rules: [KernelRule(expressions: [.verdict(.accept)])]),
      ], sets: [map], objects: [KernelObject(name: "drops", type: 1)])
    let read = try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      let generation = try kernel.generation()
      let acknowledgement = try kernel.commit(
        operations(adding: table), family: table.family, table: table.name, generation: generation)
      // Kernels before Linux 6.10 do not acknowledge the end of a batch.
      let isOld = KernelRelease.running().map { $0 < KernelRelease(major: 6, minor: 10) } ?? false
      #expect(acknowledgement == (isOld ? .silence : .committed))
      return try kernel.read(family: table.family, name: table.name)
    }
    #expect(read == table)
  }

  @Test func `a batch planned against an older generation is refused and changes nothing`() throws {
    try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      let generation = try kernel.generation()
      try nft(load: "table inet other { }")
      #expect(throws: CommitError.stale) {
        try kernel.commit(
          [.addTable(flags: 0, userdata: [])], family: CSYS_NFPROTO_INET, table: "wgfence",
          generation: generation)
      }
      #expect(try kernel.tableNames().map(\.name) == ["other"])
    }
  }

  @Test func `an error in the middle changes nothing and names the operation`() throws {
    try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      let rule = KernelRule(expressions: [.counter, .verdict(.jump(chain: "missing"))])
      let operations: [TableOperation] = [
        .addTable(flags: 0, userdata: []), .addChain(name: "a", base: nil),
        .addRule(chain: "a", rule, place: .end), .addChain(name: "b", base: nil),
        .addRule(chain: "missing", rule, place: .end),
      ]
      do {
        try kernel.commit(
          operations, family: CSYS_NFPROTO_INET, table: "wgfence", generation: try kernel.generation())
        Issue.record("it was committed")
      } catch let CommitError.refused(operation, error) {
        #expect(operation == 2)
        #expect(error.name == "ENOENT")
        #expect(error.place == "expression immediate")
        #expect(error.attributeOffset != nil)
        #expect("\(error)".hasPrefix("changing table inet wgfence: No such file or directory (ENOENT)"))
      }
      #expect(try kernel.tableNames().isEmpty)
      // The socket can still be used.
      try kernel.commit(
        [.addTable(flags: 0, userdata: [])], family: CSYS_NFPROTO_INET, table: "wgfence",
        generation: try kernel.generation())
      #expect(try kernel.tableNames().map(\.name) == ["wgfence"])
    }
  }

  @Test func `the first of thousands of refused operations is reported`() throws {
    try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      var operations: [TableOperation] = [.addTable(flags: 0, userdata: [])]
      for number in 0..<20_000 { operations.append(.deleteChain(name: "c\(number)")) }
      do {
        try kernel.commit(
          operations, family: CSYS_NFPROTO_INET, table: "wgfence", generation: try kernel.generation())
        Issue.record("it was committed")
      } catch let CommitError.refused(operation, error) {
        #expect(operation == 1)
        #expect(error.name == "ENOENT")
      }
      #expect(try kernel.tableNames().isEmpty)
    }
  }

  @Test func `a rule is added at the given position, and deleted by its handle`() throws {
    try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      func rule(_ mark: UInt8) -> KernelRule {
        KernelRule(expressions: [.immediate(destination: 1, data: [mark])])
      }
      func commit(_ operations: [TableOperation]) throws -> [KernelRule] {
        try kernel.commit(
          operations, family: CSYS_NFPROTO_INET, table: "wgfence", generation: try kernel.generation())
        return try kernel.read(family: CSYS_NFPROTO_INET, name: "wgfence")?.chains.first?.rules ?? []
      }
      var rules = try commit([
        .addTable(flags: 0, userdata: []), .addChain(name: "a", base: nil),
        .addRule(chain: "a", rule(1), place: .end), .addRule(chain: "a", rule(3), place: .end),
      ])
      #expect(rules == [rule(1), rule(3)])
      #expect(rules.allSatisfy { $0.handle != 0 })
      rules = try commit([
        .addRule(chain: "a", rule(2), place: .before(handle: rules[1].handle)),
        .addRule(chain: "a", rule(0), place: .before(handle: rules[0].handle)),
      ])
      #expect(rules == [rule(0), rule(1), rule(2), rule(3)])
      rules = try commit([.deleteRule(chain: "a", handle: rules[2].handle)])
      #expect(rules == [rule(0), rule(1), rule(3)])
    }
  }

  @Test func `sets, elements, chains and objects are deleted by name`() throws {
    try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      let elements = SetElements(keyLength: 1, unsorted: [1, 0, 2, 0, 3, 0])
      let set = KernelSet(name: "s", keyType: 12, keyLength: 1, elements: elements)
      let counter = KernelObject(name: "c", type: UInt32(NFT_OBJECT_COUNTER))
      func commit(_ operations: [TableOperation]) throws -> KernelTable? {
        try kernel.commit(
          operations, family: CSYS_NFPROTO_INET, table: "wgfence", generation: try kernel.generation())
        return try kernel.read(family: CSYS_NFPROTO_INET, name: "wgfence")
      }
      var table = try commit([
        .addTable(flags: 0, userdata: []), .addChain(name: "a", base: nil), .addSet(set),
        .addElements(set: set, elements), .addObject(counter, CounterState(packets: 5, bytes: 700)),
      ])
      #expect(table?.sets == [set])
      #expect(
        try kernel.counters(family: CSYS_NFPROTO_INET, name: "wgfence") == [
          "c": CounterState(packets: 5, bytes: 700)
        ])
      table = try commit([.deleteElements(set: set, SetElements(keyLength: 1, unsorted: [2, 0]))])
      #expect(table?.sets.first?.elements == SetElements(keyLength: 1, unsorted: [1, 0, 3, 0]))
      table = try commit([.deleteSet(name: "s"), .deleteObject(counter), .deleteChain(name: "a")])
      #expect(table == KernelTable(family: CSYS_NFPROTO_INET, name: "wgfence"))
      #expect(try commit([.deleteTable]) == nil)
    }
  }

  @Test func `without the privilege the error names the privilege`() throws {
    let (read, written) = try inNetworkNamespace {
      #expect(ctest_drop_capabilities() == 0)
      var kernel = try NFTablesSocket()
      var (read, written): (NetlinkError?, CommitError?)
      do throws(NetlinkError) { _ = try kernel.read(family: CSYS_NFPROTO_INET, name: "wgfence") } catch {
        read = error
      }
      do throws(CommitError) {
        try kernel.commit(
          [.addTable(flags: 0, userdata: [])], family: CSYS_NFPROTO_INET, table: "wgfence", generation: 1)
      } catch { written = error }
      return (read, written)
    }
    #expect(read?.name == "EPERM")
    #expect(read.map { "\($0)".contains("CAP_NET_ADMIN") } == true)
    guard case .failed(let error) = written else {
      Issue.record("\(written as Any)")
      return
    }
    #expect(error.name == "EPERM")
    #expect("\(error)".contains("CAP_NET_ADMIN"))
  }

  @Test func `an operation that does not fit into a message is refused before anything is sent`() throws {
    try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      let rules = [
        KernelRule(expressions: [.compare(operation: 0, source: 1, data: Array(repeating: 0, count: 65))]),
        KernelRule(expressions: Array(repeating: .counter, count: 9000)),
        KernelRule(expressions: [.opaque(name: "limit", data: Array(repeating: 0, count: 1_000_000))]),
        KernelRule(expressions: [
          .lookup(
            set: String(repeating: "s", count: 1_000_000), source: 1, destination: nil, inverted: .plain)
        ]),
        KernelRule(expressions: [], userdata: Array(repeating: 0, count: 300)),
      ]
      for rule in rules {
        do {
          try kernel.commit(
            [.addTable(flags: 0, userdata: []), .addRule(chain: "a", rule, place: .end)],
            family: CSYS_NFPROTO_INET, table: "wgfence", generation: try kernel.generation())
          Issue.record("it was committed")
        } catch let CommitError.inexpressible(operation, _) {
          #expect(operation == 1)
        }
      }
      #expect(try kernel.tableNames().isEmpty)
    }
  }

  @Test func `only the owner of a table can change it`() throws {
    try inNetworkNamespace {
      var owner = try NFTablesSocket()
      try owner.commit(
        [.addTable(flags: NFT_TABLE_F_OWNER.rawValue, userdata: [])], family: CSYS_NFPROTO_INET,
        table: "wgfence",
        generation: try owner.generation())
      var other = try NFTablesSocket()
      do {
        try other.commit(
          [.addChain(name: "a", base: nil)], family: CSYS_NFPROTO_INET, table: "wgfence",
          generation: try other.generation())
        Issue.record("it was committed")
      } catch let CommitError.refused(_, error) {
        #expect(error.name == "EPERM")
      }
      try owner.commit(
        [.addChain(name: "a", base: nil)], family: CSYS_NFPROTO_INET, table: "wgfence",
        generation: try owner.generation())
    }
  }
}
