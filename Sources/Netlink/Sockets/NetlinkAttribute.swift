// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc

/// An attribute of a received message: its type and its bytes. The bytes are valid as long as the receive
/// buffer.
///
/// Numbers of nf_tables are in network byte order. Source: `struct nlattr` of `linux/netlink.h`.
struct NetlinkAttribute {
  /// The type, without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
  let type: UInt16
  /// The value, without header and padding.
  let payload: UnsafeRawBufferPointer

  /// A one-byte number; nil if the length differs.
  var u8: UInt8? { payload.count == 1 ? payload[0] : nil }
  /// A 16-bit number in network byte order; nil if the length differs.
  var u16: UInt16? { payload.count == 2 ? UInt16(bigEndian: payload.loadUnaligned(as: UInt16.self)) : nil }
  /// A 32-bit number in network byte order; nil if the length differs.
  var u32: UInt32? { payload.count == 4 ? UInt32(bigEndian: payload.loadUnaligned(as: UInt32.self)) : nil }
  /// A 64-bit number in network byte order; nil if the length differs.
  var u64: UInt64? { payload.count == 8 ? UInt64(bigEndian: payload.loadUnaligned(as: UInt64.self)) : nil }
  /// The bytes.
  package var bytes: [UInt8] { Array(payload) }
  /// The bytes before the terminating zero.
  var textBytes: UnsafeRawBufferPointer {
    var length = payload.count
    if let base = payload.baseAddress, let end = memchr(base, 0, length) {
      length = end - UnsafeMutableRawPointer(mutating: base)
    }
    return UnsafeRawBufferPointer(rebasing: payload[..<length])
  }
  /// The text before the terminating zero.
  package var text: String { String(decoding: textBytes, as: UTF8.self) }
  /// The text if it represents the value exactly: valid UTF-8 and one terminating zero; nil for anything
  /// else.
  var exactText: String? {
    textBytes.count == payload.count - 1 ? String(validating: textBytes, as: UTF8.self) : nil
  }
  /// The nested attributes.
  var nested: AttributeList { AttributeList(payload) }
}

/// The attributes in some bytes, one after another. The sequence ends early if a length is invalid.
struct AttributeList: Sequence, IteratorProtocol {
  private var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  /// The number of bytes that are not part of an attribute: 0 after a complete list was read.
  var unread: Int { rest.count }

  @inline(__always)
  mutating func next() -> NetlinkAttribute? {
    guard rest.count >= Netlink.attributeHeader else { return nil }
    let length = Int(rest.loadUnaligned(as: UInt16.self))
    guard length >= Netlink.attributeHeader, length <= rest.count else { return nil }
    let type = rest.loadUnaligned(fromByteOffset: 2, as: UInt16.self) & Netlink.attributeTypeMask
    let payload = UnsafeRawBufferPointer(rebasing: rest[Netlink.attributeHeader..<length])
    rest = UnsafeRawBufferPointer(rebasing: rest[Swift.min(Netlink.align(length), rest.count)...])
    return NetlinkAttribute(type: type, payload: payload)
  }
}

/// Allows a `switch` over an attribute's type to use the constants of the kernel's headers.
func ~= <Constant: RawRepresentable>(constant: Constant, type: UInt16) -> Bool
where Constant.RawValue == UInt32 {
  constant.rawValue == UInt32(type)
}
