// SPDX-License-Identifier: GPL-3.0-or-later

public import Ruleset
public import TestSupport

/// Random batches for one table, of few names, so that many operations meet what exists, what does not exist any more
/// and what refers to something.
public enum RandomBatch {
  /// A batch for a table of a kernel as it is now. Most operations are ones that this kernel carries out: otherwise
  /// nearly every batch would be refused.
  public static func make(
    for key: MemoryKernel.TableKey, in kernel: MemoryKernel, by socket: MemoryKernel.Socket,
    _ random: inout SeededGenerator
  ) -> [TableOperation] {
    var trial = kernel
    var maker = Maker(table: kernel.table(key), current: kernel.table(key), random: random)
    let table = maker.table
    var operations: [TableOperation] = []
    func isPossible(_ operation: TableOperation) -> Bool {
      guard (try? trial.commit([operation], to: key, generation: nil, by: socket)) != nil else {
        return false
      }
      maker.current = trial.table(key)
      return true
    }
    if table == nil, !maker.random.oneIn(8) {
      operations.append(.addTable(flags: maker.flags(), userdata: []))
      _ = isPossible(operations[0])
    }
    for _ in 0..<maker.random.number(1...8) {
      let operation = maker.operation()
      if isPossible(operation) || maker.random.oneIn(8) { operations.append(operation) }
    }
    random = maker.random
    return operations
  }

  private struct Maker {
    /// The table before the batch, of whose rules the handles are known.
    let table: KernelTable?
    /// The table after the operations so far.
    var current: KernelTable?
    var random: SeededGenerator

    mutating func flags() -> UInt32 {
      random.oneIn(6)
        ? random.one(of: [NFT.tableDormant, NFT.tableOwner, NFT.tableOwnership, NFT.tablePersist]) : 0
    }

    mutating func operation() -> TableOperation {
      switch random.number(0...29) {
      case 0: .addTable(flags: flags(), userdata: [])
      case 1: random.oneIn(3) ? .deleteTable : .addTable(flags: 0, userdata: [])
      case 2, 3: .addObject(counter(), CounterState(packets: UInt64(random.number(0...9)), bytes: 7))
      case 4: .deleteObject(counter())
      case 5, 6, 7: addChain()
      case 8, 9: .deleteChain(name: chain())
      case 10, 11, 12, 13: .addSet(Self.set(named: setName(), kind: kind()))
      case 14: .deleteSet(name: setName())
      case 15, 16, 17, 18: elements(.adding)
      case 19, 20: elements(.deleting)
      case 21, 22: deleteRule()
      default: .addRule(chain: chain(), rule(), place: place())
      }
    }

    // MARK: Chains and rules

    private mutating func counter() -> KernelObject {
      KernelObject(name: "o\(random.number(0...2))", type: NFT.objectCounter)
    }

    private mutating func chain() -> String {
      // Mostly one that exists.
      if let current, random.oneIn(2), let chain = current.chains.randomElement(using: &random) {
        return chain.name
      }
      return random.oneIn(4) ? "b\(random.number(0...1))" : "c\(random.number(0...4))"
    }

    private mutating func addChain() -> TableOperation {
      let name = random.oneIn(3) ? "b\(random.number(0...1))" : "c\(random.number(0...4))"
      let isBase = name.hasPrefix("b") != random.oneIn(12)
      let hook: UInt32 = name == "b1" ? 4 : 1
      let base = BaseChain(
        hook: random.oneIn(10) ? 2 : hook, priority: random.oneIn(10) ? 5 : 0,
        policy: random.oneIn(2) ? .accept : .drop)
      return .addChain(name: name, base: isBase ? base : nil)
    }

    private mutating func handle(in name: String) -> UInt64 {
      // A rule that the batch has deleted is still a place for another one in the kernel, but not in memory.
      let known = Set((table?.chains.first { $0.name == name }?.rules ?? []).map(\.handle))
      let rules = (current?.chains.first { $0.name == name }?.rules ?? []).filter {
        known.contains($0.handle)
      }
      return random.oneIn(8) ? 999_999 : rules.randomElement(using: &random)?.handle ?? 999_999
    }

    private mutating func place() -> RulePlace {
      random.oneIn(3) ? .before(handle: handle(in: chain())) : .end
    }

    private mutating func deleteRule() -> TableOperation {
      let chain = chain()
      return .deleteRule(chain: chain, handle: handle(in: chain))
    }

    private mutating func verdict() -> VerdictCode {
      switch random.number(0...5) {
      case 0, 1, 2: .jump(chain: chain())
      case 3: .goto(chain: chain())
      default: random.oneIn(2) ? .accept : .drop
      }
    }

