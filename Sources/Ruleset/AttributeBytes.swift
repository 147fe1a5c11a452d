// SPDX-License-Identifier: GPL-3.0-or-later

/// The netlink attributes in raw bytes (`Expression.opaque`), as a sequence of type and value. Length and
/// type are 16 bits each in host order; a value is padded to 4 bytes. Source: `struct nlattr` of
/// `linux/netlink.h`.
package struct AttributeBytes: Sequence, IteratorProtocol {
  private let bytes: ArraySlice<UInt8>
  private var place: Int

  package init(_ bytes: some Sequence<UInt8>) {
    self.bytes = ArraySlice(Array(bytes))
    place = 0
  }

  /// The next attribute; nil at the end, or if the remaining bytes are not an attribute.
  package mutating func next() -> (type: UInt16, value: [UInt8])? {
    guard let length = bytes.hostUInt16(place), let type = bytes.hostUInt16(place + 2), length >= 4,
      place + Int(length) <= bytes.count
    else { return nil }
    let value = Array(bytes[(place + 4)..<(place + Int(length))])
    place += (Int(length) + 3) / 4 * 4
    // Without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
    return (type & 0x3fff, value)
  }

  /// An attribute: length and type in host order, then the value padded to 4 bytes. A value has at most 65,531 bytes.
  package static func encoded(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    HostOrder.bytes(UInt16(value.count + 4)) + HostOrder.bytes(type) + value
      + Array(repeating: 0, count: (4 - value.count % 4) % 4)
  }

  /// The value of the first attribute of a type.
  package func value(_ type: UInt16) -> [UInt8]? { first { $0.type == type }?.value }

  /// A number in network order, of 4 or 8 bytes.
  package func number(_ type: UInt16) -> UInt64? {
    value(type).map { $0.reduce(0) { $0 << 8 | UInt64($1) } }
  }

  /// A number of 32 bits in network order.
  package func u32(_ type: UInt16) -> UInt32? { number(type).map { UInt32(truncatingIfNeeded: $0) } }

  /// A text up to its first zero byte.
  package func text(_ type: UInt16) -> String? {
    value(type).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

/// Fields of a C structure by their offsets; nil beyond the end.
extension Collection<UInt8> where Index == Int {
  package func byte(_ offset: Int) -> UInt8? {
    offset >= 0 && offset < count ? self[startIndex + offset] : nil
  }

  /// 16 bits in host order.
  package func hostUInt16(_ offset: Int) -> UInt16? {
    guard let high = byte(offset), let low = byte(offset + 1) else { return nil }
    return HostOrder.isLittle ? UInt16(low) << 8 | UInt16(high) : UInt16(high) << 8 | UInt16(low)
  }

  /// 32 bits in host order.
  package func hostUInt32(_ offset: Int) -> UInt32? {
    guard offset >= 0, offset + 4 <= count else { return nil }
    let bytes = (0..<4).map { self[startIndex + offset + $0] }
    return (HostOrder.isLittle ? bytes.reversed() : bytes).reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// 16 bits in network order.
  package func networkUInt16(_ offset: Int) -> UInt16? {
    guard let high = byte(offset), let low = byte(offset + 1) else { return nil }
    return UInt16(high) << 8 | UInt16(low)
  }

  /// `length` bytes from an offset.
  package func bytes(_ offset: Int, _ length: Int) -> [UInt8]? {
    guard offset >= 0, offset + length <= count else { return nil }
    return (0..<length).map { self[startIndex + offset + $0] }
  }
}

/// The byte order of the machine.
package enum HostOrder {
  package static let isLittle = 1.littleEndian == 1

  /// The bytes of a number in the machine's byte order.
  package static func bytes(_ number: UInt32) -> [UInt8] {
    let big = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> UInt32($0)) }
    return isLittle ? big.reversed() : big
  }

  /// The bytes of a number in the machine's byte order.
  package static func bytes(_ number: UInt64) -> [UInt8] {
    let big = stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
    return isLittle ? big.reversed() : big
  }

  /// The bytes of a number in the machine's byte order.
  package static func bytes(_ number: UInt16) -> [UInt8] {
    let big = [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
    return isLittle ? big.reversed() : big
  }
}
