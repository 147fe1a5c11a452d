// SPDX-License-Identifier: GPL-3.0-or-later
// swift-format-ignore-file: NeverForceUnwrap

import CTestSupport
import Glibc
import Netlink
import LinuxHost
import Testing

/// A directory with a path for a listening socket.
private final class SocketPath {
  let path: String
  let folder: String

  init() throws {
    var template = Array("/tmp/wgfence-XXXXXX".utf8CString)
    folder = String(cString: try #require(mkdtemp(&template)))
    path = "\(folder)/socket"
  }

  deinit {
    unlink(path)
    rmdir(folder)
  }
}

private struct NoConnection: Error {}

/// The next connection. Throws if there is none.
private func accepted(by listener: borrowing ListeningSocket) throws -> Connection {
  guard let connection = try listener.accept() else { throw NoConnection() }
  return connection
}

@Suite("Hostile clients of a local socket")
struct HostileClientTests {
  /// Sends a byte with descriptors, which no client of this program does.
  private static func send(_ count: Int, from client: borrowing Connection) -> Int {
    var space = [UInt8](repeating: 0, count: 16 + 4 * count + 8)
    return space.withUnsafeMutableBytes { space in
      let header = space.baseAddress!.assumingMemoryBound(to: cmsghdr.self)
      header.pointee.cmsg_len = 16 + 4 * count
      header.pointee.cmsg_level = SOL_SOCKET
      header.pointee.cmsg_type = Int32(SCM_RIGHTS)
      for index in 0..<count {
        space.storeBytes(of: STDERR_FILENO, toByteOffset: 16 + 4 * index, as: Int32.self)
      }
      var byte: UInt8 = 1
      return withUnsafeMutablePointer(to: &byte) { byte in
        var part = iovec(iov_base: byte, iov_len: 1)
        return withUnsafeMutablePointer(to: &part) { part in
          var message = msghdr()
          message.msg_iov = part
          message.msg_iovlen = 1
          message.msg_control = space.baseAddress
          message.msg_controllen = 16 + 4 * count
          return sendmsg(client.descriptor, &message, 0)
        }
      }
    }
  }

  @Test(
    "unexpected descriptors are not received, and end the connection", arguments: [1, 2, 64, 253])
  func descriptors(count: Int) throws {
    let socket = try SocketPath()
    let listener = try ListeningSocket(path: socket.path, mode: 0o600)
    let client = try Connection(path: socket.path, milliseconds: 1000)
    let server = try accepted(by: listener)
    let sent = Self.send(count, from: client)
    #expect(sent == 1)
    guard case .end = server.receive(atMost: 16) else {
      Issue.record("descriptors were received")
      return
    }
  }

  @Test(
    "if one descriptor is expected, one is received, but none of several",
    arguments: [(1, true), (2, false), (64, false)])
  func one(count: Int, isTaken: Bool) throws {
    let socket = try SocketPath()
    let listener = try ListeningSocket(path: socket.path, mode: 0o600)
    let client = try Connection(path: socket.path, milliseconds: 1000)
    let server = try accepted(by: listener)
    let sent = Self.send(count, from: client)
    #expect(sent == 1)
    switch server.receive(atMost: 16, files: .one) {
    case .bytes([1], file: let file?):
      #expect(isTaken)
      close(file)
    case .end: #expect(!isTaken)
    case .bytes, .nothing: Issue.record("neither received nor refused")
    }
  }

  @Test("the kernel reports the network namespace of a client", .enabled(if: OwnNamespace.isPermitted))
  func namespaces() throws {
    let socket = try SocketPath()
    let listener = try ListeningSocket(path: socket.path, mode: 0o600)
    let neighbour = try Connection(path: socket.path, milliseconds: 1000)
    let near = try accepted(by: listener)
    let isNear = try near.isPeer(inNamespaceOf: listener)
    // The connection still exists after the namespace has ended.
    let descriptor = try OwnNamespace.run {
      let stranger = try Connection(path: socket.path, milliseconds: 1000)
      return dup(stranger.descriptor)
    }
    defer { close(descriptor) }
    let far = try accepted(by: listener)
    let isFarNear = try far.isPeer(inNamespaceOf: listener)
    #expect(isNear && !isFarNear)
    _ = consume neighbour
  }

  @Test("a memory file is read in its parts, and refused if the lengths do not match")
  func parts() throws {
    let parts: [[UInt8]] = [Array("policy".utf8), [], Array("list".utf8)]
    let file = try MemoryFile.make(parts)
    defer { close(file) }
    #expect(try MemoryFile.read(file, lengths: [6, 0, 4]) == parts)
    #expect(try MemoryFile.read(file, lengths: [10]) == [parts[0] + parts[2]])
    for lengths in [[6, 4, 1], [6], [], [-1, 11], [.max, 10], [6, 0, 4, .max]] {
      #expect(throws: SystemError.self, "\(lengths)") { try MemoryFile.read(file, lengths: lengths) }
    }
  }

  @Test("a file that can still change is refused")
  func unsealed() throws {
    let file = ctest_open_memory_file()
    defer { close(file) }
    #expect(throws: SystemError.self) { try MemoryFile.read(file, lengths: [0]) }
    #expect(throws: SystemError.self) { try MemoryFile.read(STDIN_FILENO, lengths: []) }
  }
}
