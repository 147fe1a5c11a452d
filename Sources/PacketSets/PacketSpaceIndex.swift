// SPDX-License-Identifier: GPL-3.0-or-later

/// Many packet spaces, to be subtracted from others. They are found by their services, because most have few.
public struct PacketSpaceIndex: Sendable {
  /// A space with at most this many services is indexed under each of them; others are compared with every
  /// space.
  private static let mostServices: UInt128 = 64

  private let spaces: [PacketSpace]
  private var narrow: [UInt128: [Int]] = [:]
  private var wide: [Int] = []

  /// An index of these classes.
  public init(_ spaces: [PacketSpace]) {
    self.spaces = spaces
    for (place, space) in spaces.enumerated() {
      if let keys = Self.keys(space) {
        for key in keys { narrow[key, default: []].append(place) }
      } else {
        wide.append(place)
      }
    }
  }

  private static func keys(_ space: PacketSpace) -> [UInt128]? {
    var count: UInt128 = 0
    let intervals = space[.service].intervals
    for interval in intervals { count += interval.upper - interval.lower + 1 }
    guard count <= mostServices else { return nil }
    return intervals.flatMap { Array($0.lower...$0.upper) }
  }

  /// The packets of a space that are in none of the indexed ones, as disjoint spaces.
  public func remainder(of space: PacketSpace) -> [PacketSpace] {
    var places: [Int]
    if let keys = Self.keys(space) {
      places = keys.count == 1 ? narrow[keys[0]] ?? [] : Set(keys.flatMap { narrow[$0] ?? [] }).sorted()
      places += wide
    } else {
      places = Array(spaces.indices)
    }
    var rest = [space]
    for place in places {
      if rest.isEmpty { break }
      // Most spaces have nothing in common.
      if rest.allSatisfy({ $0.isDisjoint(with: spaces[place]) }) { continue }
      rest = rest.flatMap { $0.subtracting(spaces[place]) }
    }
    return rest
  }

  /// The packets of these spaces that are in none of the indexed ones.
  public func remainder(of others: [PacketSpace]) -> [PacketSpace] { others.flatMap { remainder(of: $0) } }

  /// The packets of some spaces that are in none of the others. Spaces that are equal in both cost little.
  public static func remainder(of some: [PacketSpace], without others: [PacketSpace]) -> [PacketSpace] {
    let same = Set(others)
    let different = some.filter { !same.contains($0) }
    return different.isEmpty ? [] : PacketSpaceIndex(others).remainder(of: different)
  }
}
