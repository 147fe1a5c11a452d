// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CSys
import Glibc

/// A netlink socket in the network namespace of the thread that opened it. It is closed with the value.
///
/// Extended ACKs are enabled, so that errors contain the kernel's text, and not the body of the refused
/// message (`NETLINK_EXT_ACK`, `NETLINK_CAP_ACK`). Only messages from the kernel itself are read.
public struct NetlinkSocket: ~Copyable {
  private let handle: OpaquePointer
  private let buffer: UnsafeMutableRawBufferPointer
  private var lastSequence: UInt32

  /// The size of the receive buffer in bytes: more than a datagram of a dump. The kernel fills 32 KiB at most
  /// (`netlink_dump` of `net/netlink/af_netlink.c`), but a single object may need 64 KiB more.
  private static let bufferSize = 256 << 10

  /// Opens a socket for a netlink family such as `NETLINK_NETFILTER` of `linux/netlink.h`.
  public init(family: Int32) throws(NetlinkError) {
    let attempt = "opening a netlink socket"
    guard let handle = mnl_socket_open2(family, Int32(SOCK_CLOEXEC.rawValue)) else {
      throw NetlinkError(attempt: attempt, code: errno)
    }
    guard mnl_socket_bind(handle, 0, 0) == 0 else {
      let code = errno
      mnl_socket_close(handle)
      throw NetlinkError(attempt: attempt, code: code)
    }
    var on: Int32 = 1
    // They exist since Linux 4.12 and 4.3. An older kernel answers without texts, which is no reason to fail.
    for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
      _ = mnl_socket_setsockopt(handle, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }
    self.handle = handle
    buffer = .allocate(byteCount: Self.bufferSize, alignment: 16)
    lastSequence = UInt32(truncatingIfNeeded: time(nil))
  }

  deinit {
    mnl_socket_close(handle)
    buffer.deallocate()
  }

  /// The file descriptor to wait on. It belongs to the socket.
  public var descriptor: Int32 { mnl_socket_get_fd(handle) }

  /// Returns the sequence number for the next message. It wraps around.
  mutating func nextSequence() -> UInt32 {
    lastSequence &+= 1
    return lastSequence
  }

  /// Marks the sequence numbers up to this one as used.
  mutating func skipSequence(to sequence: UInt32) { lastSequence = sequence }

  /// Sends complete messages as one datagram, which the kernel requires for a batch.
  func send(_ bytes: UnsafeRawBufferPointer, attempt: String) throws(NetlinkError) {
    while mnl_socket_sendto(handle, bytes.baseAddress, bytes.count) < 0 {
      guard errno == EINTR else { throw NetlinkError(attempt: attempt, code: errno) }
    }
  }

  /// Grows the send buffer for a datagram of `bytes`, beyond the machine's limit if that is permitted
  /// (`SO_SNDBUFFORCE` of `socket(7)`: root of the machine), else up to `net.core.wmem_max`.
  func growSendBuffer(to bytes: Int) {
    grow(forced: SO_SNDBUFFORCE, asked: SO_SNDBUF, to: bytes)
  }

  /// The same for the receive buffer, with `SO_RCVBUFFORCE` and `net.core.rmem_max`.
  func growReceiveBuffer(to bytes: Int) {
    grow(forced: SO_RCVBUFFORCE, asked: SO_RCVBUF, to: bytes)
  }

  private func grow(forced: Int32, asked: Int32, to bytes: Int) {
    var current: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // The kernel doubles the requested size for its own bookkeeping, and reports the doubled size.
    if getsockopt(descriptor, SOL_SOCKET, asked, &current, &length) == 0, Int(current) / 2 >= bytes { return }
    var wanted = Int32(clamping: min(bytes, Int(Int32.max) / 2))
    if setsockopt(descriptor, SOL_SOCKET, forced, &wanted, length) != 0 {
      _ = setsockopt(descriptor, SOL_SOCKET, asked, &wanted, length)
    }
  }

  /// Whether a receive waits for a message.
  enum Waiting {
    case untilSomething
    case not
  }

  /// Receives a datagram from the kernel. Nil if there is none and `waiting` is `.not`.
  private func receive(_ waiting: Waiting, attempt: String) throws(NetlinkError) -> MessageList? {
    let flags = Int32(MSG_TRUNC) | (waiting == .not ? Int32(MSG_DONTWAIT) : 0)
    while true {
      var sender = sockaddr_nl()
      var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
      let count = withUnsafeMutableBytes(of: &sender) { address in
        recvfrom(
          descriptor, buffer.baseAddress, buffer.count, flags,
          address.baseAddress?.assumingMemoryBound(to: sockaddr.self),
          &length)
      }
      if count < 0 {
        if errno == EINTR { continue }
        if errno == EAGAIN, waiting == .not { return nil }
        throw NetlinkError(attempt: attempt, code: errno)
      }
      guard sender.nl_pid == 0 else { continue }
      guard count <= buffer.count else { throw NetlinkError(attempt: attempt, code: EMSGSIZE) }
      return MessageList(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count]))
    }
  }

  /// The end of a dump.
  enum DumpEnd {
    case complete
    /// The kernel's tables changed in the meantime (`NLM_F_DUMP_INTR`): the messages may belong to two
    /// generations.
    case interrupted
  }

  /// Sends a request and passes each message of the answer to `body`, up to the end: `NLMSG_DONE` of a dump,
  /// or the one message or ACK that answers any other request.
  mutating func request(
    _ message: borrowing MessageBuffer, sequence: UInt32, attempt: String, _ body: (NetlinkMessage) -> Void
  ) throws(NetlinkError) -> DumpEnd {
    try send(message.bytes, attempt: attempt)
    var end = DumpEnd.complete
    while true {
      guard let messages = try receive(.untilSomething, attempt: attempt) else { continue }
      for message in messages where message.sequence == sequence {
        if Int32(message.flags) & NLM_F_DUMP_INTR != 0 { end = .interrupted }
        switch Int32(message.type) {
        case NLMSG_ERROR, NLMSG_DONE:
          if let error = NetlinkError(message: message, attempt: attempt) { throw error }
          return end
        case NLMSG_NOOP: continue
        default:
          body(message)
          if Int32(message.flags) & NLM_F_MULTI == 0 { return end }
        }
      }
    }
  }

  /// Passes each pending message to `body`, without waiting.
  ///
  /// Returns whether messages were lost (`ENOBUFS`).
  func drain(attempt: String, _ body: (NetlinkMessage) -> Void) throws(NetlinkError) -> DrainEnd {
    var end = DrainEnd.complete
    while true {
      do throws(NetlinkError) {
        guard let messages = try receive(.not, attempt: attempt) else { return end }
        for message in messages { body(message) }
      } catch {
        guard error.code == ENOBUFS else { throw error }
        end = .lossy
      }
    }
  }

  /// Whether all answers of the kernel were read.
  enum DrainEnd {
    case complete
    /// The receive buffer was too small: answers were lost.
    case lossy
  }
}
