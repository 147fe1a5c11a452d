// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl

/// Constants of the netlink wire format that the headers define as macros, which Swift does not import.
/// Source: `linux/netlink.h`.
enum Netlink {
  /// The size of `struct nlmsghdr` in bytes.
  static let messageHeader = MemoryLayout<nlmsghdr>.size
  /// The size of `struct nlattr` in bytes.
  static let attributeHeader = MemoryLayout<nlattr>.size
  /// The size of `struct nfgenmsg` in bytes.
  static let netfilterHeader = MemoryLayout<nfgenmsg>.size
  /// `NLA_TYPE_MASK`
  static let attributeTypeMask: UInt16 = 0x3fff
  /// The maximum size of an attribute in bytes, including its header: the length has 16 bits.
  static let attributeLimit = Int(UInt16.max)

  /// `NLMSG_ALIGN` and `NLA_ALIGN`, which are equal.
  @inline(__always)
  static func align(_ length: Int) -> Int { (length + 3) & ~3 }

  /// The type of an nf_tables message: the subsystem in the high byte, the message in the low byte.
  static func nfTables(_ message: nf_tables_msg_types) -> UInt16 {
    UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(message.rawValue)
  }
}

/// A received netlink message. Its bytes are valid as long as the receive buffer. Source: `struct nlmsghdr`
/// of `linux/netlink.h`.
struct NetlinkMessage {
  /// `NLMSG_…`, or subsystem and message.
  let type: UInt16
  /// `NLM_F_…`
  let flags: UInt16
  /// The sequence number of the request that the message answers.
  let sequence: UInt32
  /// The bytes after the header.
  let payload: UnsafeRawBufferPointer

  /// The family in `struct nfgenmsg`; 0 if there is none.
  var family: UInt8 { payload.first ?? 0 }

  /// The attributes after `struct nfgenmsg`.
  var attributes: AttributeList {
    AttributeList(
      UnsafeRawBufferPointer(rebasing: payload[min(Netlink.netfilterHeader, payload.count)...]))
  }
}

/// The messages in a received datagram, one after another. The sequence ends early if a length is invalid.
struct MessageList: Sequence, IteratorProtocol {
  private var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  mutating func next() -> NetlinkMessage? {
    guard rest.count >= Netlink.messageHeader else { return nil }
    let header = rest.loadUnaligned(as: nlmsghdr.self)
    let length = Int(header.nlmsg_len)
    guard length >= Netlink.messageHeader, length <= rest.count else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: rest[Netlink.messageHeader..<length])
    rest = UnsafeRawBufferPointer(rebasing: rest[Swift.min(Netlink.align(length), rest.count)...])
    return NetlinkMessage(
      type: header.nlmsg_type, flags: header.nlmsg_flags, sequence: header.nlmsg_seq, payload: payload)
  }
}

extension NetlinkMessage {
  /// The attributes after an error: its text and its offset in the refused message. Empty if there are none.
  var extendedAcknowledgement: AttributeList {
    var start = MemoryLayout<Int32>.size
    if type == UInt16(NLMSG_ERROR) {
      let header = start
      start += Netlink.messageHeader
      if Int32(flags) & NLM_F_CAPPED == 0, payload.count >= start {
        start = header + Netlink.align(Int(payload.loadUnaligned(fromByteOffset: header, as: UInt32.self)))
      }
    }
    guard Int32(flags) & NLM_F_ACK_TLVS != 0, start <= payload.count else {
      return AttributeList(.init(start: nil, count: 0))
    }
    return AttributeList(UnsafeRawBufferPointer(rebasing: payload[start...]))
  }
}
