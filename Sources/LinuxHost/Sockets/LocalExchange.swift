// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import Netlink

/// A request to a local socket and its answer, with limits for time and size: a server that hangs or is
/// hostile can neither block the program nor make it use much memory.
struct LocalExchange {
  /// The bytes of the answer that arrived. They may contain secrets: the caller wipes them.
  var answer: [UInt8]
  /// How the answer ended.
  let end: End

  /// How an answer ended.
  enum End {
    /// It is complete, according to its format.
    case whole
    /// The server closed the connection.
    case hungUp
  }

  /// Why there is no answer.
  enum Failure: Error {
    /// The socket could not be connected to, written or read.
    case socket(errno: Int32)
    /// The answer was not complete within the time limit.
    case timedOut
    /// The answer is larger than the limit.
    case tooLarge
  }

  /// Sends a request that fits into a socket's buffer, and reads until `isWhole` returns true or the server
  /// closes the connection, within `milliseconds` in total and at most `limit` bytes.
  init(
    _ path: String, _ request: [UInt8], milliseconds: Int32, limit: Int,
    isWhole: (ArraySlice<UInt8>) -> Bool = { _ in false }
  ) throws(Failure) {
    let deadline = Clock.monotonicMilliseconds + Int64(milliseconds)
    let descriptor: Int32
    do throws(SystemError) {
      descriptor = try UnixConnector.connect(path, milliseconds: milliseconds)
    } catch {
      throw error.code == ETIMEDOUT ? .timedOut : .socket(errno: error.code)
    }
    defer { close(descriptor) }
    // The request is much smaller than a socket's buffer: a partial write is treated as a failure.
    guard Glibc.send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      throw .socket(errno: errno)
    }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    var length = 0
    defer { Self.wipe(&bytes) }
    while !isWhole(bytes[..<length]) {
      if length == bytes.count {
        guard length < limit else { throw .tooLarge }
        var larger = [UInt8](repeating: 0, count: min(2 * length, limit))
        larger.replaceSubrange(0..<length, with: bytes)
        Self.wipe(&bytes)
        bytes = larger
      }
      let left = deadline - Clock.monotonicMilliseconds
      guard left > 0 else { throw .timedOut }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&waiting, 1, Int32(left))
      if ready == 0 { throw .timedOut }
      if ready < 0 {
        if errno == EINTR { continue }
        throw .socket(errno: errno)
      }
      let taken = bytes.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress.map { $0 + length }, $0.count - length)
      }
      if taken < 0 {
        if errno == EINTR || errno == EAGAIN { continue }
        throw .socket(errno: errno)
      }
      if taken == 0 {
        (answer, end) = (Array(bytes[..<length]), .hungUp)
        return
      }
      length += taken
    }
    (answer, end) = (Array(bytes[..<length]), .whole)
  }

  /// Overwrites bytes that may contain secrets.
  static func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { if let start = $0.baseAddress { explicit_bzero(start, $0.count) } }
  }
}
