// SPDX-License-Identifier: GPL-3.0-or-later

extension Prefix {
  /// The addresses of this block that are not in the other, as the fewest blocks, in ascending order.
  public func subtracting(_ other: Prefix) -> [Prefix] {
    if !overlaps(other) { return [self] }
    if other.contains(self) { return [] }
    let half = UInt128(1) << UInt128(family.bitWidth - length - 1)
    let lower = Prefix(containing: address, length: length + 1)
    let upper = Prefix(
      containing: IPAddress(family: family, bits: address.bits | half), length: length + 1)
    return lower.subtracting(other) + upper.subtracting(other)
  }

  /// The addresses of `prefixes` that are in none of `others`.
  public static func subtract(_ others: [Prefix], from prefixes: [Prefix]) -> [Prefix] {
    others.reduce(prefixes) { rest, other in rest.flatMap { $0.subtracting(other) } }
  }

  /// The length of the prefix that begins and ends with these addresses; nil if there is none.
  package static func length(from first: IPAddress, to last: IPAddress) -> Int? {
    let different = first.bits ^ last.bits
    let host = UInt128.bitWidth - different.leadingZeroBitCount
    let length = first.family.bitWidth - host
    guard first.family == last.family, length >= 0, different & (different &+ 1) == 0,
      first.bits & different == 0
    else { return nil }
    return length
  }
}
