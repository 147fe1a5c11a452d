// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PacketSets

/// An index of the packet spaces that a hub forwards, by destination address: a hub of a thousand machines
/// forwards much that is not for the machine of the question.
package struct RelayIndex {
  /// A class with at most so many destination addresses is indexed by each of them; a larger class is in
  /// every result.
  private static let mostAddresses: UInt128 = 256

  private var byAddress: [IPAddress: [Int]] = [:]
  private var wide: [Int] = []

  package init(_ passages: [PacketSpace]) {
    for (place, passage) in passages.enumerated() {
      let intervals = passage[.destination].intervals
      let isWide = intervals.contains { $0.upper - $0.lower >= Self.mostAddresses }
      let count = isWide ? 0 : intervals.reduce(UInt128(0)) { $0 + $1.upper - $1.lower + 1 }
      guard !isWide, count <= Self.mostAddresses else {
        wide.append(place)
        continue
      }
      for interval in intervals {
        for bits in interval.lower...interval.upper {
          byAddress[IPAddress(family: passage.family, bits: bits), default: []].append(place)
        }
      }
    }
  }

  /// The indices of the classes that may be for some of these addresses.
  package func places(towards prefixes: [Prefix]) -> [Int] {
    var places = Set(wide)
    for prefix in prefixes {
      if prefix.length == prefix.family.bitWidth {
        places.formUnion(byAddress[prefix.address] ?? [])
      } else {
        for (address, own) in byAddress where prefix.contains(address) { places.formUnion(own) }
      }
    }
    return places.sorted()
  }
}
