// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Ruleset

/// Objects, chains and rules.
extension MemoryTable {
  mutating func nextHandle() -> UInt64 {
    lastHandle += 1
    return lastHandle
  }

  // MARK: Objects

  /// Adds an object. One that exists stays as it is, with its values. Returns whether it is new.
  mutating func add(_ object: KernelObject, _ state: CounterState) -> Bool {
    if table.objects.contains(where: { $0.name == object.name && $0.type == object.type }) { return false }
    table.objects.append(object)
    counters[object.name] = state
    _ = nextHandle()
    return true
  }

  mutating func delete(_ object: KernelObject) throws(MemoryBatch.Failure) {
    guard
      let index = table.objects.firstIndex(where: { $0.name == object.name && $0.type == object.type })
    else { throw .init(ENOENT) }
    let isUsed =
      rules.contains { $0.contains(.object(type: object.type, name: object.name)) }
      || values.contains(.object(object.name))
    if isUsed { throw .init(EBUSY) }
    table.objects.remove(at: index)
    counters[object.name] = nil
  }

  private var rules: some Sequence<[Expression]> {
    table.chains.lazy.flatMap { $0.rules.lazy.map(\.expressions) }
  }

  /// The values of all elements of all maps.
  private var values: some Sequence<ElementValue> {
    table.sets.lazy.flatMap { $0.elements.values.lazy.map(\.plain) }
  }

  // MARK: Chains

  private func index(ofChain name: String) throws(MemoryBatch.Failure) -> Int {
    guard let index = table.chains.firstIndex(where: { $0.name == name }) else { throw .init(ENOENT) }
    return index
  }

  /// Adds a chain. One that exists takes the policy; nothing else of it can change.
  mutating func addChain(_ name: String, _ base: BaseChain?) throws(MemoryBatch.Failure) {
    guard let index = table.chains.firstIndex(where: { $0.name == name }) else {
      table.chains.append(KernelChain(name: name, base: base, rules: []))
      _ = nextHandle()
      return
    }
    guard let base else { return }
    // A policy is only possible in a base chain, and every base chain is sent with one.
    guard let old = table.chains[index].base else { throw .init(EOPNOTSUPP) }
    guard old.hook == base.hook, old.priority == base.priority else { throw .init(EOPNOTSUPP) }
    guard old.type == base.type else { throw .init(EEXIST) }
    table.chains[index].base?.policy = base.policy
  }

  /// Deletes a chain with its rules, unless something jumps to it. A jump of its own also counts.
  mutating func deleteChain(_ name: String) throws(MemoryBatch.Failure) {
    let index = try index(ofChain: name)
    let isUsed =
      rules.contains { $0.contains { $0.target == name } }
      || values.contains { if case .verdict(let verdict) = $0 { verdict.chain == name } else { false } }
    if isUsed { throw .init(EBUSY) }
    table.chains.remove(at: index)
  }

  /// What a jump needs: the chain exists, and is not a base chain.
  func check(jumpTo name: String) throws(MemoryBatch.Failure) {
    guard table.chains[try index(ofChain: name)].base == nil else { throw .init(EOPNOTSUPP) }
  }

  // MARK: Rules

  mutating func add(
    _ rule: KernelRule, to name: String, _ place: RulePlace
  ) throws(MemoryBatch.Failure) {
    let chain = try index(ofChain: name)
    var position = table.chains[chain].rules.count
    if case .before(let handle) = place { position = try self.index(ofRule: handle, in: chain) }
    for expression in rule.expressions { try check(expression) }
    table.chains[chain].rules.insert(
      KernelRule(expressions: rule.expressions, userdata: rule.userdata, handle: nextHandle()), at: position)
  }

  private func check(_ expression: Expression) throws(MemoryBatch.Failure) {
    switch expression {
    case .verdict(let verdict): if let chain = verdict.chain { try check(jumpTo: chain) }
    case .lookup(let name, _, let destination, let inversion):
      let set = try set(named: name)
      let isMap = set.flags & NFT.setMap != 0
      // A map can also be asked for its keys alone.
      guard let destination else { return }
      guard isMap, inversion == .plain,
        (destination == NFT.registerVerdict) == (set.dataType == NFT.dataVerdict)
      else { throw .init(EINVAL) }
    case .objectMap(let name, _):
      guard try set(named: name).flags & NFT.setObject != 0 else { throw .init(EINVAL) }
    case .object(let type, let name):
      guard table.objects.contains(where: { $0.name == name && $0.type == type }) else {
        throw .init(ENOENT)
      }
    default: break
    }
  }

  private func index(ofRule handle: UInt64, in chain: Int) throws(MemoryBatch.Failure) -> Int {
    guard let index = table.chains[chain].rules.firstIndex(where: { $0.handle == handle }) else {
      throw .init(ENOENT)
    }
    return index
  }

  mutating func deleteRule(_ handle: UInt64, from name: String) throws(MemoryBatch.Failure) {
    let chain = try index(ofChain: name)
    table.chains[chain].rules.remove(at: try index(ofRule: handle, in: chain))
  }
}

extension Expression {
  /// The chain to which it jumps.
  var target: String? { if case .verdict(let verdict) = self { verdict.chain } else { nil } }
}

extension ElementValue {
  /// The value without further attributes of its element.
  var plain: ElementValue { if case .opaque(let value, _) = self { value } else { self } }
}
