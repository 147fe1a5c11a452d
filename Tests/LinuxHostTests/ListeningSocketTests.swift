// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Netlink
import NetworkModel
import Testing

@testable import LinuxHost

@Suite("Listening sockets")
struct ListeningSocketTests {
  /// A path for a socket that no other test uses.
  private static func path(_ name: String) -> String { "/tmp/wgfence-listen-\(name)-\(getpid())" }

  /// The errno if listening at a path is refused; 0 if it is not.
  private static func refusal(_ path: String) -> Int32 {
    do throws(SystemError) {
      let listener = try ListeningSocket(path: path, mode: 0o600)
      _ = consume listener
      return 0
    } catch {
      return error.code
    }
  }

  @Test("a socket file has the requested mode, independently of the umask", arguments: [0o600, 0o660])
  func mode(_ mode: UInt32) throws {
    let path = Self.path("\(mode)")
    let listener = try ListeningSocket(path: path, mode: mode)
    var status = stat()
    #expect(lstat(path, &status) == 0)
    #expect(status.st_mode == S_IFSOCK | mode)
    #expect(fcntl(listener.descriptor, F_GETFD) == FD_CLOEXEC)
    #expect(fcntl(listener.descriptor, F_GETFL) & O_NONBLOCK != 0)
    _ = consume listener
    #expect(lstat(path, &status) != 0, "the socket file was not deleted")
  }

  @Test("the socket of an ended process is replaced; a socket in use, or another file, is not")
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
    // The probe for a listening process is counted as well.
    var count = 0
    while try listener.accept() != nil { count += 1 }
    #expect(count == 2)
    _ = consume client
    _ = consume listener
    close(open(path, O_WRONLY | O_CREAT, 0o600))
    #expect(Self.refusal(path) == EEXIST)
    #expect(access(path, F_OK) == 0)
  }

  @Test("a path may have up to 107 bytes, and its directory must exist")
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

  @Test("connecting to a listener with a full queue waits, but not longer than requested")
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
    // It still counts as in use.
    #expect(Self.refusal(path) == EADDRINUSE)
    _ = consume listener
  }

  @Test("the address of a TCP client is reported", arguments: ["127.0.0.1", "::1"])
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
      Issue.record("there is no connection")
      return
    }
    let peer = connection.peerAddress
    #expect(peer == address)
  }

  @Test(
    "a socket can listen on an address that is not this machine's", arguments: ["192.0.2.1", "2001:db8::1"])
  func foreign(_ text: String) throws {
    let listener = try ListeningSocket(address: try #require(IPAddress(text)), port: 0)
    let connection = try listener.accept()
    let isNobody = connection == nil
    #expect(isNobody)
  }
}

@Suite("The peer of a local socket")
struct PeerTests {
  @Test("the kernel reports the process, its user and its groups")
  func peer() throws {
    let path = "/tmp/wgfence-peer-\(getpid())"
    let listener = try ListeningSocket(path: path, mode: 0o600)
    let client = try Connection(path: path, milliseconds: 1000)
    guard let server = try listener.accept() else {
      Issue.record("there is no connection")
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

  @Test("before Linux 5.14 a socket's namespace is found by its file", .enabled(if: OwnNamespace.isPermitted))
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

  @Test("the number of a group is read from the line with its complete name")
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
