// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
internal import NetworkModel
internal import Ruleset

/// Decodes NFLOG messages: `struct nfgenmsg`, then attributes `NFULA_…`. Any bytes give a line; what cannot
/// be decoded is left out of it.
struct PacketLogDecoder {
  /// A line, and its sequence number in the group (`NFULA_SEQ`).
  struct Line {
    let packet: DroppedPacket
    package let number: UInt32?
  }

  /// Names of interfaces by their indices; nil for interfaces that do not exist any more.
  private var names: [UInt32: InterfaceName?] = [:]

  /// Clears the cache of names.
  mutating func forgetNames() { names.removeAll(keepingCapacity: true) }

  /// Decodes the bytes of a message after the netlink header.
  mutating func decode(_ payload: UnsafeRawBufferPointer) -> Line {
    var (prefix, time, hook): (String, Int64?, UInt32) = ("", nil, 0)
    var (input, output): (InterfaceName?, InterfaceName?)
    var headers: CapturedHeaders?
    var number: UInt32?
    let attributes = UnsafeRawBufferPointer(rebasing: payload[min(Netlink.netfilterHeader, payload.count)...])
    for attribute in AttributeList(attributes) {
      switch Int(attribute.type) {
      case Int(CSYS_NFULA_PREFIX): prefix = attribute.text
      // struct nfulnl_msg_packet_hdr: the EtherType, which the payload implies too, then the hook.
      case Int(CSYS_NFULA_PACKET_HDR) where attribute.payload.count >= 3: hook = UInt32(attribute.payload[2])
      case Int(CSYS_NFULA_TIMESTAMP): time = Self.time(attribute)
      case Int(CSYS_NFULA_IFINDEX_INDEV): input = attribute.u32.flatMap { name($0) }
      case Int(CSYS_NFULA_IFINDEX_OUTDEV): output = attribute.u32.flatMap { name($0) }
      case Int(CSYS_NFULA_PAYLOAD): headers = CapturedHeaders(attribute.payload)
      case Int(CSYS_NFULA_SEQ): number = attribute.u32
      default: break
      }
    }
    // Packets that this host sends have no timestamp.
    let packet = DroppedPacket(
      prefix: prefix, time: time ?? Self.now(), hook: hook, input: input, output: output, headers: headers)
    return Line(packet: packet, number: number)
  }

  /// `struct nfulnl_msg_packet_timestamp`: seconds and microseconds, 64 bits each in network byte order. Nil
  /// if the value is not plausible as a time.
  private static func time(_ attribute: NetlinkAttribute) -> Int64? {
    guard attribute.payload.count == 16 else { return nil }
    let seconds = UInt64(bigEndian: attribute.payload.loadUnaligned(as: UInt64.self))
    let micros = UInt64(bigEndian: attribute.payload.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    guard seconds > 0, seconds < 1 << 36, micros < 1_000_000 else { return nil }
    return Int64(seconds * 1_000_000 + micros)
  }

  private static func now() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
  }

  /// The name of an interface of this thread's network namespace.
  private mutating func name(_ index: UInt32) -> InterfaceName? {
    if let known = names[index] { return known }
    let name: InterfaceName? = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE)) {
      buffer in
      guard let base = buffer.baseAddress, if_indextoname(index, base) != nil else { return nil }
      return InterfaceName(String(cString: base))
    }
    names[index] = .some(name)
    return name
  }
}
