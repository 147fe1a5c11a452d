// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import Glibc

/// An error of the kernel on a netlink socket: what was tried, the kernel's answer, and what to do.
public struct NetlinkError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was tried, on what, such as `reading table inet wgfence`.
  public let attempt: String
  /// errno, positive. Source: `asm-generic/errno.h`.
  public let code: Int32
  /// The kernel's own text (`NLMSGERR_ATTR_MSG`), which nf_tables usually does not send.
  public let kernelText: String?
  /// The offset of the attribute that the kernel reported, in bytes from the beginning of the message
  /// (`NLMSGERR_ATTR_OFFS`).
  public let attributeOffset: Int?
  /// A description of what is at that offset, such as `expression fib`.
  public let place: String?

  /// Creates an error from its parts.
  public init(
    attempt: String, code: Int32, kernelText: String? = nil, attributeOffset: Int? = nil, place: String? = nil
  ) {
    self.attempt = attempt
    self.code = code
    self.kernelText = kernelText
    self.attributeOffset = attributeOffset
    self.place = place
  }

  /// The constant's name, such as `EPERM`. For a number without a name, `errno` and the number.
  public var name: String { ErrorNumber.name(code) ?? "errno \(code)" }

  /// The meaning of the constant, such as `Operation not permitted`.
  public var meaning: String { ErrorNumber.meaning(code) ?? "unknown error" }

  /// What to do about it, if that is known.
  public var advice: String? {
    switch code {
    case EPERM, EACCES:
      "this needs root, or CAP_NET_ADMIN in the user namespace that owns the network namespace; "
        + "a table that another process owns cannot be changed"
    case EPROTONOSUPPORT, EAFNOSUPPORT:
      "the kernel does not support netlink's netfilter family: CONFIG_NETFILTER_NETLINK, module nfnetlink"
    case EOPNOTSUPP:
      "the kernel lacks a part of nf_tables, or is too old: it needs CONFIG_NF_TABLES and module nf_tables, "
        + "and many expressions need a separate module (nft_fib_inet, nft_reject_inet, nft_ct, …)"
    case ENOENT:
      place.map { "\($0): it names something that does not exist, or the kernel lacks the module for it" }
    case EMSGSIZE, ENOBUFS:
      "the socket's buffer is too small: only root of the machine can exceed net.core.wmem_max and "
        + "net.core.rmem_max (SO_SNDBUFFORCE, SO_RCVBUFFORCE) or raise them; "
        + "they are the limit in a user namespace"
    case EMFILE, ENFILE: "too many open files"
    case ENOMEM: "the kernel is out of memory"
    default: nil
    }
  }

  /// One line with everything that is known: `reading table inet wgfence: Operation not permitted (EPERM);
  /// this needs root, …`.
  public var description: String {
    var line = "\(attempt): \(meaning) (\(name))"
    if let kernelText { line += "; the kernel reports: \(kernelText)" }
    if let attributeOffset { line += "; at byte \(attributeOffset) of the message" }
    if let place { line += ", \(place)" }
    if let advice { line += "; \(advice)" }
    return line
  }

  /// The same error with another attempt, for a caller that knows its purpose better.
  func during(_ attempt: String, place: String? = nil) -> NetlinkError {
    NetlinkError(
      attempt: attempt, code: code, kernelText: kernelText, attributeOffset: attributeOffset,
      place: place ?? self.place)
  }
}

extension NetlinkError {
  /// Decodes an `NLMSG_ERROR` or `NLMSG_DONE`. Nil if it is an ACK (0).
  ///
  /// With `NETLINK_CAP_ACK` only the header of the refused message is repeated (`NLM_F_CAPPED`), followed by
  /// the attributes of the extended ACK (`NLM_F_ACK_TLVS`). Source: `struct nlmsgerr` of `linux/netlink.h`.
  init?(message: NetlinkMessage, attempt: String) {
    let codeSize = MemoryLayout<Int32>.size
    guard message.payload.count >= codeSize else {
      self.init(attempt: attempt, code: EBADMSG)
      return
    }
    let code = message.payload.loadUnaligned(as: Int32.self)
    guard code != 0 else { return nil }
    var (text, offset): (String?, Int?) = (nil, nil)
    for attribute in message.extendedAcknowledgement {
      switch attribute.type {
      case NLMSGERR_ATTR_MSG: text = attribute.text
      case NLMSGERR_ATTR_OFFS where attribute.payload.count == codeSize:
        // In host byte order, unlike nf_tables' own numbers.
        offset = Int(attribute.payload.loadUnaligned(as: UInt32.self))
      default: break
      }
    }
    self.init(attempt: attempt, code: abs(code), kernelText: text, attributeOffset: offset)
  }
}
