// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink

/// The address of a local socket: `struct sockaddr_un` of unix(7).
struct UnixAddress {
  private var address = sockaddr_un()
  private var length = socklen_t(MemoryLayout<sockaddr_un>.size)

  /// Creates the address of a path. Nil if the path is longer than the kernel's limit of 107 bytes.
  init?(path: String) {
    // In C a path ends at its first zero byte.
    guard set(path.utf8.prefix { $0 != 0 }) else { return nil }
  }

  /// Creates the address of a path, or of an abstract name if it begins with `@`, as in `$NOTIFY_SOCKET`:
  /// sd_notify(3). Nil for anything else.
  init?(notification: [UInt8]) {
    guard let first = notification.first, first == UInt8(ascii: "/") || first == UInt8(ascii: "@"),
      let start = MemoryLayout<sockaddr_un>.offset(of: \.sun_path), set(notification[...])
    else { return nil }
    if first == UInt8(ascii: "@") { address.sun_path.0 = 0 }
    // The length of an abstract name is the length of the address; zero bytes after it would be part of it.
    length = socklen_t(start + notification.count)
  }

  private mutating func set(_ name: some Collection<UInt8>) -> Bool {
    address.sun_family = sa_family_t(AF_UNIX)
    return withUnsafeMutableBytes(of: &address.sun_path) { space in
      guard name.count < space.count else { return false }
      space.copyBytes(from: name)
      return true
    }
  }

  /// Passes the address to a call such as bind(2), and returns the result.
  func withPointer<Result>(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, length) }
    }
  }
}

/// Connects to local sockets.
enum UnixConnector {
  /// Connects a stream socket to a path, within `milliseconds`. The descriptor does not block. Errors are
  /// `ENAMETOOLONG`, `ETIMEDOUT`, and those of connect(2).
  static func connect(_ path: String, milliseconds: Int32) throws(SystemError) -> Int32 {
    let attempt = "connecting to \(path)"
    guard let address = UnixAddress(path: path) else { throw SystemError(attempt, code: ENAMETOOLONG) }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = try SystemError.check(socket(AF_UNIX, kind, 0), attempt)
    let deadline = Clock.monotonicMilliseconds + Int64(milliseconds)
    while address.withPointer({ Glibc.connect(descriptor, $0, $1) }) != 0 {
      let code = errno
      if code == EINTR { continue }
      // The listener's queue is full, and poll(2) does not report when there is room.
      if code == EAGAIN, Clock.monotonicMilliseconds < deadline {
        poll(nil, 0, 10)
        continue
      }
      close(descriptor)
      throw SystemError(attempt, code: code == EAGAIN ? ETIMEDOUT : code)
    }
    return descriptor
  }
}
