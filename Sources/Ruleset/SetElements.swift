// SPDX-License-Identifier: GPL-3.0-or-later

/// The elements of a set, packed: a hundred thousand of them are one array of bytes, compared and sent as a
/// whole.
///
/// A record is the key, then the key's end if the set is of concatenated ranges, then a byte of
/// `NFT_SET_ELEM_…` flags. Records are sorted and unique. In a map, `values` is parallel to the records.
public struct SetElements: Sendable, Hashable {
  /// Bytes of a key.
  public let keyLength: Int
  /// Whether every record has a key's end (`NFTA_SET_ELEM_KEY_END`).
  public let hasKeyEnd: Bool
  /// The records, one after another.
  public private(set) var records: [UInt8]
  /// A map's values, one a record; empty for a plain set.
  public private(set) var values: [ElementValue]
  /// The remaining lifetime of each record when it was read, in milliseconds, 0 if it has no timeout; empty
  /// if no record has one. It changes all the time and is not part of equality.
  public private(set) var remaining: [UInt64] = []

  /// Bytes of a record.
  public var stride: Int { keyLength * (hasKeyEnd ? 2 : 1) + 1 }
  /// How many records there are.
  public var count: Int { records.count / stride }
  /// Whether there are no records.
  public var isEmpty: Bool { records.isEmpty }

  /// No elements.
  public init(keyLength: Int, hasKeyEnd: Bool = false) {
    self.keyLength = keyLength
    self.hasKeyEnd = hasKeyEnd
    records = []
    values = []
  }

  /// Elements in any order; of two equal records the first is used. `values` is empty or has one value per
  /// record. The bytes must be whole records: a remainder is cut off. `remaining` is also empty or has one
  /// value per record.
  public init(
    keyLength: Int, hasKeyEnd: Bool = false, unsorted records: [UInt8], values: [ElementValue] = [],
    remaining: [UInt64] = []
  ) {
    self.init(keyLength: keyLength, hasKeyEnd: hasKeyEnd)
    let stride = self.stride
    let count = records.count / stride
    var isSorted = true
    for index in stride == 0 ? 1..<1 : 1..<max(count, 1)
    where !Self.precedes(records, (index - 1) * stride, records, index * stride, stride) {
      isSorted = false
      break
    }
    if isSorted {
      self.records = records.count == count * stride ? records : Array(records[..<(count * stride)])
      self.values = values
      self.remaining = remaining
      return
    }
    let order = Self.order(records, stride: stride, count: count)
    self.records.reserveCapacity(records.count)
    self.values.reserveCapacity(values.count)
    var previous: Int?
    for index in order {
      if let previous, !Self.precedes(records, previous * stride, records, index * stride, stride) {
        continue
      }
      self.records.append(contentsOf: records[(index * stride)..<((index + 1) * stride)])
      if !values.isEmpty { self.values.append(values[index]) }
      if !remaining.isEmpty { self.remaining.append(remaining[index]) }
      previous = index
    }
  }

  /// Whether both have the same elements, whatever their remaining lifetimes.
  public static func == (left: Self, right: Self) -> Bool {
    left.keyLength == right.keyLength && left.hasKeyEnd == right.hasKeyEnd && left.records == right.records
      && left.values == right.values
  }

  /// Hashes what makes elements equal.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(keyLength)
    hasher.combine(hasKeyEnd)
    hasher.combine(records)
    hasher.combine(values)
  }

  /// The elements at these indices, which must be ascending.
  func picked(_ places: [Int]) -> SetElements {
    var result = SetElements(keyLength: keyLength, hasKeyEnd: hasKeyEnd)
    for place in places {
      result.records += records[(place * stride)..<((place + 1) * stride)]
      if !values.isEmpty { result.values.append(values[place]) }
      if !remaining.isEmpty { result.remaining.append(remaining[place]) }
    }
    // A set that is not a map has no values.
    if result.values.allSatisfy({ $0 == .none }) { result.values = [] }
    return result
  }

  /// The key of a record.
  public func key(_ index: Int) -> ArraySlice<UInt8> {
    records[(index * stride)..<(index * stride + keyLength)]
  }

  /// The end of a record's key, in a set of concatenated ranges.
  public func keyEnd(_ index: Int) -> ArraySlice<UInt8>? {
    hasKeyEnd ? records[(index * stride + keyLength)..<(index * stride + 2 * keyLength)] : nil
  }

  /// `NFT_SET_ELEM_…` flags of a record.
  public func flags(_ index: Int) -> UInt8 { records[(index + 1) * stride - 1] }

  /// The value of a record, in a map.
  public func value(_ index: Int) -> ElementValue? { values.isEmpty ? nil : values[index] }

  /// The index of the record with exactly this key and no flags, by binary search.
  public func index(ofKey key: [UInt8]) -> Int? {
    guard key.count == keyLength, !hasKeyEnd else { return nil }
    let target = key + [0]
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if Self.precedes(records, middle * stride, target, 0, stride) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low < count, !Self.precedes(target, 0, records, low * stride, stride) else { return nil }
    return low
  }

  /// The records of this set that the other lacks or has with another value.
  public func subtracting(_ other: SetElements) -> SetElements {
    var result = SetElements(keyLength: keyLength, hasKeyEnd: hasKeyEnd)
    if records == other.records, values == other.values { return result }
    let stride = self.stride
    var there = 0
    for here in 0..<count {
      while there < other.count, Self.precedes(other.records, there * stride, records, here * stride, stride)
      {
        there += 1
      }
      let isThere =
        there < other.count && !Self.precedes(records, here * stride, other.records, there * stride, stride)
        && value(here) == other.value(there)
      if !isThere {
        result.records.append(contentsOf: records[(here * stride)..<((here + 1) * stride)])
        if !values.isEmpty { result.values.append(values[here]) }
      }
    }
    return result
  }

  /// The records' indices in the order of their bytes; equal records keep their order. A counting sort by
  /// each byte, the last one first: for a hundred thousand records it is many times faster than comparing
  /// them.
  private static func order(_ records: [UInt8], stride: Int, count: Int) -> [Int] {
    var order = Array(0..<count)
    var sorted = order
    for offset in (0..<stride).reversed() {
      var starts = Array(repeating: 0, count: Int(UInt8.max) + 1)
      for index in 0..<count { starts[Int(records[index * stride + offset])] += 1 }
      if starts.contains(count) { continue }  // all alike
      var next = 0
      for byte in starts.indices { (starts[byte], next) = (next, next + starts[byte]) }
      for index in order {
        let byte = Int(records[index * stride + offset])
        sorted[starts[byte]] = index
        starts[byte] += 1
      }
      swap(&order, &sorted)
    }
    return order
  }

  private static func precedes(
    _ left: [UInt8], _ leftStart: Int, _ right: [UInt8], _ rightStart: Int, _ length: Int
  ) -> Bool {
    for offset in 0..<length {
      let (one, two) = (left[leftStart + offset], right[rightStart + offset])
      if one != two { return one < two }
    }
    return false
  }
}

/// The value of a key in a map.
public enum ElementValue: Sendable, Hashable {
  case verdict(VerdictCode)
  case data([UInt8])
  /// The name of an object.
  case object(String)
  /// A plain element of a set in which some elements have more than a key.
  case none
  /// An element with attributes that this model cannot represent (expressions, a timeout): its attributes as
  /// read.
  indirect case opaque(ElementValue, attributes: [UInt8])
}
