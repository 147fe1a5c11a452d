// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import Glibc

/// A refusal of the kernel's on a netlink socket: what was tried, the kernel's answer, and what to do about it.
public struct NetlinkError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was tried, on what: `reading table inet wgfence`.
  public let attempt: String
  /// errno, positive. Source: `asm-generic/errno.h`.
  public let code: Int32
  /// The kernel's own words (`NLMSGERR_ATTR_MSG`), which nf_tables mostly leaves out.
  public let kernelText: String?
  /// Bytes from the message's beginning to the attribute that the kernel objects to (`NLMSGERR_ATTR_OFFS`).
  public let attributeOffset: Int?
  /// What is at that offset, in words: `expression fib`.
  public let place: String?

  /// An error with all that is known of it.
  public init(
    attempt: String, code: Int32, kernelText: String? = nil, attributeOffset: Int? = nil, place: String? = nil
  ) {
    self.attempt = attempt
    self.code = code
    self.kernelText = kernelText
    self.attributeOffset = attributeOffset
    self.place = place
  }

  /// The constant's name: `EPERM`. A number that has none is given as `errno 4711`.
  public var name: String { ErrorNumber.name(code) ?? "errno \(code)" }

  /// What the constant means: `Operation not permitted`.
  public var meaning: String { ErrorNumber.meaning(code) ?? "unknown error" }

  /// What to do about it, where that can be told.
  public var advice: String? {
    switch code {
    case EPERM, EACCES:
      "this needs root, or CAP_NET_ADMIN in the network namespace's own user namespace; "
        + "a table that another process owns refuses everybody else"
    case EPROTONOSUPPORT, EAFNOSUPPORT:
      "the kernel lacks netlink's netfilter family: CONFIG_NETFILTER_NETLINK, module nfnetlink"
    case EOPNOTSUPP:
      "the kernel lacks this part of nf_tables, or it is too old: CONFIG_NF_TABLES and module nf_tables, "
        + "and a module of its own for many expressions (nft_fib_inet, nft_reject_inet, nft_ct, …)"
    case ENOENT:
      place.map { "\($0): it names what is not there, or the kernel lacks the module for it" }
    case EMSGSIZE, ENOBUFS:
      "the socket's buffer is too small: root of the machine may raise it at will (SO_SNDBUFFORCE, SO_RCVBUFFORCE), "
        + "in a user namespace net.core.wmem_max and net.core.rmem_max are the limit, "
        + "and only root of the machine may raise those"
    case EMFILE, ENFILE: "too many open files"
    case ENOMEM: "the kernel has no memory for it"
    default: nil
    }
  }

  /// One line, all that is known: `reading table inet wgfence: Operation not permitted (EPERM); this needs root, …`.
  public var description: String {
    var line = "\(attempt): \(meaning) (\(name))"
    if let kernelText { line += "; the kernel says: \(kernelText)" }
    if let attributeOffset { line += "; at byte \(attributeOffset) of the message" }
    if let place { line += ", \(place)" }
    if let advice { line += "; \(advice)" }
    return line
  }

  /// The same, of another attempt: where a caller knows better what it was for.
  func during(_ attempt: String, place: String? = nil) -> NetlinkError {
    NetlinkError(
      attempt: attempt, code: code, kernelText: kernelText, attributeOffset: attributeOffset,
      place: place ?? self.place)
  }
}

extension NetlinkError {
  /// Reads an `NLMSG_ERROR` or `NLMSG_DONE`. Nil where it is an ACK (0).
  ///
  /// With `NETLINK_CAP_ACK` the header alone of the refused message is repeated (`NLM_F_CAPPED`), then follow the
  /// attributes of the extended ACK (`NLM_F_ACK_TLVS`). Source: `struct nlmsgerr` of `linux/netlink.h`.
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
        // In host order, unlike nf_tables' own numbers.
        offset = Int(attribute.payload.loadUnaligned(as: UInt32.self))
      default: break
      }
    }
    self.init(attempt: attempt, code: abs(code), kernelText: text, attributeOffset: offset)
  }
}
