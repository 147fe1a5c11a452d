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
  /// The fields that may not have every value: bit N for the field with the raw value N.
  private var limited: UInt32
  /// The sets of these fields, in their order. Most spaces limit few fields: copying a space is one reference, and
  /// comparing two looks only at the fields that both limit.
  private var sets: [IntervalSet]

  private init(_ family: AddressFamily, _ limited: UInt32, _ sets: [IntervalSet]) {
    (self.family, self.limited, self.sets) = (family, limited, sets)
  }

  /// Every packet of a family at a point where packets have (or lack) an input and an output interface.
  public init(_ family: AddressFamily, input: Presence, output: Presence) {
    self.init(family, 0, [])
    if input == .absent { self[.input] = IntervalSet(0) }
    if output == .absent { self[.output] = IntervalSet(0) }
  }

  /// Whether packets have an interface on a side.
  public enum Presence: Sendable {
    case present
    case absent
  }

  /// The place of a field's set, if the field is limited.
  private func place(_ bit: UInt32) -> Int { (limited & (bit - 1)).nonzeroBitCount }

  /// The set of a field; nil if it may have any value.
  private func limit(_ field: Field) -> IntervalSet? {
    limited & field.bit == 0 ? nil : sets[place(field.bit)]
  }

  /// The values of a field.
  public subscript(_ field: Field) -> IntervalSet {
    get { limit(field) ?? field.universe(family) }
    set { self = replacing(field, newValue) }
  }

  /// The same with other values of a field.
  private func replacing(_ field: Field, _ values: IntervalSet) -> PacketSpace {
    let (bit, place) = (field.bit, place(field.bit))
    let (isLimited, isWhole) = (limited & bit != 0, values == field.universe(family))
    if isWhole && !isLimited { return self }
    var other: [IntervalSet] = []
    other.reserveCapacity(sets.count + (isLimited ? 0 : 1))
    other += sets[..<place]
    if !isWhole { other.append(values) }
    other += sets[(isLimited ? place + 1 : place)...]
    return PacketSpace(family, isWhole ? limited & ~bit : limited | bit, other)
  }

  /// Whether it contains no packet.
  public var isEmpty: Bool { sets.contains { $0.isEmpty } }

  /// Whether some of its packets have one of these values in a field.
  public func mayHave(_ field: Field, _ values: IntervalSet) -> Bool { !self[field].isDisjoint(with: values) }

  /// Only the packets whose field has one of these values; nil if there are none.
  public func narrowed(_ field: Field, to values: IntervalSet) -> PacketSpace? {
    let own = self[field]
    if values.holdsInOneRange(own) { return self }
    let inside = own.intersection(values)
    if inside.isEmpty { return nil }
    return inside == own ? self : replacing(field, inside)
  }

  /// Only the packets whose field has none of these values; nil if there are none.
  public func narrowed(_ field: Field, outside values: IntervalSet) -> PacketSpace? {
    let own = self[field]
    if own.isDisjoint(with: values) { return own.isEmpty ? nil : self }
    let rest = own.subtracting(values)
    return rest.isEmpty ? nil : replacing(field, rest)
  }

  /// The packets that agree with a packet of this space in a few fields; the other fields may have any value.
  public func keeping(_ retained: [Field]) -> PacketSpace {
    var space = PacketSpace(family, 0, [])
    for field in retained { if let limit = limit(field) { space[field] = limit } }
    return space
  }

  /// Whether no packet is in both.
  public func isDisjoint(with other: PacketSpace) -> Bool {
    if family != other.family { return true }
    var common = limited & other.limited
    while common != 0 {
      let bit = common & (~common + 1)
      if sets[place(bit)].isDisjoint(with: other.sets[other.place(bit)]) { return true }
      common &= ~bit
    }
    return false
  }

  /// The packets in both; nil if there are none.
  public func intersection(_ other: PacketSpace) -> PacketSpace? {
    if isDisjoint(with: other) { return nil }
    if other.limited == 0 { return self }
    var both: [IntervalSet] = []
    both.reserveCapacity((limited | other.limited).nonzeroBitCount)
    var rest = limited | other.limited
    while rest != 0 {
      let bit = rest & (~rest + 1)
      switch (limited & bit != 0, other.limited & bit != 0) {
      case (true, true): both.append(sets[place(bit)].intersection(other.sets[other.place(bit)]))
      case (true, false): both.append(sets[place(bit)])
      case (false, _): both.append(other.sets[other.place(bit)])
      }
      rest &= ~bit
    }
    return PacketSpace(family, limited | other.limited, both)
  }

  /// The packets in this space that are not in the other, as disjoint spaces.
  public func subtracting(_ other: PacketSpace) -> [PacketSpace] {
    if isDisjoint(with: other) { return [self] }
    var result: [PacketSpace] = []
    var rest = self
    for field in Field.allCases where other.limited & field.bit != 0 {
      let (own, cut) = (rest[field], other[field])
      let outside = own.subtracting(cut)
      if outside.isEmpty { continue }
      result.append(rest.replacing(field, outside))
      rest = rest.replacing(field, own.intersection(cut))
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
    guard family == other.family, (limited ^ other.limited).nonzeroBitCount <= 1 else { return nil }
    var different: Field?
    for field in Field.allCases where (limited | other.limited) & field.bit != 0 {
      if limit(field) == other.limit(field) { continue }
      if different != nil { return nil }
      different = field
    }
    guard let different else { return self }
    return replacing(different, self[different].union(other[different]))
  }
}

extension PacketSpace.Field {
  /// The bit for the field in a set of fields.
  fileprivate var bit: UInt32 { 1 << UInt32(rawValue) }
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
