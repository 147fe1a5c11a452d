// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import LinuxKernel
import RulesetModel
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
      #expect(acknowledgement == .committed)
      return try kernel.read(family: table.family, name: table.name)
    }
    #expect(read == table)
  }
}
