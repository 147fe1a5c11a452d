// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import KernelTestSupport
import LinuxHost
import Netlink
import Ruleset
import TestSupport
import Testing

/// Sends the same random batches to the running kernel and to the one in memory, and compares answers, tables, counters
/// and events.
@Suite("The kernel in memory") struct MemoryKernelTests {
  static let parts = 0..<8 as Range<UInt64>

  /// What a kernel answered.
  enum Answer: Equatable {
    case committed
    case stale
    case refused(operation: Int, code: Int32)
    case other(String)
  }

  /// A failure of a batch, with everything that is needed to repeat it.
  struct Difference: CustomStringConvertible {
    let seed: UInt64
    let batch: Int
    let what: String
    let operations: [TableOperation]
    var description: String {
      "seed \(seed), batch \(batch): \(what)\n"
        + operations.enumerated().map { "  \($0): \($1)" }.joined(separator: "\n")
    }
  }

  @Test("does what the running kernel does", arguments: parts)
  func agrees(_ part: UInt64) throws {
    let result = try inNetworkNamespace {
      var result = (differences: [String](), batches: 0, committed: 0, errors: Set<Int32>())
      for seed in (part * 12)..<(part * 12 + 12) {
        var pair = try Pair(seed: seed)
        for batch in 0..<14 {
          if let difference = try pair.step(batch) {
            result.differences.append(difference.description)
            break
          }
          result.batches += 1
          switch pair.last {
          case .committed: result.committed += 1
          case .refused(_, let code): result.errors.insert(code)
          default: break
          }
        }
      }
      return result
    }
    for difference in result.differences.prefix(3) { Issue.record("\(difference)") }
    // The batches are neither all refused nor all committed.
    #expect(result.committed * 10 > result.batches && result.committed < result.batches)
    #expect(result.errors.contains(ENOENT))
  }

  /// Something that the kernel refuses.
  struct Refused: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Committed before, as one batch.
    let before: [TableOperation]
    /// Refused; the first one is wrong.
    let refused: [TableOperation]
    let code: Int32

