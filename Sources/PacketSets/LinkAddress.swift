// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel

/// Source addresses that belong to the zone of the interface on which they arrive, independent of its
/// prefixes.
package enum LinkAddress {
  /// 169.254.0.0/16 (RFC 3927 section 2.1), fe80::/10 (RFC 4291 section 2.5.6), and the unspecified addresses.
  package static func all(_ family: AddressFamily) -> IntervalSet {
    let unspecified = IntervalSet(0)
    return family == .ipv4
      ? IntervalSet(0xa9fe_0000, 0xa9fe_ffff).union(unspecified)
      : IntervalSet(UInt128(0xfe80) << 112, UInt128(0xfe80) << 112 | ((UInt128(1) << 118) - 1))
        .union(unspecified)
  }

  /// Whether an address is one of these.
  package static func isOfLink(_ address: IPAddress) -> Bool { all(address.family).contains(address.bits) }
}
