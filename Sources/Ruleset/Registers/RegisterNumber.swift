// SPDX-License-Identifier: GPL-3.0-or-later

/// The numbers of registers as places in the 64 bytes of all registers: `NFT_REG_1`… have 16 bytes each,
/// `NFT_REG32_00`… are the same bytes in fours. Source: `nft_registers` of `linux/netfilter/nf_tables.h`.
package enum RegisterNumber {
  /// Bytes of all registers.
  package static let size = 64

  /// The offset in bytes of a register that holds `count` bytes; nil for the verdict register and for invalid
  /// numbers.
  package static func offset(_ register: UInt32, _ count: Int = 0) -> Int? {
    let start: Int
    switch register {
    case 1...4: start = Int(register - 1) * 16
    case 8...23: start = Int(register - 8) * 4
    default: return nil
    }
    return start + count <= size ? start : nil
  }

  /// `count` bytes in whole registers: what the kernel writes for them.
  package static func padded(_ count: Int) -> Int { (count + 3) / 4 * 4 }
}
