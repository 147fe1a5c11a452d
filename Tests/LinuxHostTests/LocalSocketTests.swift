// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import LinuxHost
import Testing

@Suite("Connections to a local socket")
struct LocalSocketTests {
  @Test("a peer that closed its socket is not connected, although its data can still be read")
  func gone() throws {
    let path = "/tmp/wgfence-socket-\(getpid())"
    defer { unlink(path) }
    let listener = try ListeningSocket(path: path, mode: 0o600)
    let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, length) }
    }
    #expect(result == 0)
    guard let connection = try listener.accept() else {
      Issue.record("there is no connection")
      return
    }
    let atFirst = connection.isPeerConnected
    #expect(atFirst)
    #expect(send(client, "request", 7, 0) == 7)
    let sent = connection.isPeerConnected
    #expect(sent)
    shutdown(client, Int32(SHUT_WR))
    let halfClosed = connection.isPeerConnected
    #expect(halfClosed, "the peer may still wait for an answer")
    close(client)
    let closed = connection.isPeerConnected
    #expect(!closed)
    guard case .bytes(let bytes, _) = connection.receive(atMost: 100) else {
      Issue.record("the data of the peer is missing")
      return
    }
    #expect(bytes == Array("request".utf8))
  }
}