    init(_ words: String, _ code: Int32, after before: [TableOperation], _ refused: TableOperation...) {
      testDescription = words
      self.code = code
      self.before = before
      self.refused = refused
    }
  }

  private static let set = KernelSet(
    name: "s", keyType: NFT.typeIPv4Address, keyLength: 4, elements: SetElements(keyLength: 4))
  private static let small = KernelSet(
    name: "small", keyType: NFT.typeIPv4Address, keyLength: 4, size: 1, elements: SetElements(keyLength: 4))
  private static let map = KernelSet(
    name: "m", flags: NFT.setMap, keyType: NFT.typeIPv4Address, keyLength: 4, dataType: NFT.dataVerdict,
    dataLength: NFT.dataVerdictLength, elements: SetElements(keyLength: 4))
  private static let counter = KernelObject(name: "o", type: NFT.objectCounter)

  private static func elements(_ keys: UInt8..., values: [ElementValue] = []) -> SetElements {
    SetElements(keyLength: 4, unsorted: keys.flatMap { [10, 0, 0, $0, 0] }, values: values)
  }

  private static func jump(_ from: String, _ to: String) -> TableOperation {
    .addRule(chain: from, KernelRule(expressions: [.verdict(.jump(chain: to))]), place: .end)
  }

  private static func chain(_ name: String, hook: UInt32? = nil) -> TableOperation {
    .addChain(name: name, base: hook.map { BaseChain(hook: $0, priority: 0, policy: .accept) })
  }

  private static let found = TableOperation.addRule(
    chain: "a",
    KernelRule(expressions: [
      .payload(base: NFT.payloadNetwork, offset: 12, length: 4, destination: NFT.register1),
      .lookup(set: "s", source: NFT.register1, destination: nil, inverted: .plain),
      .object(type: NFT.objectCounter, name: "o"),
    ]), place: .end)
  private static let table = TableOperation.addTable(flags: 0, userdata: [])
  private static let used = [
    table, chain("a"), chain("b"), .addObject(counter, .zero), .addSet(set), .addSet(map), .addSet(small),
    found, jump("a", "b"), chain("base", hook: 1),
  ]

  static let refusals = [
    Refused("a part of a table that does not exist", ENOENT, after: [], chain("a")),
    Refused("deleting a table that does not exist", ENOENT, after: [], .deleteTable),
    Refused("a rule in a chain that does not exist", ENOENT, after: [table], jump("x", "a")),
    Refused("a jump to a chain that does not exist", ENOENT, after: used, jump("a", "x")),
    Refused("a jump to a base chain", EOPNOTSUPP, after: used, jump("a", "base")),
    Refused(
      "deleting a rule that does not exist", ENOENT, after: used, .deleteRule(chain: "a", handle: 999)),
    Refused("deleting a chain that a rule jumps to", EBUSY, after: used, .deleteChain(name: "b")),
    Refused(
      "deleting a chain that a map jumps to", EBUSY,
      after: used + [.addElements(set: map, elements(1, values: [.verdict(.jump(chain: "a"))]))],
      .deleteChain(name: "a")),
    Refused("deleting a set that a rule uses", EBUSY, after: used, .deleteSet(name: "s")),
    Refused("deleting a counter that a rule uses", EBUSY, after: used, .deleteObject(counter)),
    Refused(
      "deleting an element that does not exist", ENOENT, after: used, .deleteElements(set: set, elements(1))),
    Refused(
      "another value for a key", EEXIST,
      after: used + [.addElements(set: map, elements(1, values: [.verdict(.accept)]))],
      .addElements(set: map, elements(1, values: [.verdict(.drop)]))),
    Refused("an element without a value in a map", EINVAL, after: used, .addElements(set: map, elements(1))),
    Refused(
      "more elements than the set's size", ENFILE, after: used, .addElements(set: small, elements(1, 2))),
    Refused(
      "another set of the same name", EEXIST, after: used,
      .addSet(
        KernelSet(
          name: "s", keyType: NFT.typeIPv6Address, keyLength: 16, elements: SetElements(keyLength: 16)))),
    Refused(
      "a loop of jumps", EMLINK, after: used + [jump("base", "a")], jump("b", "a")),
    Refused(
      "a reject after routing", EOPNOTSUPP, after: used + [chain("late", hook: 4), jump("late", "a")],
      .addRule(
        chain: "b", KernelRule(expressions: [.reject(type: NFT.rejectICMPX, code: 3)]), place: .end)),
    Refused("a chain as a base chain", EOPNOTSUPP, after: used, chain("a", hook: 1)),
    Refused("another hook for a base chain", EOPNOTSUPP, after: used, chain("base", hook: 2)),
  ]

  @Test("refuses what the running kernel refuses, with the same error", arguments: refusals)
  func refuses(_ refused: Refused) throws {
    let kernel = try inNetworkNamespace {
      var socket = try NFTablesSocket()
      func send(_ operations: [TableOperation], _ socket: inout NFTablesSocket) throws(CommitError) {
        let generation = (try? socket.generation()) ?? 0
        try socket.commit(operations, family: NFT.familyInet, table: "t", generation: generation)
      }
      if !refused.before.isEmpty { try send(refused.before, &socket) }
      do throws(CommitError) {
        try send(refused.refused, &socket)
        return Answer.committed
      } catch {
        guard case .refused(let operation, let error) = error else { return .other("\(error)") }
        return .refused(operation: operation, code: error.code)
      }
    }
    var memory = MemoryKernel()
    let key = MemoryKernel.TableKey(family: NFT.familyInet, name: "t")
    try memory.commit(refused.before, to: key, generation: nil, by: MemoryKernel.Socket(1))
    let before = memory.table(key)
    #expect(throws: MemoryKernel.Refusal.operation(0, code: refused.code)) {
      try memory.commit(refused.refused, to: key, generation: nil, by: MemoryKernel.Socket(1))
    }
    #expect(memory.table(key) == before)
    #expect(kernel == .refused(operation: 0, code: refused.code))
  }

  /// Both kernels, each with two sockets.
  struct Pair: ~Copyable {
    let seed: UInt64
    let name: String
    var random: SeededGenerator
    var first: NFTablesSocket
    var second: NFTablesSocket
    var events: RulesetEvents
    var memory = MemoryKernel()
    let listener: Int
    var last = Answer.committed

    init(seed: UInt64) throws {
      // One name for each seed: the tables of other seeds stay.
      let name = "memory\(seed)"
      let first = try NFTablesSocket()
      let second = try NFTablesSocket()
      let events = try RulesetEvents(table: name)
      self.first = first
      self.second = second
      self.events = events
      random = SeededGenerator(seed: seed)
      self.seed = seed
      self.name = name
      listener = memory.listen()
    }

    private var key: MemoryKernel.TableKey {
      MemoryKernel.TableKey(family: NFT.familyInet, name: name)
    }

    /// Sends one random batch to both kernels, and compares them.
    mutating func step(_ batch: Int) throws -> Difference? {
      let isFirst = !random.oneIn(10)
      if random.oneIn(12) { try closeSecond() }
      let before = (kernel: try first.read(family: NFT.familyInet, name: name), memory: memory.table(key))
      let operations = RandomBatch.make(
        for: key, in: memory, by: MemoryKernel.Socket(isFirst ? 1 : 2), &random)
      let isStale = random.oneIn(20)
      let answer = (
        kernel: try send(
          RandomBatch.translated(operations, from: before.memory, to: before.kernel), isFirst, isStale),
        memory: sendToMemory(operations, isFirst, isStale)
      )
      last = answer.memory
      func difference(_ what: String) -> Difference {
        Difference(seed: seed, batch: batch, what: what, operations: operations)
      }
      if answer.kernel != answer.memory {
        return difference("the kernel: \(answer.kernel), in memory: \(answer.memory)")
      }
      let after = (kernel: try first.read(family: NFT.familyInet, name: name), memory: memory.table(key))
      if after.kernel != after.memory {
        guard let one = after.memory, let other = after.kernel else {
          return difference("the kernel: \(after.kernel as Any), in memory: \(after.memory as Any)")
        }
        return difference("in memory, then in the kernel: \(NetlinkTests.difference(one, other))")
      }
      let counters = try first.counters(family: NFT.familyInet, name: name)
      if counters != memory.counters(key) { return difference("counters \(counters)") }
      let news = try events.read().changes.count { $0.touchesTable }
      let changes = memory.changes(for: listener).count
      return news == changes ? nil : difference("events of the kernel: \(news), in memory: \(changes)")
    }

    private mutating func closeSecond() throws {
      second = try NFTablesSocket()
      memory.close(MemoryKernel.Socket(2))
    }

    private mutating func send(
      _ operations: [TableOperation], _ isFirst: Bool, _ isStale: Bool
    ) throws -> Answer {
      let generation = try first.generation() &+ (isStale ? 7 : 0)
      do throws(CommitError) {
        if isFirst {
          try first.commit(operations, family: NFT.familyInet, table: name, generation: generation)
        } else {
          try second.commit(operations, family: NFT.familyInet, table: name, generation: generation)
        }
        return .committed
      } catch {
        switch error {
        case .stale: return .stale
        case .refused(let operation, let error): return .refused(operation: operation, code: error.code)
        default: return .other("\(error)")
        }
      }
    }

    private mutating func sendToMemory(
      _ operations: [TableOperation], _ isFirst: Bool, _ isStale: Bool
    ) -> Answer {
      do throws(MemoryKernel.Refusal) {
        try memory.commit(
          operations, to: key, generation: memory.generation &+ (isStale ? 7 : 0),
          by: MemoryKernel.Socket(isFirst ? 1 : 2))
        return .committed
      } catch {
        switch error {
        case .stale: return .stale
        case .operation(let index, let code): return .refused(operation: index, code: code)
        }
      }
    }
  }
}
