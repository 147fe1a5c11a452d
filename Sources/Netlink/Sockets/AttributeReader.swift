// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
package import NetworkModel

/// The netlink attributes of a message: each has a 16-bit length (including 4 bytes of header), a 16-bit type
/// and a value, padded to 4 bytes. Reading stops at the first attribute that does not fit. Source: `struct
/// nlattr` of `linux/netlink.h`.
package struct AttributeReader: Sequence, IteratorProtocol {
  private var rest: ArraySlice<UInt8>

  package init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The type of the next attribute, without the flags for nesting and byte order, and its value.
  package mutating func next() -> (type: Int, value: ArraySlice<UInt8>)? {
    guard let length = rest.number(UInt16.self, at: 0), let type = rest.number(UInt16.self, at: 2),
      length >= 4,
      Int(length) <= rest.count
    else { return nil }
    let value = rest.dropFirst(4).prefix(Int(length) - 4)
    rest = rest.dropFirst((Int(length) + 3) & ~3)
    return (Int(type) & Int(CSYS_NLA_TYPE_MASK), value)
  }

  /// Encodes an attribute with its header and padding.
  package static func encode(_ type: Int, _ value: some Collection<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(number: UInt16(truncatingIfNeeded: value.count + 4))
    bytes.append(number: UInt16(truncatingIfNeeded: type))
    bytes.append(contentsOf: value)
    bytes.append(contentsOf: repeatElement(0, count: -value.count & 3))
    return bytes
  }
}

extension ArraySlice<UInt8> {
  /// The number in host byte order at an offset from the slice's start; nil if it does not fit.
  package func number<N: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_: N.Type, at offset: Int)
    -> N?
  {
    let width = N.bitWidth / 8
    guard offset >= 0, offset + width <= count else { return nil }
    return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: N.self) }
  }

  /// The number in network byte order at an offset from the slice's start; nil if it does not fit.
  package func networkNumber<N: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ type: N.Type, at offset: Int
  )
    -> N?
  {
    number(type, at: offset).map { N(bigEndian: $0) }
  }

  /// The address of 4 or 16 bytes at an offset from the slice's start; nil if it does not fit.
  package func address(_ family: AddressFamily, at offset: Int) -> IPAddress? {
    guard offset >= 0, offset + family.byteWidth <= count else { return nil }
    return IPAddress(bytes: dropFirst(offset).prefix(family.byteWidth))
  }

  /// The text up to the first zero byte, or the end.
  package var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}

extension Array<UInt8> {
  /// Appends a number in host byte order.
  package mutating func append<N: FixedWidthInteger & UnsignedInteger>(number: N) {
    Swift.withUnsafeBytes(of: number) { append(contentsOf: $0) }
  }
}
