// SPDX-License-Identifier: GPL-3.0-or-later

/// Many classes of packets, to be taken away from others: found by protocol and port, since most have one of each.
public struct PacketSpaceIndex: Sendable {
  private struct Key: Hashable {
    let transport: UInt128
    let port: UInt128
  }

  /// Ports of a class under each of which it is found; a class of more is looked at for every other.
  private static let mostPorts: UInt128 = 64

  private let spaces: [PacketSpace]
  private var narrow: [Key: [Int]] = [:]
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

  private static func keys(_ space: PacketSpace) -> [Key]? {
    guard let transport = space[.transport].single else { return nil }
    var count: UInt128 = 0
    for interval in space[.destinationPort].intervals { count += interval.upper - interval.lower + 1 }
    guard count <= mostPorts else { return nil }
    return space[.destinationPort].intervals.flatMap { interval in
      (interval.lower...interval.upper).map { Key(transport: transport, port: $0) }
    }
  }

  /// The packets of a class that are in none of the indexed ones, as classes that have no packet in common.
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
      rest = rest.flatMap { $0.subtracting(spaces[place]) }
    }
    return rest
  }

  /// The packets of these classes that are in none of the indexed ones.
  public func remainder(of others: [PacketSpace]) -> [PacketSpace] { others.flatMap { remainder(of: $0) } }
}
