// SPDX-License-Identifier: GPL-3.0-or-later

internal import CMnl
internal import Glibc

/// A netlink socket that receives multicast groups of the network namespace of the thread that opened it. It
/// does not block. Source: netlink(7).
package struct NetlinkSubscription: ~Copyable {
  /// The descriptor to wait on.
  package let descriptor: Int32
  private let attempt: String

  /// Joins groups of a netlink family (`NETLINK_ROUTE`, …), with a receive buffer of `receiveBuffer` bytes,
  /// beyond the machine's limit if that is permitted (`SO_RCVBUFFORCE` of socket(7)). `attempt` is the
  /// purpose, for errors.
  package init(
    family: Int32, groups: [Int32], receiveBuffer: Int32, attempt: String
  ) throws(SystemError) {
    descriptor = try Self.open(family, groups, receiveBuffer, attempt)
    self.attempt = attempt
  }

  deinit { close(descriptor) }

  private static func open(
    _ family: Int32, _ groups: [Int32], _ receiveBuffer: Int32, _ attempt: String
  ) throws(SystemError) -> Int32 {
    let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = try SystemError.check(socket(AF_NETLINK, kind, family), attempt)
    if !SocketOption.set(descriptor, level: SOL_SOCKET, SO_RCVBUFFORCE, to: receiveBuffer) {
      SocketOption.set(descriptor, level: SOL_SOCKET, SO_RCVBUF, to: receiveBuffer)
    }
    var address = sockaddr_nl()
    address.nl_family = sa_family_t(AF_NETLINK)
    let bound = withUnsafeBytes(of: &address) { bytes in
      bind(
        descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
    guard bound == 0,
      groups.allSatisfy({
        SocketOption.set(descriptor, level: SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, to: $0)
      })
    else {
      let code = errno
      close(descriptor)
      throw SystemError(attempt, code: code)
    }
    return descriptor
  }

  /// The result of an attempt to receive.
  package enum Received {
    /// A datagram from the kernel, in the first bytes of the buffer.
    case datagram(count: Int)
    /// There is no datagram yet.
    case nothing
    /// Datagrams were lost: the kernel had no space for them (`ENOBUFS`), or one was larger than the buffer.
    case lost
  }

  /// Receives a datagram from the kernel. Datagrams from other senders are skipped.
  package func receive(into buffer: inout [UInt8]) throws(SystemError) -> Received {
    while true {
      var sender = sockaddr_nl()
      var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
      let count = buffer.withUnsafeMutableBytes { space in
        withUnsafeMutableBytes(of: &sender) { address in
          recvfrom(
            descriptor, space.baseAddress, space.count, Int32(MSG_TRUNC),
            address.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
        }
      }
      if count < 0 {
        switch errno {
        case EINTR: continue
        case EAGAIN: return .nothing
        case ENOBUFS: return .lost
        default: throw SystemError(attempt, code: errno)
        }
      }
      if sender.nl_pid != 0 || count == 0 { continue }
      return count > buffer.count ? .lost : .datagram(count: count)
    }
  }
}
