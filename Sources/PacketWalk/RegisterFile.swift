// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// The 64 bytes of a rule's registers, and which of their bits are known. A bit is unknown if no expression
/// has written it, or if the walk does not support the expression that wrote it.
struct RegisterFile: Sendable {
  private(set) var bytes: [UInt8] = Array(repeating: 0, count: 64)
  private(set) var known: [UInt8] = Array(repeating: 0, count: 64)

  /// Writes known data, padded with zeros to whole registers.
  mutating func write(_ data: some Collection<UInt8>, at start: Int) {
    var place = start
    for byte in data where place < 64 {
      bytes[place] = byte
      known[place] = 0xff
      place += 1
    }
    while place % 4 != 0, place < 64 {
      bytes[place] = 0
      known[place] = 0xff
      place += 1
    }
  }

  /// Writes data with the known bits in `mask`, padded with known zeros.
  mutating func write(_ data: ArraySlice<UInt8>, known mask: ArraySlice<UInt8>, at start: Int) {
    write(data, at: start)
    for (offset, bits) in mask.enumerated() where start + offset < 64 { known[start + offset] = bits }
  }

  /// Marks `count` bytes as unknown.
  mutating func forget(_ start: Int, _ count: Int) {
    for place in start..<min(start + count, 64) { known[place] = 0 }
  }

  /// Marks all bytes as unknown.
  mutating func forgetAll() { forget(0, 64) }

  /// Applies a mask and an xor from one register to another: a bit that the mask clears is known in any case.
  mutating func bitwise(from source: Int, to destination: Int, mask: [UInt8], xor: [UInt8]) {
    for index in mask.indices {
      let (byte, bits) = (bytes[source + index], known[source + index])
      bytes[destination + index] = byte & mask[index] ^ xor[index]
      known[destination + index] = bits | ~mask[index]
    }
  }

  /// Shifts a number of 4 bytes in host order: the bits that move in are known zeros. Source: `nft_bitwise_eval_lshift`.
  mutating func shift(from source: Int, to destination: Int, by count: Int) {
    guard let number = bytes.hostUInt32(source), let bits = known.hostUInt32(source) else {
      return forgetAll()
    }
    let (moved, movedBits) =
      count >= 0
      ? (number << UInt32(count), ~(~bits << UInt32(count)))
      : (number >> UInt32(-count), ~(~bits >> UInt32(-count)))
    write(HostOrder.bytes(moved)[...], known: HostOrder.bytes(movedBits)[...], at: destination)
  }

  /// Swaps the byte order of the whole fields of `size` bytes within `length`. The rest stays unchanged, as
  /// in the kernel: nft asks for fields of 2 bytes in a length of 1. Source: `nft_byteorder_eval`.
  mutating func swap(from source: Int, to destination: Int, length: Int, size: Int) {
    let length = length / size * size
    guard source + length <= 64, destination + length <= 64 else { return forgetAll() }
    let (old, bits) = (value(source, length), mask(source, length))
    for index in 0..<length {
      let from = HostOrder.isLittle ? index / size * size + (size - 1 - index % size) : index
      bytes[destination + index] = old[from]
      known[destination + index] = bits[from]
    }
  }

  /// Whether `count` bytes are known.
  func isKnown(_ start: Int, _ count: Int) -> Bool {
    for place in start..<(start + count) where known[place] != 0xff { return false }
    return true
  }

  /// Compares with data as the kernel does, byte by byte from the first; nil if the result depends on unknown
  /// bits.
  func compare(_ start: Int, _ operation: UInt32, _ data: [UInt8]) -> Bool? {
    var isWhole = true
    for (offset, byte) in data.enumerated() {
      let (own, bits) = (bytes[start + offset], known[start + offset])
      let different = (own ^ byte) & bits
      guard different != 0 else {
        if bits != 0xff { isWhole = false }
        continue
      }
      switch operation {
      case NFT.equal: return false
      case NFT.notEqual: return true
      default:
        // The first difference decides, if all bits before it are known.
        let higher = ~(UInt8.max >> UInt8(different.leadingZeroBitCount))
        guard isWhole, bits & higher == higher else { return nil }
        return operation == NFT.less || operation == NFT.lessOrEqual ? own < byte : own > byte
      }
    }
    guard isWhole else { return nil }
    return operation == NFT.equal || operation == NFT.lessOrEqual || operation == NFT.greaterOrEqual
  }

  /// The number in a 4-byte register, in host order; nil if it is not known.
  func hostNumber(_ start: Int) -> UInt32? { isKnown(start, 4) ? bytes.hostUInt32(start) : nil }

  /// `count` bytes as an array.
  func value(_ start: Int, _ count: Int) -> [UInt8] { Array(bytes[start..<(start + count)]) }

  /// The known bits of `count` bytes.
  func mask(_ start: Int, _ count: Int) -> [UInt8] { Array(known[start..<(start + count)]) }
}
