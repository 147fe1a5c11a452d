// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The sets of a table that hold a zone's temporary grants, and the changes that add or remove one.
///
/// Elements of a set of concatenated ranges must not overlap. What a new grant has in common with those in
/// force is cut so that one element lets in each packet: the one that lasts longest.
public struct TemporaryGrantSets: Sendable {
  /// The zone as part of the sets' names.
  public let zone: String
  private let sets: [AddressFamily: KernelSet]

  /// The name of the set of a zone's temporary grants for sources of a family.
  public static func name(zone: String, _ family: AddressFamily) -> String {
    "opened-\(zone)-\(family == .ipv4 ? "v4" : "v6")"
  }

  /// A zone's sets; nil if the table has none: it is locked down, or an older version made it.
  public init?(zone: String, in table: KernelTable) {
    self.zone = zone
    var sets: [AddressFamily: KernelSet] = [:]
    for family in AddressFamily.allCases {
      let name = Self.name(zone: zone, family)
      guard let set = table.sets.first(where: { $0.name == name }), set.flags & NFT.setTimeout != 0 else {
        return nil
      }
      sets[family] = set
    }
    self.sets = sets
  }

  /// The sets of all zones that have them in a table, sorted by zone.
  public static func all(in table: KernelTable) -> [TemporaryGrantSets] {
    table.sets.compactMap { set in
      guard set.name.hasPrefix("opened-"), set.name.hasSuffix("-v4") else { return nil }
      return TemporaryGrantSets(zone: String(set.name.dropFirst(7).dropLast(3)), in: table)
    }.sorted { $0.zone < $1.zone }
  }

  /// The temporary grants in force, IPv4 first.
  public var ranges: [TemporaryGrantRange] {
    AddressFamily.allCases.flatMap { family -> [TemporaryGrantRange] in
      guard let elements = sets[family]?.elements else { return [] }
      return (0..<elements.count).compactMap { TemporaryGrantRange(elements, $0, family) }
    }
  }

  /// One batch that opens these ranges in addition to those in force. What is already open for longer does
  /// not change; what is open for less time is extended. Empty if all of it is already open for longer.
  ///
  /// If an element ends between the read and the batch, the kernel refuses the whole batch: read and plan
  /// again.
  public func adding(_ wanted: [TemporaryGrantRange]) -> [TableOperation] {
    let old = ranges
    var result = old
    for range in wanted {
      var pieces = [range]
      var others: [TemporaryGrantRange] = []
      for other in result {
        if !other.overlaps(range) {
          others.append(other)
        } else if other.life.remaining >= range.life.remaining {
          others.append(other)
          pieces = pieces.flatMap { $0.subtracting(other) }
        } else {
          others += other.subtracting(range)
        }
      }
      result = others + pieces
    }
    return change(from: old, to: result)
  }

  /// One batch that ends these ranges: it removes exactly what they let in. The rest of what is in force
  /// keeps its end.
  public func removing(_ ended: [TemporaryGrantRange]) -> [TableOperation] {
    let old = ranges
    var result = old
    for range in ended { result = result.flatMap { $0.subtracting(range) } }
    return change(from: old, to: result)
  }

  /// Elements that do not change are not touched: their time continues.
  private func change(from old: [TemporaryGrantRange], to new: [TemporaryGrantRange]) -> [TableOperation] {
    let (before, after) = (Set(old), Set(new))
    var operations: [TableOperation] = []
    for family in AddressFamily.allCases {
      guard let set = sets[family] else { continue }
      let removed = old.filter { $0.family == family && !after.contains($0) }
      // A piece of a cut element gets the remaining lifetime, not the total again.
      let added = new.filter { $0.family == family && !before.contains($0) }.map { range in
        var range = range
        range.life.timeout = range.life.remaining
        return range
      }
      // A key to be deleted is given without its lifetime.
      if !removed.isEmpty {
        operations.append(.deleteElements(set: set, TemporaryGrantRange.elements(removed, family).keys))
      }
      if !added.isEmpty {
        operations.append(.addElements(set: set, TemporaryGrantRange.elements(added, family)))
      }
    }
    return operations
  }
}

extension SetElements {
  /// The keys without values.
  var keys: SetElements { SetElements(keyLength: keyLength, hasKeyEnd: hasKeyEnd, unsorted: records) }
}
