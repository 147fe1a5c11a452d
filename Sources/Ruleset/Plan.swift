// SPDX-License-Identifier: GPL-3.0-or-later

/// What turns a table as it is into the table as it should be: nothing more, in an order that the kernel accepts.
///
/// A plan of a table against itself is empty. Counters that stay keep what they counted, and set elements that stay are
/// not touched. Elements that end by themselves are no difference: they stay for as long as their set does, and come
/// with what is left of their time into a table that is made anew.
public struct Plan: Sendable, Hashable {
  /// In the order in which they are to be sent, as one batch.
  public private(set) var operations: [TableOperation] = []
  /// Whether the table is taken out and made anew in the same batch, since something in it cannot be changed in place.
  public private(set) var scope: Scope = .inPlace

  /// How much of the table a plan touches.
  public enum Scope: Sendable, Hashable {
    case inPlace
    case whole
  }

  /// Whether there is nothing to change.
  public var isEmpty: Bool { operations.isEmpty }

  /// The plan from `observed`, as read from the kernel (nil: no such table), to `desired`. Counters that have to be made
  /// anew begin at the given values.
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
    // Who does not ask to hold the table leaves it to whom it belongs. Only a table that was made to persist can be
    // taken over as it is.
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

  /// Takes what ends by itself over into a table that is made anew.
  private mutating func carry(from observed: KernelTable, to desired: KernelTable) {
    let sets = Dictionary(desired.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for old in observed.sets where old.flags & NFT.setTimeout != 0 {
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

    // What others will refer to comes first.
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
    // What nothing refers to any more goes last: rules, then what they named.
    let doomed = observed.chains.filter { !newChains.contains($0.name) }
    for chain in doomed { change(chain.rules, to: [], in: chain.name) }
    // Anonymous sets go with their rule.
    for set in observed.sets where !newSets.contains(set.name) && set.flags & NFT.setAnonymous == 0 {
      operations.append(.deleteSet(name: set.name))
    }
    for chain in doomed { operations.append(.deleteChain(name: chain.name)) }
    for object in observed.objects where !newObjects.contains(object) {
      operations.append(.deleteObject(object))
    }
  }

  private mutating func change(_ old: KernelSet, to new: KernelSet) {
    var old = old
    if old.flags & NFT.setTimeout != 0 { old.elements = old.elements.lasting }
    guard old.elements != new.elements else { return }
    // An interval is two elements: they are only ever changed together, with all others of the set.
    let whole = new.flags & NFT.setInterval != 0
    let gone = whole ? old.elements : old.elements.subtracting(new.elements)
    let come = whole ? new.elements : new.elements.subtracting(old.elements)
    if !gone.isEmpty { operations.append(.deleteElements(set: old, gone)) }
    if !come.isEmpty { operations.append(.addElements(set: new, come)) }
  }

  /// Keeps the longest run of equal rules at the beginning and at the end of a chain, and replaces what lies between.
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
