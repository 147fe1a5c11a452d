// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// A listening stream socket. Source: unix(7), tcp(7).
public struct ListeningSocket: ~Copyable {
  /// To wait on.
  public let descriptor: Int32
  private let path: String?

  /// Listens at a path, whose socket file has the mode given. A socket left by a dead process is taken over; a path at
  /// which somebody answers, or that is no socket, is refused.
  public init(path: String, mode: UInt32) throws(SystemError) {
    descriptor = try SystemError.check(csys_unix_listen(path, mode), "listening on \(path)")
    self.path = path
  }

  /// Listens on an address and port, which need not be this machine's yet.
  public init(address: IPAddress, port: UInt16) throws(SystemError) {
    let bytes = address.bytes
    descriptor = try SystemError.check(
      csys_tcp_listen(bytes, bytes.count, UInt32(port)), "listening on \(address), port \(port)")
    path = nil
  }

  deinit {
    if let path { unlink(path) }
    close(descriptor)
  }

  /// The next connection, nil where there is none.
  public func accept() throws(SystemError) -> Connection? {
    let accepted = csys_accept(descriptor)
    if accepted >= 0 { return Connection(descriptor: accepted) }
    // A connection that ended before it was taken is none.
    if [EAGAIN, ECONNABORTED, EINTR].contains(-accepted) { return nil }
    throw SystemError("accepting a connection", code: -accepted)
  }
}

extension SystemError {
  /// Whether the process (`EMFILE`) or the system (`ENFILE`) has no descriptor left.
  public var isOutOfDescriptors: Bool { code == EMFILE || code == ENFILE }
}

/// A connection, closed with the value.
public struct Connection: ~Copyable {
  /// To wait on.
  public let descriptor: Int32

  init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Connects to a socket at a path. Does not block afterwards.
  public init(path: String, milliseconds: Int32) throws(SystemError) {
    descriptor = try SystemError.check(csys_unix_connect(path, milliseconds), "connecting to \(path)")
  }

  /// Who is at the other side of a socket at a path: `SO_PEERCRED` of unix(7).
  public func peer() throws(SystemError) -> Peer {
    var (pid, uid, gid): (Int32, UInt32, UInt32) = (0, 0, 0)
    _ = try SystemError.check(csys_peer(descriptor, &pid, &uid, &gid), "asking who connected")
    return Peer(pid: pid, user: uid)
  }

  /// Whether the other side's process is in a group of this name in `/etc/group`.
  public func isPeer(inGroup name: String) -> Bool {
    let number = csys_group_number(name)
    return number >= 0 && csys_peer_in_group(descriptor, UInt32(number)) == 1
  }

  /// Whether the other side still has the socket, whatever it sent and whether it means to send more: false once it has
  /// closed it, or ended (`POLLHUP` of poll(2)).
  public var isPeerConnected: Bool {
    var state = pollfd(fd: descriptor, events: 0, revents: 0)
    while poll(&state, 1, 0) < 0, errno == EINTR {}
    return state.revents & Int16(POLLHUP | POLLERR) == 0
  }

  /// Whether the other side's socket was made in the network namespace of a listening one. The kernel says so; what the
  /// other side says of itself does not count. Source: `SO_NETNS_COOKIE` of socket(7), since Linux 5.14; before that
  /// `SIOCGSKNS`, which needs `CAP_NET_ADMIN`.
  public func isPeer(inNamespaceOf listener: borrowing ListeningSocket) throws(SystemError) -> Bool {
    try SystemError.check(
      csys_same_network(descriptor, listener.descriptor), "asking for the client's network namespace") == 1
  }

  /// The address of who connected by TCP; nil for a local socket.
  public var peerAddress: IPAddress? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let length = csys_peer_address(descriptor, &bytes)
    return length > 0 ? IPAddress(bytes: bytes.prefix(Int(length))) : nil
  }

  /// What came of an attempt to receive.
  public enum Received: Sendable {
    /// Bytes, and the descriptor that came with them, which is the caller's to close.
    case bytes([UInt8], file: Int32?)
    /// Nothing is there yet.
    case nothing
    /// The other side is gone, or sent descriptors that were not asked for. None of these was taken.
    case end
  }

  /// How many descriptors the other side may hand over with some bytes. The kernel closes what is beyond.
  public enum Files: Sendable {
    case none
    case one
  }

  /// Receives at most so many bytes.
  public func receive(atMost limit: Int, files: Files = .none) -> Received {
    var bytes = [UInt8](repeating: 0, count: limit)
    var file: Int32 = -1
    let got = bytes.withUnsafeMutableBytes { space in
      switch files {
      case .none: csys_receive(descriptor, space.baseAddress, space.count, nil)
      case .one: csys_receive(descriptor, space.baseAddress, space.count, &file)
      }
    }
    if got == -Int(EAGAIN) { return .nothing }
    guard got > 0 else {
      if file >= 0 { close(file) }
      return .end
    }
    bytes.removeSubrange(got...)
    return .bytes(bytes, file: file >= 0 ? file : nil)
  }

  /// Sends as much as can be sent now, and a descriptor with the first byte. Returns how many bytes that was; nil where the
  /// other side is gone.
  public func send(_ bytes: ArraySlice<UInt8>, file: Int32? = nil) -> Int? {
    if bytes.isEmpty { return 0 }
    let sent = bytes.withUnsafeBytes { csys_send(descriptor, $0.baseAddress, $0.count, file ?? -1) }
    if sent == -Int(EAGAIN) { return 0 }
    return sent < 0 ? nil : sent
  }

  /// Waits until something can be read (or written), for so many milliseconds at most, without limit where nil.
  /// False when the time is over.
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

/// The process at the other side of a local socket.
public struct Peer: Sendable, Hashable {
  /// Its process id in the reader's pid namespace; 0 where it is of another.
  public let pid: Int32
  /// Its user id.
  public let user: UInt32

  /// A process.
  public init(pid: Int32, user: UInt32) {
    self.pid = pid
    self.user = user
  }
}
