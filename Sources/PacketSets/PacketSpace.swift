// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import Ruleset

/// A set of packets of one family: for each field the values that it may have, independently of the other
/// fields.
///
/// A ruleset treats all packets of such a space alike, or the space is split. A question about all possible
/// packets therefore needs only as many spaces as the ruleset distinguishes.
public struct PacketSpace: Sendable, Hashable {
  /// The family of all its packets.
  public let family: AddressFamily
  private var fields: Fields

  /// The sets of the fields; nil if a field may have any value. Spaces are copied much more often than they
  /// are narrowed: copying this object is one reference, copying a value would be one per field.
  private final class Fields: Sendable {
    let sets: Field.Sets
    init(_ sets: Field.Sets) { self.sets = sets }
  }

  /// Every packet of a family at a point where packets have (or lack) an input and an output interface.
  public init(_ family: AddressFamily, input: Presence, output: Presence) {
    self.family = family
    fields = Fields(Field.Sets(repeating: nil))
    if input == .absent { self[.input] = IntervalSet(0) }
    if output == .absent { self[.output] = IntervalSet(0) }
  }

  /// Whether packets have an interface on a side.
  public enum Presence: Sendable {
    case present
    case absent
  }

  /// The values of a field.
  public subscript(_ field: Field) -> IntervalSet {
    get { fields.sets[field.rawValue] ?? field.universe(family) }
    set {
      var sets = fields.sets
      sets[field.rawValue] = newValue == field.universe(family) ? nil : newValue
      fields = Fields(sets)
    }
  }

  /// Whether it contains no packet.
  public var isEmpty: Bool { Field.allCases.contains { fields.sets[$0.rawValue]?.isEmpty ?? false } }

  /// Whether some of its packets have one of these values in a field.
  public func mayHave(_ field: Field, _ values: IntervalSet) -> Bool {
    if let own = fields.sets[field.rawValue] { return !own.isDisjoint(with: values) }
    return !field.universe(family).isDisjoint(with: values)
  }

  /// Only the packets whose field has one of these values; nil if there are none.
  public func narrowed(_ field: Field, to values: IntervalSet) -> PacketSpace? {
    if values.holdsInOneRange(fields.sets[field.rawValue]) { return self }
    let inside = self[field].intersection(values)
    if inside.isEmpty { return nil }
    var space = self
    space[field] = inside
    return space
  }

  /// Only the packets whose field has none of these values; nil if there are none.
  public func narrowed(_ field: Field, outside values: IntervalSet) -> PacketSpace? {
    let rest = self[field].subtracting(values)
    if rest.isEmpty { return nil }
    var space = self
    space[field] = rest
    return space
  }

  /// The packets that agree with a packet of this space in a few fields; the other fields may have any value.
  public func keeping(_ retained: [Field]) -> PacketSpace {
    var sets = Field.Sets(repeating: nil)
    for field in retained { sets[field.rawValue] = fields.sets[field.rawValue] }
    var space = self
    space.fields = Fields(sets)
    return space
  }

  /// Whether no packet is in both.
  public func isDisjoint(with other: PacketSpace) -> Bool {
    if family != other.family { return true }
    for field in Field.allCases {
      guard let one = fields.sets[field.rawValue], let two = other.fields.sets[field.rawValue] else {
        continue
      }
      if one.isDisjoint(with: two) { return true }
    }
    return false
  }

  /// The packets in both; nil if there are none.
  public func intersection(_ other: PacketSpace) -> PacketSpace? {
    if isDisjoint(with: other) { return nil }
    var both = fields.sets
    for place in both.indices {
      guard let two = other.fields.sets[place] else { continue }
      both[place] = both[place].map { $0.intersection(two) } ?? two
    }
    var space = self
    space.fields = Fields(both)
    return space
  }

  /// The packets in this space that are not in the other, as disjoint spaces.
  public func subtracting(_ other: PacketSpace) -> [PacketSpace] {
    if isDisjoint(with: other) { return [self] }
    var result: [PacketSpace] = []
    var rest = self
    for field in Field.allCases where other.fields.sets[field.rawValue] != nil {
      if let outside = rest.narrowed(field, outside: other[field]) {
        result.append(outside)
        rest[field] = rest[field].intersection(other[field])
      }
    }
    return result
  }

  /// Longer lists are not changed: comparing all pairs would take too long.
  private static let mostCoalesced = 64

  /// The same packets in fewer spaces: two that differ in only one field are joined.
  package static func coalesced(_ spaces: [PacketSpace]) -> [PacketSpace] {
    if spaces.count < 2 || spaces.count > mostCoalesced { return spaces }
    var result: [PacketSpace] = []
    for space in spaces {
      var space = space
      var place = 0
      while place < result.count {
        if let joined = result[place].joined(space) {
          space = joined
          result.swapAt(place, result.count - 1)
          result.removeLast()
          place = 0
        } else {
          place += 1
        }
      }
      result.append(space)
    }
    return result
  }

  /// Both as one space; nil if they differ in more than one field.
  private func joined(_ other: PacketSpace) -> PacketSpace? {
    guard family == other.family else { return nil }
    var different: Field?
    for field in Field.allCases where fields.sets[field.rawValue] != other.fields.sets[field.rawValue] {
      if different != nil { return nil }
      different = field
    }
    guard let different else { return self }
    var space = self
    space[different] = self[different].union(other[different])
    return space
  }

  /// Whether both contain the same packets in the same form.
  public static func == (left: Self, right: Self) -> Bool {
    left.family == right.family && left.fields === right.fields
      || left.family == right.family
        && left.fields.sets.indices.allSatisfy { left.fields.sets[$0] == right.fields.sets[$0] }
  }

  /// Hashes what makes two spaces equal.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(family)
    for place in fields.sets.indices { hasher.combine(fields.sets[place]) }
  }
}

extension PacketSpace {
  /// The packets that meet all of these conditions; nil if none does.
  package func narrowed(_ conditions: [(Field, IntervalSet)]) -> PacketSpace? {
    var space = self
    for (field, values) in conditions {
      guard let inside = space.narrowed(field, to: values) else { return nil }
      space = inside
    }
    return space
  }
}
