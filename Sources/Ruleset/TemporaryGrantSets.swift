// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// The sets of a table that hold a zone's openings, and the changes that put one in or take it out.
///
/// Elements of a set of concatenated ranges must not overlap: what an opening has in common with those in force is cut
/// so that every packet is let in by one element, the one that lasts longest.
public struct TemporaryGrantSets: Sendable {
  /// The zone as part of the sets' names.
  public let zone: String
  private let sets: [AddressFamily: KernelSet]

  /// The name of the set of a zone's openings to sources of a family.
  public static func name(zone: String, _ family: AddressFamily) -> String {
    "opened-\(zone)-\(family == .ipv4 ? "v4" : "v6")"
  }

  /// A zone's sets; nil where the table has none: it is locked down, or was made by an older version.
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

  /// The sets of all zones of a table that has them, by zone.
  public static func all(in table: KernelTable) -> [TemporaryGrantSets] {
    table.sets.compactMap { set in
      guard set.name.hasPrefix("opened-"), set.name.hasSuffix("-v4") else { return nil }
      return TemporaryGrantSets(zone: String(set.name.dropFirst(7).dropLast(3)), in: table)
    }.sorted { $0.zone < $1.zone }
  }

  /// What is in force, IPv4 first.
  public var ranges: [TemporaryGrantRange] {
    AddressFamily.allCases.flatMap { family -> [TemporaryGrantRange] in
      guard let elements = sets[family]?.elements else { return [] }
      return (0..<elements.count).compactMap { TemporaryGrantRange(elements, $0, family) }
    }
  }

  /// One batch that opens these ranges, whatever is in force. What is open for longer already stays as it is; what is
  /// open for less is prolonged. Nothing, where all of it is open for longer already.
  ///
  /// An element that ends between the reading and the batch makes the kernel refuse it as a whole: read and ask again.
  public func adding(_ wanted: [TemporaryGrantRange]) -> [TableOperation] {
    let old = ranges
    var result = old
    for range in wanted {
      var pieces = [range]
      var kept: [TemporaryGrantRange] = []
      for other in result {
        if !other.overlaps(range) {
          kept.append(other)
        } else if other.life.remaining >= range.life.remaining {
          kept.append(other)
          pieces = pieces.flatMap { $0.subtracting(other) }
        } else {
          kept += other.subtracting(range)
        }
      }
      result = kept + pieces
    }
    return change(from: old, to: result)
  }

  /// One batch that ends these: of what is in force, exactly what they let in. The rest of it stays as long as it would.
  public func removing(_ ended: [TemporaryGrantRange]) -> [TableOperation] {
    let old = ranges
    var result = old
    for range in ended { result = result.flatMap { $0.subtracting(range) } }
    return change(from: old, to: result)
  }

  /// What stays is not touched: its time runs on.
  private func change(from old: [TemporaryGrantRange], to new: [TemporaryGrantRange]) -> [TableOperation] {
    let (before, after) = (Set(old), Set(new))
    var operations: [TableOperation] = []
    for family in AddressFamily.allCases {
      guard let set = sets[family] else { continue }
      let gone = old.filter { $0.family == family && !after.contains($0) }
      // What is cut lives on for what is left of it, not for the whole of its life again.
      let come = new.filter { $0.family == family && !before.contains($0) }.map { range in
        var range = range
        range.life.timeout = range.life.remaining
        return range
      }
      // A key to be deleted is named without its life.
      if !gone.isEmpty {
        operations.append(.deleteElements(set: set, TemporaryGrantRange.elements(gone, family).keys))
      }
      if !come.isEmpty {
        operations.append(.addElements(set: set, TemporaryGrantRange.elements(come, family)))
      }
    }
    return operations
  }
}

extension SetElements {
  /// The keys alone.
  var keys: SetElements { SetElements(keyLength: keyLength, hasKeyEnd: hasKeyEnd, unsorted: records) }
}
