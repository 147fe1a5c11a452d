// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// A connected stream socket. It is closed with the value.
public struct Connection: ~Copyable {
  /// The descriptor to wait on.
  public let descriptor: Int32

  /// Takes over a connected socket.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Connects to a socket at a path, within `milliseconds`. The connection does not block.
  public init(path: String, milliseconds: Int32) throws(SystemError) {
    descriptor = try UnixConnector.connect(path, milliseconds: milliseconds)
  }

  /// Waits until the connection is readable (or writable), at most `milliseconds`, or without limit if nil.
  /// Returns false if the time expired.
  public func wait(_ interest: Poller.Interest, milliseconds: Int32?) -> Bool {
    var waiting = pollfd(
      fd: descriptor, events: interest.contains(.writing) ? Int16(POLLOUT) : Int16(POLLIN), revents: 0)
    while true {
      let count = poll(&waiting, 1, milliseconds ?? -1)
      if count < 0, errno == EINTR { continue }
      return count > 0
    }
  }
}

/// The peer process of a local socket.
public struct Peer: Sendable, Hashable {
  /// Its process id in the reader's pid namespace; 0 if it is in another one.
  public let pid: Int32
  /// Its user id.
  public let user: UInt32

  /// Creates a peer.
  public init(pid: Int32, user: UInt32) {
    self.pid = pid
    self.user = user
  }
}

extension Connection {
  /// The process at the other end of a local connection: `SO_PEERCRED` of unix(7).
  public func peer() throws(SystemError) -> Peer {
    let credentials = try credentials()
    return Peer(pid: credentials.process, user: credentials.user)
  }

  private func credentials() throws(SystemError) -> csys_credentials {
    var credentials = csys_credentials()
    guard SocketOption.get(descriptor, level: SOL_SOCKET, SO_PEERCRED, into: &credentials) else {
      throw SystemError("reading the client's credentials", code: errno)
    }
    return credentials
  }

  /// The maximum number of supplementary groups that are read. A process with more counts as a member of none
  /// of them.
  private static let mostGroups = 256

  /// Whether the peer process is in a group of this name in `/etc/group`, by its own group or by its
  /// supplementary groups (`SO_PEERGROUPS`, since Linux 4.13).
  public func isPeer(inGroup name: String) -> Bool {
    guard let number = GroupNames.number(of: name) else { return false }
    return isPeer(inGroup: number)
  }

  /// The same, with the group's number.
  func isPeer(inGroup number: UInt32) -> Bool {
    guard let credentials = try? credentials() else { return false }
    if credentials.group == number { return true }
    return withUnsafeTemporaryAllocation(of: gid_t.self, capacity: Self.mostGroups) { groups in
      var length = socklen_t(Self.mostGroups * MemoryLayout<gid_t>.stride)
      guard getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups.baseAddress, &length) == 0 else {
        return false
      }
      return groups.prefix(Int(length) / MemoryLayout<gid_t>.stride).contains(number)
    }
  }

  /// Whether the peer still has its socket open, even if it sent everything. False after it closed the socket
  /// or ended (`POLLHUP` of poll(2)).
  public var isPeerConnected: Bool {
    var state = pollfd(fd: descriptor, events: 0, revents: 0)
    while poll(&state, 1, 0) < 0, errno == EINTR {}
    return state.revents & Int16(POLLHUP | POLLERR) == 0
  }

  /// The peer's address on a TCP connection; nil for a local socket.
  public var peerAddress: IPAddress? {
    var name = sockaddr_storage()
    return withUnsafeMutableBytes(of: &name) { space in
      var length = socklen_t(space.count)
      let start = space.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      guard getpeername(descriptor, start, &length) == 0 else { return nil }
      switch Int32(space.load(as: sa_family_t.self)) {
      case AF_INET:
        return withUnsafeBytes(of: space.load(as: sockaddr_in.self).sin_addr) { IPAddress(bytes: $0) }
      case AF_INET6:
        return withUnsafeBytes(of: space.load(as: sockaddr_in6.self).sin6_addr) { IPAddress(bytes: $0) }
      default: return nil
      }
    }
  }

  /// Whether the peer's socket was created in the network namespace of a listening socket. The kernel reports
  /// this; nothing that the peer sends is used. Source: `SO_NETNS_COOKIE` of socket(7), since Linux 5.14;
  /// before that `SIOCGSKNS`, which needs `CAP_NET_ADMIN`.
  public func isPeer(inNamespaceOf listener: borrowing ListeningSocket) throws(SystemError) -> Bool {
    var (own, other): (UInt64, UInt64) = (0, 0)
    if SocketOption.get(descriptor, level: SOL_SOCKET, SO_NETNS_COOKIE, into: &own),
      SocketOption.get(listener.descriptor, level: SOL_SOCKET, SO_NETNS_COOKIE, into: &other)
    {
      return own == other
    }
    guard errno == ENOPROTOOPT else { throw SystemError(Self.namespaceAttempt, code: errno) }
    do throws(SystemError) {
      return try Self.namespaceFile(descriptor) == Self.namespaceFile(listener.descriptor)
    } catch {
      // A kernel without network namespaces.
      if error.code == EOPNOTSUPP { return true }
      throw error
    }
  }

  private static let namespaceAttempt = "reading the client's network namespace"

  /// The device and inode of the network namespace in which a socket was created.
  static func namespaceFile(_ socket: Int32) throws(SystemError) -> [UInt64] {
    let file = try SystemError.check(ioctl(socket, UInt(CSYS_SIOCGSKNS)), namespaceAttempt)
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0 else { throw SystemError(namespaceAttempt, code: errno) }
    return [UInt64(status.st_dev), UInt64(status.st_ino)]
  }
}
