// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Netlink
import NetworkModel
import Testing

@testable import LinuxHost

@Suite("Listening sockets")
struct ListeningSocketTests {
  /// A name for a socket that no other test has.
  private static func path(_ name: String) -> String { "/tmp/wgfence-listen-\(name)-\(getpid())" }

  /// The errno with which listening at a path is refused; 0 where it is not.
  private static func refusal(_ path: String) -> Int32 {
    do throws(SystemError) {
      let listener = try ListeningSocket(path: path, mode: 0o600)
      _ = consume listener
      return 0
    } catch {
      return error.code
    }
  }

  @Test("a socket file has the mode that was asked for, whatever the umask", arguments: [0o600, 0o660])
  func mode(_ mode: UInt32) throws {
    let path = Self.path("\(mode)")
    let listener = try ListeningSocket(path: path, mode: mode)
    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode == S_IFSOCK | mode)
    #expect(fcntl(listener.descriptor, F_GETFD) == FD_CLOEXEC)
    #expect(fcntl(listener.descriptor, F_GETFL) & O_NONBLOCK != 0)
    _ = consume listener
    #expect(lstat(path, &status) != 0, "it is removed in the end")
  }

  @Test("what a dead process left is taken over; who answers, and what is no socket, is not")
  func takeover() throws {
    let path = Self.path("takeover")
    defer { unlink(path) }
    let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let address = try #require(UnixAddress(path: path))
    #expect(address.withPointer { bind(left, $0, $1) } == 0)
    close(left)
    let listener = try ListeningSocket(path: path, mode: 0o600)
    #expect(Self.refusal(path) == EADDRINUSE)
    let client = try Connection(path: path, milliseconds: 1000)
    // That of the one who asked whether somebody answers is there as well.
    var count = 0
    while try listener.accept() != nil { count += 1 }
    #expect(count == 2)
    _ = consume client
    _ = consume listener
    close(open(path, O_WRONLY | O_CREAT, 0o600))
    #expect(Self.refusal(path) == EEXIST)
    #expect(access(path, F_OK) == 0)
  }

  @Test("a path is taken up to 107 bytes, and must lead somewhere")
  func long() throws {
    let prefix = Self.path("")
    let longest = prefix + String(repeating: "x", count: 107 - prefix.utf8.count)
    #expect(Self.refusal(longest) == 0)
    #expect(Self.refusal(longest + "x") == ENAMETOOLONG)
    #expect(Self.refusal("/nowhere/socket") == ENOENT)
    for (path, code) in [(longest + "x", ENAMETOOLONG), ("/nowhere/socket", ENOENT)] {
      do throws(SystemError) {
        let client = try Connection(path: path, milliseconds: 10)
        _ = consume client
        Issue.record("connected to \(path)")
      } catch {
        #expect(error.code == code)
      }
    }
  }

  @Test("a listener whose queue is full is waited for, and no longer than asked")
  func full() throws {
    let path = Self.path("full")
    let listener = try ListeningSocket(path: path, mode: 0o600)
    var clients: [Int32] = []
    defer { for client in clients { close(client) } }
    var code: Int32 = 0
    while code == 0, clients.count < 100 {
      do throws(SystemError) {
        clients.append(try UnixConnector.connect(path, milliseconds: 50))
      } catch {
        code = error.code
      }
    }
    #expect(code == ETIMEDOUT)
    // It answers all the same: it is alive.
    #expect(Self.refusal(path) == EADDRINUSE)
    _ = consume listener
  }

  @Test("a client by TCP is known by its address", arguments: ["127.0.0.1", "::1"])
  func tcp(_ text: String) throws {
    let address = try #require(IPAddress(text))
    let listener = try ListeningSocket(address: address, port: 0)
    var name = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let client = socket(address.family == .ipv4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        #expect(getsockname(listener.descriptor, $0, &length) == 0)
        #expect(connect(client, $0, length) == 0)
      }
    }
    guard let connection = try listener.accept() else {
      Issue.record("nobody connected")
      return
    }
    let peer = connection.peerAddress
    #expect(peer == address)
  }

  @Test(
    "an address that is not this machine's yet can be listened on", arguments: ["192.0.2.1", "2001:db8::1"])
  func foreign(_ text: String) throws {
    let listener = try ListeningSocket(address: try #require(IPAddress(text)), port: 0)
    let connection = try listener.accept()
    let isNobody = connection == nil
    #expect(isNobody)
  }
}

@Suite("Who is at the other side of a local socket")
struct PeerTests {
  @Test("the kernel tells the process, its user and its groups")
  func peer() throws {
    let path = "/tmp/wgfence-peer-\(getpid())"
    let listener = try ListeningSocket(path: path, mode: 0o600)
    let client = try Connection(path: path, milliseconds: 1000)
    guard let server = try listener.accept() else {
      Issue.record("nobody connected")
      return
    }
    #expect(try server.peer() == Peer(pid: getpid(), user: geteuid()))
    let isOwn = server.isPeer(inGroup: getegid())
    #expect(isOwn)
    var groups = [gid_t](repeating: 0, count: 256)
    let count = getgroups(Int32(groups.count), &groups)
    for group in groups.prefix(Int(max(0, count))) {
      let isMember = server.isPeer(inGroup: group)
      #expect(isMember, "group \(group)")
    }
    let (isOther, isUnknown) = (
      server.isPeer(inGroup: 4_000_000_000), server.isPeer(inGroup: "wgfence-no-such-group")
    )
    #expect(!isOther && !isUnknown)
    let address = server.peerAddress
    #expect(address == nil)
    _ = consume client
  }

  @Test("before Linux 5.14 a socket's namespace is told by its file", .enabled(if: OwnNamespace.isPermitted))
  func namespaceFile() throws {
    try OwnNamespace.run {
      let other = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(other) }
      var status = stat()
      #expect(stat("/proc/thread-self/ns/net", &status) == 0)
      let found = try Connection.namespaceFile(other)
      #expect(found == [UInt64(status.st_dev), UInt64(status.st_ino)])
    }
  }

  @Test("the number of a group is that of the line with its whole name")
  func groups() {
    let lines = """
      root:x:0:
      wgfence-old:x:7:eric
      #wgfence:x:8:
      wgfence
      wgfence:x
      wgfence:x:
      wgfence:x:-1:
      wgfence:x:4294967296:
      wgfence:x:990:eric,ryan
      wgfence:x:991:
      short:*:12
      """
    let bytes = Array(lines.utf8)
    #expect(GroupNames.number(of: "wgfence", in: bytes) == 990)
    #expect(GroupNames.number(of: "root", in: bytes) == 0)
    #expect(GroupNames.number(of: "short", in: bytes) == 12)
    for name in ["wgf", "wgfence-", "eric", "x", ""] {
      #expect(GroupNames.number(of: name, in: bytes) == nil, "\(name)")
    }
    #expect(GroupNames.number(of: "root") == 0)
  }
}
