// SPDX-License-Identifier: GPL-3.0-or-later

/// A set of unsigned numbers of up to 128 bits, as ranges: the values of a packet field, such as addresses,
/// ports and interface names.
public struct IntervalSet: Sendable, Hashable {
  /// A range, both ends included.
  public struct Interval: Sendable, Hashable {
    /// The smallest number.
    public let lower: UInt128
    /// The largest number.
    public let upper: UInt128
  }

  /// The ranges, ascending; no two are adjacent.
  public private(set) var intervals: [Interval]

  private init(sorted intervals: [Interval]) { self.intervals = intervals }

  /// The empty set.
  public static let empty = IntervalSet(sorted: [])

  /// Every number from `lower` to `upper`; empty if they are in the wrong order.
  public init(_ lower: UInt128, _ upper: UInt128) {
    intervals = lower <= upper ? [Interval(lower: lower, upper: upper)] : []
  }

  /// One number.
  public init(_ number: UInt128) { self.init(number, number) }

  /// These numbers.
  public init(_ numbers: some Sequence<UInt128>) { self.init(ranges: numbers.map { ($0, $0) }) }

  /// These ranges, in any order, overlapping or not.
  public init(ranges: [(UInt128, UInt128)]) {
    intervals = []
    intervals.reserveCapacity(ranges.count)
    let rising = zip(ranges, ranges.dropFirst()).allSatisfy { $0.0 <= $1.0 }
    for (lower, upper) in rising ? ranges : ranges.sorted(by: { $0.0 < $1.0 }) where lower <= upper {
      if let last = intervals.last, lower <= last.upper || lower - 1 == last.upper {
        if upper > last.upper {
          intervals[intervals.count - 1] = Interval(lower: last.lower, upper: upper)
        }
      } else {
        intervals.append(Interval(lower: lower, upper: upper))
      }
    }
  }

  /// Whether it contains no number.
  public var isEmpty: Bool { intervals.isEmpty }

  /// The smallest number in it.
  public var first: UInt128? { intervals.first?.lower }

  /// The number, if there is exactly one.
  public var single: UInt128? {
    guard intervals.count == 1, intervals[0].lower == intervals[0].upper else { return nil }
    return intervals[0].lower
  }

  /// Whether a number is in it.
  public func contains(_ number: UInt128) -> Bool {
    var low = 0
    var high = intervals.count
    while low < high {
      let middle = (low + high) / 2
      if intervals[middle].lower <= number { low = middle + 1 } else { high = middle }
    }
    return low > 0 && intervals[low - 1].upper >= number
  }

  /// Whether every number of another set is in it.
  public func isSuperset(of other: IntervalSet) -> Bool { other.subtracting(self).isEmpty }

  /// Whether its only range contains all of the other set; false if it has several ranges or there is no
  /// other set.
  func holdsInOneRange(_ other: IntervalSet?) -> Bool {
    guard let other, intervals.count == 1, let first = other.intervals.first, let last = other.intervals.last
    else { return false }
    return intervals[0].lower <= first.lower && last.upper <= intervals[0].upper
  }

  /// Whether no number is in both.
  public func isDisjoint(with other: IntervalSet) -> Bool {
    var (here, there) = (0, 0)
    while here < intervals.count, there < other.intervals.count {
      let (one, two) = (intervals[here], other.intervals[there])
      if max(one.lower, two.lower) <= min(one.upper, two.upper) { return false }
      if one.upper < two.upper { here += 1 } else { there += 1 }
    }
    return true
  }

  /// The numbers in both.
  public func intersection(_ other: IntervalSet) -> IntervalSet {
    // Most sets are whole or a single range.
    if intervals.count == 1, other.intervals.count == 1 {
      let (one, two) = (intervals[0], other.intervals[0])
      if one.lower <= two.lower, two.upper <= one.upper { return other }
      if two.lower <= one.lower, one.upper <= two.upper { return self }
    }
    var result: [Interval] = []
    var (here, there) = (0, 0)
    while here < intervals.count, there < other.intervals.count {
      let (one, two) = (intervals[here], other.intervals[there])
      let lower = max(one.lower, two.lower)
      let upper = min(one.upper, two.upper)
      if lower <= upper { result.append(Interval(lower: lower, upper: upper)) }
      if one.upper < two.upper { here += 1 } else { there += 1 }
    }
    return IntervalSet(sorted: result)
  }

  /// The numbers in this set that are not in the other.
  public func subtracting(_ other: IntervalSet) -> IntervalSet {
    if intervals.isEmpty || other.intervals.isEmpty { return self }
    var result: [Interval] = []
    var there = 0
    for interval in intervals {
      var lower = interval.lower
      var isUsedUp = false
      while there < other.intervals.count, other.intervals[there].upper < lower { there += 1 }
      var place = there
      while place < other.intervals.count, other.intervals[place].lower <= interval.upper {
        let cut = other.intervals[place]
        if cut.lower > lower { result.append(Interval(lower: lower, upper: cut.lower - 1)) }
        if cut.upper >= interval.upper {
          isUsedUp = true
          break
        }
        lower = cut.upper + 1
        place += 1
      }
      if !isUsedUp { result.append(Interval(lower: lower, upper: interval.upper)) }
    }
    return IntervalSet(sorted: result)
  }

  /// The numbers in either.
  public func union(_ other: IntervalSet) -> IntervalSet {
    if intervals.isEmpty { return other }
    if other.intervals.isEmpty { return self }
    return IntervalSet(ranges: (intervals + other.intervals).map { ($0.lower, $0.upper) })
  }

  /// The numbers in any of these sets.
  public static func union(_ sets: some Sequence<IntervalSet>) -> IntervalSet {
    IntervalSet(ranges: sets.flatMap { $0.intervals.map { ($0.lower, $0.upper) } })
  }
}
