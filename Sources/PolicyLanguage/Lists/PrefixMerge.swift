// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Collects prefixes as ranges of numbers, and merges them into the fewest prefixes that cover the same
/// addresses.
struct PrefixMerge: Sendable {
  /// The first and the last IPv4 address in the upper and lower half of a number: the order is that of the
  /// first addresses.
  private var ipv4: [UInt64] = []
  private var ipv6: [(first: UInt128, last: UInt128)] = []

  init() {}

  /// Reserves memory for this many IPv4 prefixes.
  mutating func reserve(_ count: Int) { ipv4.reserveCapacity(count) }

  /// Adds a prefix.
  mutating func add(_ prefix: Prefix) {
    if prefix.family == .ipv4 {
      let first = UInt64(truncatingIfNeeded: prefix.address.bits)
      ipv4.append(
        first << 32 | (first | (prefix.length == 0 ? 0xffff_ffff : 0xffff_ffff >> UInt64(prefix.length))))
    } else {
      ipv6.append((prefix.address.bits, prefix.last.bits))
    }
  }

  /// The fewest prefixes that cover the same addresses, sorted.
  consuming func merged() -> [Prefix] {
    var result: [Prefix] = []
    result.reserveCapacity(ipv4.count + ipv6.count)
    Self.sort(&ipv4)
    var index = 0
    while index < ipv4.count {
      let first = ipv4[index] >> 32
      var last = ipv4[index] & 0xffff_ffff
      index += 1
      while index < ipv4.count, ipv4[index] >> 32 <= last + 1 {
        last = max(last, ipv4[index] & 0xffff_ffff)
        index += 1
      }
      Self.append(first, last, .ipv4, to: &result)
    }
    ipv6.sort { $0.first < $1.first }
    index = 0
    while index < ipv6.count {
      let first = ipv6[index].first
      var last = ipv6[index].last
      index += 1
      while index < ipv6.count, last == .max || ipv6[index].first <= last + 1 {
        last = max(last, ipv6[index].last)
        index += 1
      }
      Self.append(first, last, .ipv6, to: &result)
    }
    return result
  }

  /// Divides a range into prefixes: from its start, always the widest prefix that begins there and does not
  /// exceed the end.
  private static func append<Number: FixedWidthInteger & UnsignedInteger>(
    _ first: Number, _ last: Number, _ family: AddressFamily, to result: inout [Prefix]
  ) {
    let width = family.bitWidth
    var start = first
    while true {
      var host = start == 0 ? width : min(start.trailingZeroBitCount, width)
      // The size of a whole family does not fit into its number type: compare with the rest of the range
      // instead.
      while host > 0, lowBits(host) > last - start { host -= 1 }
      if let prefix = Prefix(address: IPAddress(family: family, bits: UInt128(start)), length: width - host) {
        result.append(prefix)
      }
      if last - start == lowBits(host) { return }
      start += lowBits(host) + 1
    }
    func lowBits(_ count: Int) -> Number {
      count >= Number.bitWidth ? .max : (Number(1) << Number(count)) - 1
    }
  }

  /// Sorts by first address. A radix sort with digits of 11 bits: sorting a hundred thousand ranges by
  /// comparison takes longer than parsing them.
  private static func sort(_ ranges: inout [UInt64]) {
    var isSorted = true
    for index in 1..<max(ranges.count, 1) where ranges[index - 1] > ranges[index] {
      isSorted = false
      break
    }
    if isSorted { return }
    if ranges.count < 2048 {
      ranges.sort()
      return
    }
    var other = [UInt64](repeating: 0, count: ranges.count)
    for shift in [32, 43, 54] as [UInt64] {
      var places = [Int](repeating: 0, count: 2049)
      for range in ranges { places[Int(truncatingIfNeeded: range >> shift & 0x7ff) + 1] += 1 }
      for digit in 1..<2049 { places[digit] += places[digit - 1] }
      for range in ranges {
        let digit = Int(truncatingIfNeeded: range >> shift & 0x7ff)
        other[places[digit]] = range
        places[digit] += 1
      }
      swap(&ranges, &other)
    }
  }
}