    private mutating func rule() -> KernelRule {
      // Every register of every key is loaded.
      let load = Expression.payload(
        base: NFT.payloadNetwork, offset: 8, length: 16, destination: NFT.register1)
      let set = setName()
      let expressions: [Expression]
      switch random.number(0...11) {
      case 0: expressions = [.object(type: NFT.objectCounter, name: counter().name)]
      case 1: expressions = [load, .objectMap(set: set, source: NFT.register1)]
      case 2, 3:
        expressions = [
          load,
          .lookup(
            set: set, source: NFT.register1, destination: nil,
            inverted: random.oneIn(2) ? .plain : .inverted),
        ]
      case 4, 5:
        expressions = [
          load,
          .lookup(
            set: random.oneIn(2) ? "s2" : set, source: NFT.register1,
            destination: random.oneIn(4) ? NFT.register1 : NFT.registerVerdict, inverted: .plain),
        ]
      case 6: expressions = [.reject(type: NFT.rejectICMPX, code: NFT.icmpxAdminProhibited)]
      default: expressions = [.counter, .verdict(verdict())]
      }
      return KernelRule(
        expressions: expressions, userdata: Userdata.text("\(random.number(0...9))", type: NFT.udataComment))
    }

    // MARK: Sets

    private mutating func setName() -> String {
      if let current, random.oneIn(2), let set = current.sets.randomElement(using: &random) {
        return set.name
      }
      return "s\(random.number(0...6))"
    }

    /// Sets of a name mostly have the same kind.
    private mutating func kind() -> Int? { random.oneIn(8) ? random.number(0...6) : nil }

    private static func set(named name: String, kind: Int?) -> KernelSet {
      var set = KernelSet(
        name: name, keyType: NFT.typeIPv4Address, keyLength: 4, elements: SetElements(keyLength: 4))
      switch kind ?? Int(name.dropFirst()) ?? 0 {
      case 1: set.flags = NFT.setInterval
      case 2:
        set.flags = NFT.setMap
        (set.dataType, set.dataLength) = (NFT.dataVerdict, NFT.dataVerdictLength)
      case 3:
        set.flags = NFT.setObject
        set.objectType = NFT.objectCounter
      case 4:
        set.flags = NFT.setMap
        (set.dataType, set.dataLength) = (NFT.typeIPv4Address, 4)
      case 5:
        set.flags = NFT.setInterval | NFT.setConcatenation
        (set.keyLength, set.fields) = (12, [4, 1, 2])
        set.elements = SetElements(keyLength: 12, hasKeyEnd: true)
      case 6: set.size = 3
      default: break
      }
      return set
    }

    private enum Change {
      case adding
      case deleting
    }

    private mutating func elements(_ change: Change) -> TableOperation {
      let name = setName()
      let known = current?.sets.first { $0.name == name }
      var set = known ?? Self.set(named: name, kind: nil)
      if random.oneIn(12) {
        let other = Self.set(named: name, kind: kind())
        // Single ends of intervals, and intervals that overlap, are not modelled.
        if (set.flags ^ other.flags) & NFT.setInterval == 0 { set = other }
      }
      let places = Set((0..<random.number(1...3)).map { _ in random.number(0...4) }).sorted()
      var records: [UInt8] = []
      var values: [ElementValue] = []
      for place in places {
        let (low, high) = (UInt8(16 * place), UInt8(16 * place + 8))
        if set.elements.hasKeyEnd {
          records += [10, 0, 0, low, 6, 0, 0, 0, 0, 22, 0, 0, 10, 0, 0, high, 6, 0, 0, 0, 0, 80, 0, 0, 0]
          values.append(value(of: set))
          continue
        }
        records += [10, 0, 0, low, 0]
        values.append(value(of: set))
        if set.flags & NFT.setInterval != 0 {
          records += [10, 0, 0, high, NFT.elementIntervalEnd]
          values.append(.none)
        }
      }
      let elements = SetElements(
        keyLength: set.elements.keyLength, hasKeyEnd: set.elements.hasKeyEnd, unsorted: records,
        values: values.allSatisfy { $0 == .none } ? [] : values)
      return change == .adding ? .addElements(set: set, elements) : .deleteElements(set: set, elements)
    }

    private mutating func value(of set: KernelSet) -> ElementValue {
      if set.flags & NFT.setObject != 0 { return .object(counter().name) }
      if set.flags & NFT.setMap == 0 { return random.oneIn(30) ? .verdict(.drop) : .none }
      if set.dataType == NFT.dataVerdict { return .verdict(verdict()) }
      return .data([0, 0, 0, UInt8(random.number(1...3))])
    }
  }

  /// The operations with the handles of another copy of the table, whose rules are the same.
  public static func translated(
    _ operations: [TableOperation], from table: KernelTable?, to other: KernelTable?
  ) -> [TableOperation] {
    func translated(_ handle: UInt64) -> UInt64 {
      for (chain, twin) in zip(table?.chains ?? [], other?.chains ?? []) {
        for (rule, same) in zip(chain.rules, twin.rules) where rule.handle == handle { return same.handle }
      }
      return handle
    }
    return operations.map { operation in
      switch operation {
      case .deleteRule(let chain, let handle): .deleteRule(chain: chain, handle: translated(handle))
      case .addRule(let chain, let rule, .before(let handle)):
        .addRule(chain: chain, rule, place: .before(handle: translated(handle)))
      default: operation
      }
    }
  }
}
