// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import Glibc

/// Netlink messages under construction, one after another, in one growing block of memory.
///
/// libnftnl and libmnl write without checking the end of the memory, so each message begins with space for
/// any message that they build. They do not write the padding of attributes, so unused memory is always zero:
/// no remains of other data reach the kernel, and equal messages have equal bytes.
struct MessageBuffer: ~Copyable {
  /// More than the size in bytes of any message that is built here: an attribute has at most 64 KiB, and a
  /// message has one large attribute.
  static let messageLimit = 128 << 10

  private(set) var start: UnsafeMutableRawPointer
  private var capacity: Int
  /// The number of bytes written.
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = max(capacity, 64)
    start = Self.zeroed(self.capacity)
  }

  deinit { free(start) }

  /// New pages of the system are zero already, so `calloc` does not clear them. Without memory the program
  /// cannot continue.
  private static func zeroed(_ count: Int) -> UnsafeMutableRawPointer {
    guard let memory = calloc(count, 1) else {
      fatalError("no memory for \(count) bytes of netlink messages")
    }
    return memory
  }

  /// The bytes written.
  package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

  /// Reserves space for `more` bytes. Earlier addresses into the buffer become invalid.
  @inline(__always)
  mutating func reserve(_ more: Int) {
    if count + more > capacity { grow(by: more) }
  }

  private mutating func grow(by more: Int) {
    let larger = max(capacity * 2, count + more)
    let moved = Self.zeroed(larger)
    moved.copyMemory(from: start, byteCount: count)
    free(start)
    (start, capacity) = (moved, larger)
  }

  /// Removes everything that was written.
  mutating func removeAll() {
    memset(start, 0, count)
    count = 0
  }

  /// Begins a message with `struct nfgenmsg`. Returns its offset, for `endMessage`.
  mutating func beginMessage(
    type: UInt16, flags: Int32, family: UInt8, sequence: UInt32, resource: UInt16 = 0
  ) -> Int {
    reserve(Self.messageLimit)
    let offset = count
    let header = nlmsghdr(
      nlmsg_len: 0, nlmsg_type: type, nlmsg_flags: UInt16(NLM_F_REQUEST | flags), nlmsg_seq: sequence,
      nlmsg_pid: 0)
    start.storeBytes(of: header, toByteOffset: count, as: nlmsghdr.self)
    count += Netlink.messageHeader
    start.storeBytes(of: family, toByteOffset: count, as: UInt8.self)
    start.storeBytes(of: UInt8(NFNETLINK_V0), toByteOffset: count + 1, as: UInt8.self)
    start.storeBytes(of: resource.bigEndian, toByteOffset: count + 2, as: UInt16.self)
    count += Netlink.netfilterHeader
    endMessage(offset)
    return offset
  }

  /// Writes the message's length.
  mutating func endMessage(_ offset: Int) {
    start.storeBytes(of: UInt32(count - offset), toByteOffset: offset, as: UInt32.self)
  }

  /// Lets libnftnl or libmnl append to the message at this offset. They identify a message by its header.
  mutating func extend(_ offset: Int, _ body: (UnsafeMutablePointer<nlmsghdr>) -> Void) {
    reserve(Self.messageLimit)
    endMessage(offset)
    let header = start.advanced(by: offset).assumingMemoryBound(to: nlmsghdr.self)
    body(header)
    count = offset + Int(header.pointee.nlmsg_len)
  }

  /// Begins a nested attribute. Returns its offset, for `endNest`.
  @inline(__always)
  mutating func beginNest(_ type: UInt16) -> Int {
    reserve(Netlink.attributeHeader)
    let offset = count
    start.storeBytes(of: type | UInt16(NLA_F_NESTED), toByteOffset: offset + 2, as: UInt16.self)
    count += Netlink.attributeHeader
    return offset
  }

  /// Writes the length of the nested attribute.
  @inline(__always)
  mutating func endNest(_ offset: Int) {
    start.storeBytes(of: UInt16(truncatingIfNeeded: count - offset), toByteOffset: offset, as: UInt16.self)
  }

  /// Appends an attribute with these bytes, padded with zeros.
  @inline(__always)
  package mutating func append(_ type: UInt16, _ bytes: UnsafeRawBufferPointer) {
    let length = Netlink.attributeHeader + bytes.count
    reserve(Netlink.align(length))
    start.storeBytes(of: UInt16(truncatingIfNeeded: length), toByteOffset: count, as: UInt16.self)
    start.storeBytes(of: type, toByteOffset: count + 2, as: UInt16.self)
    let padding = Netlink.align(length) - length
    if let source = bytes.baseAddress {
      start.advanced(by: count + Netlink.attributeHeader).copyMemory(from: source, byteCount: bytes.count)
    }
    memset(start.advanced(by: count + length), 0, padding)
    count += length + padding
  }

  /// Appends an attribute with a 32-bit number in network byte order.
  @inline(__always)
  package mutating func append(_ type: UInt16, _ number: UInt32) {
    withUnsafeBytes(of: number.bigEndian) { append(type, $0) }
  }

  /// Appends an attribute with a text and its terminating zero.
  package mutating func append(_ type: UInt16, text: some Collection<UInt8>) {
    var bytes = Array(text)
    bytes.append(0)
    bytes.withUnsafeBytes { append(type, $0) }
  }

  /// Appends bytes that are complete attributes already.
  package mutating func append(raw bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    reserve(Netlink.align(bytes.count))
    start.advanced(by: count).copyMemory(from: source, byteCount: bytes.count)
    let padding = Netlink.align(bytes.count) - bytes.count
    memset(start.advanced(by: count + bytes.count), 0, padding)
    count += bytes.count + padding
  }
}
