// SPDX-License-Identifier: GPL-3.0-or-later

/// The operations that turn the table in the kernel into the desired one: no more than needed, in an order
/// that the kernel accepts.
///
/// A plan of a table against itself is empty. Counters that stay keep their values, and set elements that
/// stay are not touched. Elements with a timeout are not a difference: they stay as long as their set does,
/// and a table that is created again gets them with their remaining lifetimes.
public struct Plan: Sendable, Hashable {
  /// In the order in which they are to be sent, as one batch.
  public private(set) var operations: [TableOperation] = []
  /// Whether the table is deleted and created again in the same batch, because something in it cannot be
  /// changed in place.
  public private(set) var scope: Scope = .inPlace

  /// How much of the table a plan touches.
  public enum Scope: Sendable, Hashable {
    case inPlace
    case whole
  }

  /// Whether there is nothing to change.
  public var isEmpty: Bool { operations.isEmpty }

  /// The plan from `observed`, as read from the kernel (nil: no such table), to `desired`. Counters that have
  /// to be created again start at the given values.
  public init(
    desired: KernelTable, observed: KernelTable?, counters: @autoclosure () -> [String: CounterState] = [:]
  ) {
    guard let observed else {
      create(desired, counters: [:])
      return
    }
    guard Self.canChangeInPlace(observed, to: desired) else {
      scope = .whole
      operations.append(.deleteTable)
      create(desired, counters: counters())
      carry(from: observed, to: desired)
      return
    }
    change(observed, to: desired)
  }

  private static func canChangeInPlace(_ observed: KernelTable, to desired: KernelTable) -> Bool {
    // A ruleset that does not ask for ownership leaves the table's owner as it is. Only a table that was made
    // with `persist` can be taken over in place.
    guard observed.flags | NFT.tableOwnership == desired.flags | NFT.tableOwnership,
      desired.flags & NFT.tableOwnership == 0 || observed.flags & NFT.tablePersist != 0,
      observed.userdata == desired.userdata, observed.unknown == desired.unknown
    else { return false }
    let chains = Dictionary(
      observed.chains.map { ($0.name, $0.base) }, uniquingKeysWith: { first, _ in first })
    let sets = Dictionary(observed.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return desired.chains.allSatisfy { chain in chains[chain.name].map { $0 == chain.base } ?? true }
      && desired.sets.allSatisfy { set in
        sets[set.name].map { old in
          old.declaresSame(as: set) && old.elements.keyLength == set.elements.keyLength
        }
          ?? true
      }
  }

  private mutating func create(_ table: KernelTable, counters: [String: CounterState]) {
    operations.append(.addTable(flags: table.flags, userdata: table.userdata))
    for object in table.objects { operations.append(.addObject(object, counters[object.name] ?? .zero)) }
    for chain in table.chains { operations.append(.addChain(name: chain.name, base: chain.base)) }
    for set in table.sets { add(set) }
    for chain in table.chains {
      for rule in chain.rules { operations.append(.addRule(chain: chain.name, rule, place: .end)) }
    }
  }

  /// Copies elements with a timeout into a table that is created again.
  private mutating func carry(from observed: KernelTable, to desired: KernelTable) {
    let sets = Dictionary(desired.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    // An element of a rule has a budget, which cannot be written: without one it would be above every limit.
    for old in observed.sets where old.flags & (NFT.setTimeout | NFT.setEvaluated) == NFT.setTimeout {
      guard let new = sets[old.name], new.declaresSame(as: old) else { continue }
      let timed = old.elements.carried
      if !timed.isEmpty { operations.append(.addElements(set: new, timed)) }
    }
  }

  private mutating func add(_ set: KernelSet) {
    operations.append(.addSet(set))
    if !set.elements.isEmpty { operations.append(.addElements(set: set, set.elements)) }
  }

  private mutating func change(_ observed: KernelTable, to desired: KernelTable) {
    if desired.flags & NFT.tableOwner != 0, observed.flags & NFT.tableOwner == 0 {
      operations.append(.addTable(flags: desired.flags, userdata: desired.userdata))
    }
    let oldObjects = Set(observed.objects)
    let oldChains = Dictionary(observed.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let oldSets = Dictionary(observed.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let newChains = Set(desired.chains.map(\.name))
    let newSets = Set(desired.sets.map(\.name))
    let newObjects = Set(desired.objects)

    // First what others will refer to.
    for object in desired.objects where !oldObjects.contains(object) {
      operations.append(.addObject(object, .zero))
    }
    for chain in desired.chains where oldChains[chain.name] == nil {
      operations.append(.addChain(name: chain.name, base: chain.base))
    }
    for set in desired.sets {
      if let old = oldSets[set.name] { change(old, to: set) } else { add(set) }
    }
    for chain in desired.chains {
      change(oldChains[chain.name]?.rules ?? [], to: chain.rules, in: chain.name)
    }
    // Last what nothing refers to any more: rules, then what they named.
    let unused = observed.chains.filter { !newChains.contains($0.name) }
    for chain in unused { change(chain.rules, to: [], in: chain.name) }
    // The kernel deletes anonymous sets with their rule.
    for set in observed.sets where !newSets.contains(set.name) && set.flags & NFT.setAnonymous == 0 {
      operations.append(.deleteSet(name: set.name))
    }
    for chain in unused { operations.append(.deleteChain(name: chain.name)) }
    for object in observed.objects where !newObjects.contains(object) {
      operations.append(.deleteObject(object))
    }
  }

  private mutating func change(_ old: KernelSet, to new: KernelSet) {
    var old = old
    if old.flags & NFT.setTimeout != 0 { old.elements = old.elements.lasting }
    guard old.elements != new.elements else { return }
    // An interval is two elements: intervals of a set are only changed all together.
    let whole = new.flags & NFT.setInterval != 0
    let removed = whole ? old.elements : old.elements.subtracting(new.elements)
    let added = whole ? new.elements : new.elements.subtracting(old.elements)
    if !removed.isEmpty { operations.append(.deleteElements(set: old, removed)) }
    if !added.isEmpty { operations.append(.addElements(set: new, added)) }
  }

  /// Keeps the longest run of equal rules at the beginning and at the end of a chain, and replaces the rules
  /// between.
  private mutating func change(_ old: [KernelRule], to new: [KernelRule], in chain: String) {
    var head = 0
    while head < min(old.count, new.count), old[head] == new[head] { head += 1 }
    var tail = 0
    while tail < min(old.count, new.count) - head, old[old.count - 1 - tail] == new[new.count - 1 - tail] {
      tail += 1
    }
    for rule in old[head..<(old.count - tail)] {
      operations.append(.deleteRule(chain: chain, handle: rule.handle))
    }
    let place: RulePlace = tail == 0 ? .end : .before(handle: old[old.count - tail].handle)
    for rule in new[head..<(new.count - tail)] {
      operations.append(.addRule(chain: chain, rule, place: place))
    }
  }
}
