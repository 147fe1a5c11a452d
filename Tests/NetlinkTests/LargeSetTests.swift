// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import CTestSupport
import Netlink
import Ruleset
import TestSupport
import Testing

@Suite struct LargeSetTests {
  @Test(arguments: [4, 16]) func `a hundred thousand elements are written and read back equal`(length: Int)
    throws
  {
    var random = SeededGenerator(seed: 1)
    let records = (0..<100_000).flatMap { _ -> [UInt8] in random.bytes(length) + [0] }
    let set = KernelSet(
      name: "many", keyType: 7, keyLength: UInt32(length),
      elements: SetElements(keyLength: length, unsorted: records))
    let table = KernelTable(family: CSYS_NFPROTO_INET, name: "wgfence", sets: [set])
    let clock = ContinuousClock()
    let read = try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      let generation = try kernel.generation()
      let writing = try clock.measure {
        try kernel.commit(
          operations(adding: table), family: table.family, table: table.name, generation: generation)
      }
      var read: KernelTable?
      let start = processorTime()
      let reading = try clock.measure { read = try kernel.read(family: table.family, name: table.name) }
      print("\(set.elements.count) keys of \(length) bytes: written in \(writing), read in \(reading)")
      print("user CPU time of the reading thread: \(processorTime() - start)")
      return read
    }
    #expect(read == table)
  }

  /// The kernel still moves the elements of this set to a larger table when the first of these reads starts.
  @Test func `a large set is read completely while the kernel rebuilds it`() throws {
    var random = SeededGenerator(seed: 2)
    let records = (0..<40_000).flatMap { _ -> [UInt8] in random.bytes(4) + [0] }
    let elements = SetElements(keyLength: 4, unsorted: records)
    let set = KernelSet(name: "many", keyType: 7, keyLength: 4, elements: elements)
    let table = KernelTable(family: CSYS_NFPROTO_INET, name: "wgfence", sets: [set])
    for _ in 0..<10 {
      let missing = try inNetworkNamespace {
        var kernel = try NFTablesSocket()
        try kernel.commit(
          operations(adding: table), family: table.family, table: table.name,
          generation: try kernel.generation())
        let read = try kernel.read(family: table.family, name: table.name)
        return read.map { elements.subtracting($0.sets[0].elements).count }
      }
      #expect(missing == 0)
    }
  }

  @Test func `a batch of several megabytes is sent in one piece`() throws {
    let rules = (0..<20_000).map { number in
      KernelRule(
        expressions: [.counter, .verdict(.drop)], userdata: Userdata.text("rule \(number)", type: 0))
    }
    let table = KernelTable(
      family: CSYS_NFPROTO_INET, name: "wgfence", chains: [KernelChain(name: "a", base: nil, rules: rules)])
    let read = try inNetworkNamespace {
      var kernel = try NFTablesSocket()
      try kernel.commit(
        operations(adding: table), family: table.family, table: table.name,
        generation: try kernel.generation())
      return try kernel.read(family: table.family, name: table.name)
    }
    #expect(read == table)
  }
}

/// The user CPU time of the calling thread.
private func processorTime() -> Duration {
  .microseconds(ctest_thread_user_microseconds())
}
