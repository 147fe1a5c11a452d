// SPDX-License-Identifier: GPL-3.0-or-later

internal import CSys
internal import Glibc
public import Netlink
public import NetworkModel

/// A listening stream socket. Source: unix(7), tcp(7), ip(7).
public struct ListeningSocket: ~Copyable {
  /// The descriptor to wait on.
  public let descriptor: Int32
  private let path: String?

  /// The maximum number of connections that wait to be accepted on a Unix socket.
  private static let backlog: Int32 = 16
  /// The same for TCP. The kernel drops the SYN of a connection above it, and the client sends it again only after
  /// a second: the number must be larger than a burst of connections between two rounds of the event loop.
  private static let tcpBacklog: Int32 = 128
  private static let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

  /// Listens at a path. The socket file gets the mode `mode`. A socket of a process that ended is replaced.
  /// Throws if a process is listening at the path (`EADDRINUSE`), or if the path is not a socket (`EEXIST`).
  public init(path: String, mode: UInt32) throws(SystemError) {
    descriptor = try Self.open(path, mode)
    self.path = path
  }

  /// Listens on an address and port. The address need not be this machine's yet.
  public init(address: IPAddress, port: UInt16) throws(SystemError) {
    descriptor = try Self.open(address, port)
    path = nil
  }

  deinit {
    if let path { unlink(path) }
    close(descriptor)
  }

  /// The next connection; nil if there is none.
  public func accept() throws(SystemError) -> Connection? {
    let accepted = accept4(
      descriptor, nil, nil, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
    if accepted >= 0 { return Connection(descriptor: accepted) }
    let code = errno
    // A connection that ended before it was accepted does not count.
    if [EAGAIN, ECONNABORTED, EINTR].contains(code) { return nil }
    throw SystemError("accepting a connection", code: code)
  }

  // MARK: - Local

  private static func open(_ path: String, _ mode: mode_t) throws(SystemError) -> Int32 {
    let attempt = "listening on \(path)"
    guard let address = UnixAddress(path: path) else { throw SystemError(attempt, code: ENAMETOOLONG) }
    try removeStale(path, address, attempt)
    let descriptor = try SystemError.check(socket(AF_UNIX, kind, 0), attempt)
    let before = umask(0o777 & ~mode)
    let bound = address.withPointer { Glibc.bind(descriptor, $0, $1) }
    umask(before)
    try listen(descriptor, isBound: bound == 0, backlog, attempt)
    return descriptor
  }

  /// Deletes a socket file on which no process listens.
  private static func removeStale(
    _ path: String, _ address: UnixAddress, _ attempt: String
  ) throws(SystemError) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemError(attempt, code: EEXIST) }
    let probe = try SystemError.check(socket(AF_UNIX, kind, 0), attempt)
    // EAGAIN means a full queue: a process is listening.
    let isAnswered = address.withPointer { connect(probe, $0, $1) } == 0 || errno == EAGAIN
    close(probe)
    if isAnswered { throw SystemError(attempt, code: EADDRINUSE) }
    if unlink(path) != 0, errno != ENOENT { throw SystemError(attempt, code: errno) }
  }

  /// Starts listening if the socket was bound. Closes the socket if either failed.
  private static func listen(
    _ descriptor: Int32, isBound: Bool, _ backlog: Int32, _ attempt: String
  ) throws(SystemError) {
    if isBound, Glibc.listen(descriptor, backlog) == 0 { return }
    let code = errno
    close(descriptor)
    throw SystemError(attempt, code: code)
  }

  // MARK: - TCP

  private static func open(_ address: IPAddress, _ port: UInt16) throws(SystemError) -> Int32 {
    let attempt = "listening on \(address), port \(port)"
    let family = address.family == .ipv4 ? AF_INET : AF_INET6
    let descriptor = try SystemError.check(socket(family, kind, 0), attempt)
    let on: Int32 = 1
    SocketOption.set(descriptor, level: SOL_SOCKET, SO_REUSEADDR, to: on)
    // Allows binding the address of a tunnel that does not exist yet.
    SocketOption.set(descriptor, level: Int32(IPPROTO_IP), IP_FREEBIND, to: on)
    let bound: Int32
    switch address.family {
    case .ipv4:
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_port = port.bigEndian
      withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address.bytes) }
      bound = bind(descriptor, to: name)
    case .ipv6:
      SocketOption.set(descriptor, level: Int32(IPPROTO_IPV6), IPV6_V6ONLY, to: on)
      var name = sockaddr_in6()
      name.sin6_family = sa_family_t(AF_INET6)
      name.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address.bytes) }
      bound = bind(descriptor, to: name)
    }
    try listen(descriptor, isBound: bound == 0, tcpBacklog, attempt)
    return descriptor
  }

  private static func bind<Name>(_ descriptor: Int32, to name: Name) -> Int32 {
    withUnsafeBytes(of: name) {
      Glibc.bind(
        descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
    }
  }
}

extension SystemError {
  /// Whether the limit for open descriptors of the process (`EMFILE`) or of the system (`ENFILE`) is reached.
  public var isOutOfDescriptors: Bool { code == EMFILE || code == ENFILE }
}
