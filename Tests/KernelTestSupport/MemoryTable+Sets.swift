// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Ruleset

/// Sets, maps and their elements.
extension MemoryTable {
  private func index(ofSet name: String) throws(MemoryBatch.Failure) -> Int {
    guard let index = table.sets.firstIndex(where: { $0.name == name }) else { throw .init(ENOENT) }
    return index
  }

  func set(named name: String) throws(MemoryBatch.Failure) -> KernelSet {
    table.sets[try index(ofSet: name)]
  }

  /// Adds a set without elements. One that exists must be of the same kind (`nft_set_is_same`); it takes the size, if
  /// there is one, when the batch is committed.
  mutating func add(_ set: KernelSet) throws(MemoryBatch.Failure) {
    var set = set
    set.elements = SetElements(
      keyLength: Int(set.keyLength),
      hasKeyEnd: set.flags & NFT.setInterval != 0
        && (set.flags & NFT.setConcatenation != 0 || set.fields.count > 1))
    guard let old = table.sets.first(where: { $0.name == set.name }) else {
      table.sets.append(set)
      _ = nextHandle()
      return
    }
    guard old.flags == set.flags, old.keyType == set.keyType, old.keyLength == set.keyLength,
      old.dataType == set.dataType, old.dataLength == set.dataLength, old.fields == set.fields
    else { throw .init(EEXIST) }
    if set.size != 0 { newSizes[set.name] = set.size }
  }

  /// Deletes a set with its elements, unless a rule uses it.
  mutating func deleteSet(_ name: String) throws(MemoryBatch.Failure) {
    let index = try index(ofSet: name)
    let isUsed = table.chains.contains { chain in
      chain.rules.contains { $0.expressions.contains { $0.set == name } }
    }
    if isUsed { throw .init(EBUSY) }
    table.sets.remove(at: index)
  }

  // MARK: Elements

  /// Adds elements. Those that exist with the same value stay as they are. Returns whether any is new.
  mutating func add(_ elements: SetElements, to name: String) throws(MemoryBatch.Failure) -> Bool {
    let index = try index(ofSet: name)
    let set = table.sets[index]
    try check(elements, fit: set)
    var held = HeldElements(set.elements)
    var isChanged = false
    for place in 0..<elements.count {
      let value = elements.value(place) ?? ElementValue.none
      try check(value.plain, flags: elements.flags(place), in: set)
      switch held.add(elements.record(place), value) {
      case .added:
        isChanged = true
        // A set that had more elements before it took its size can still grow (`atomic_add_unless`).
        if set.size != 0, held.count == Int(set.size) + 1 { throw .init(ENFILE) }
      case .isThere: break
      case .differs: throw .init(EEXIST)
      }
    }
    table.sets[index].elements = held.packed(like: set.elements)
    return isChanged
  }

  /// Whether the keys have the length of the set's keys, and an end where the set has ranges.
  private func check(_ elements: SetElements, fit set: KernelSet) throws(MemoryBatch.Failure) {
    guard elements.keyLength == set.elements.keyLength, elements.hasKeyEnd == set.elements.hasKeyEnd else {
      throw .init(EINVAL)
    }
  }

  /// What the kernel checks of one element (`nft_add_set_elem`).
  private func check(
    _ value: ElementValue, flags: UInt8, in set: KernelSet
  ) throws(MemoryBatch.Failure) {
    let isEnd = flags & NFT.elementIntervalEnd != 0
    if isEnd, set.flags & NFT.setInterval == 0 { throw .init(EINVAL) }
    switch value {
    case .none:
      if set.flags & (NFT.setMap | NFT.setObject) != 0, !isEnd { throw .init(EINVAL) }
    case .verdict(let verdict):
      guard set.flags & NFT.setMap != 0, set.dataType == NFT.dataVerdict, !isEnd else { throw .init(EINVAL) }
      if let chain = verdict.chain { try check(jumpTo: chain) }
    case .data:
      guard set.flags & NFT.setMap != 0, set.dataType != NFT.dataVerdict, !isEnd else { throw .init(EINVAL) }
    case .object(let name):
      guard set.flags & NFT.setObject != 0, !isEnd else { throw .init(EINVAL) }
      guard table.objects.contains(where: { $0.name == name && $0.type == set.objectType }) else {
        throw .init(ENOENT)
      }
    case .opaque: break
    }
  }

  mutating func delete(_ elements: SetElements, from name: String) throws(MemoryBatch.Failure) {
    let index = try index(ofSet: name)
    try check(elements, fit: table.sets[index])
    var held = HeldElements(table.sets[index].elements)
    for place in 0..<elements.count {
      guard held.remove(elements.record(place)) else { throw .init(ENOENT) }
    }
    table.sets[index].elements = held.packed(like: table.sets[index].elements)
  }
}

/// The elements of a set while they are changed, by their records.
private struct HeldElements {
  enum Added {
    case added
    case isThere
    case differs
  }

  private var values: [[UInt8]: ElementValue] = [:]

  init(_ elements: SetElements) {
    for place in 0..<elements.count {
      values[elements.record(place)] = elements.value(place) ?? ElementValue.none
    }
  }

  var count: Int { values.count }

  mutating func add(_ record: [UInt8], _ value: ElementValue) -> Added {
    guard let old = values[record] else {
      values[record] = value
      return .added
    }
    return old.plain == value.plain ? .isThere : .differs
  }

  mutating func remove(_ record: [UInt8]) -> Bool { values.removeValue(forKey: record) != nil }

  func packed(like elements: SetElements) -> SetElements {
    let all = Array(values)
    let plain = all.allSatisfy { $0.value == .none }
    return SetElements(
      keyLength: elements.keyLength, hasKeyEnd: elements.hasKeyEnd, unsorted: all.flatMap(\.key),
      values: plain ? [] : all.map(\.value))
  }
}

extension SetElements {
  /// The bytes of a record: key, end of the key if it has one, flags.
  fileprivate func record(_ index: Int) -> [UInt8] {
    Array(key(index)) + (keyEnd(index).map(Array.init) ?? []) + [flags(index)]
  }
}

extension Expression {
  /// The set that it searches.
  fileprivate var set: String? {
    switch self {
    case .lookup(let set, _, _, _), .objectMap(let set, _): set
    default: nil
    }
  }
}
