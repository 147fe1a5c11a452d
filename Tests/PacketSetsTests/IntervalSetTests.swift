// SPDX-License-Identifier: GPL-3.0-or-later

import PacketSets
import Testing

@Suite("Interval sets") struct IntervalSetTests {
  /// All sets of the numbers 0 to 5.
  private static let all: [(numbers: Set<UInt128>, set: IntervalSet)] = (0..<64).map { bits in
    let numbers = Set((0..<6).filter { bits >> $0 & 1 == 1 }.map { UInt128($0) })
    return (numbers, IntervalSet(numbers))
  }

  private static func numbers(_ set: IntervalSet) -> Set<UInt128> {
    Set((0...7 as ClosedRange<UInt128>).filter(set.contains))
  }

  @Test("contain the given numbers, in a unique form")
  func form() {
    for (numbers, set) in Self.all {
      #expect(Self.numbers(set) == numbers)
      #expect(set.isEmpty == numbers.isEmpty)
      #expect(set.first == numbers.min())
      for (one, two) in zip(set.intervals, set.intervals.dropFirst()) { #expect(one.upper + 1 < two.lower) }
    }
  }

  @Test("have the union, intersection and difference of sets")
  func algebra() {
    for (one, left) in Self.all {
      for (two, right) in Self.all {
        #expect(Self.numbers(left.union(right)) == one.union(two))
        #expect(Self.numbers(left.intersection(right)) == one.intersection(two))
        #expect(Self.numbers(left.subtracting(right)) == one.subtracting(two))
        #expect(left.isDisjoint(with: right) == one.isDisjoint(with: two))
        #expect(left.isSuperset(of: right) == one.isSuperset(of: two))
        #expect((left == right) == (one == two))
      }
    }
  }

  @Test("include the largest number")
  func top() {
    let all = IntervalSet(0, .max)
    #expect(all.subtracting(IntervalSet(.max)) == IntervalSet(0, .max - 1))
    #expect(all.subtracting(all).isEmpty)
    #expect(IntervalSet(5, .max).union(IntervalSet(0, 4)) == all)
    #expect(IntervalSet(3, 2).isEmpty)
  }
}
