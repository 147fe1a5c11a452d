// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import Testing

@testable import LinuxHost

@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct ListenerReadingTests {
  struct Expected: Sendable, CustomStringConvertible {
    let description: String
    let kind: IPProtocol
    let bind: String
    let options: [String]
    let address: String
    var isDualStack = false
    var device: String?
    var isLoopbackOnly = false
  }

  @Test(
    "A socket is listed as it was bound",
    arguments: [
      Expected(description: "TCP on IPv4", kind: .tcp, bind: "0.0.0.0", options: [], address: "0.0.0.0"),
      Expected(description: "TCP on IPv6 only", kind: .tcp, bind: "::", options: ["v6only"], address: "::"),
      Expected(
        description: "TCP on both", kind: .tcp, bind: "::", options: ["dual"], address: "::",
        isDualStack: true),
      Expected(
        description: "TCP on loopback", kind: .tcp, bind: "127.0.0.1", options: [], address: "127.0.0.1",
        isLoopbackOnly: true),
      Expected(
        description: "TCP on IPv6 loopback", kind: .tcp, bind: "::1", options: ["dual"], address: "::1",
        isLoopbackOnly: true),
      Expected(
        description: "TCP on a mapped address", kind: .tcp, bind: "::ffff:127.0.0.1", options: ["dual"],
        address: "127.0.0.1", isLoopbackOnly: true),
      Expected(
        description: "TCP on all of IPv4 by a mapped address", kind: .tcp, bind: "::ffff:0.0.0.0",
        options: ["dual"],
        address: "0.0.0.0"),
      Expected(
        description: "TCP on one device", kind: .tcp, bind: "0.0.0.0", options: ["lo"], address: "0.0.0.0",
        device: "lo", isLoopbackOnly: true),
      Expected(description: "UDP on IPv4", kind: .udp, bind: "0.0.0.0", options: [], address: "0.0.0.0"),
      Expected(description: "UDP on IPv6 only", kind: .udp, bind: "::", options: ["v6only"], address: "::"),
      Expected(
        description: "UDP on both", kind: .udp, bind: "::", options: ["dual"], address: "::",
        isDualStack: true),
      Expected(
        description: "UDP on one device", kind: .udp, bind: "::", options: ["v6only", "lo"], address: "::",
        device: "lo", isLoopbackOnly: true),
    ])
  func bound(expected: Expected) throws {
    try OwnNamespace.run {
      let socket = try TestSocket(
        expected.kind == .tcp ? SOCK_STREAM : SOCK_DGRAM, expected.bind,
        expected.options.map { $0 == "v6only" ? .v6Only : $0 == "dual" ? .dualStack : .device($0) })
      if expected.kind == .tcp { #expect(listen(socket.descriptor, 8) == 0) }
      let snapshot = try HostReader.snapshot()
      #expect(snapshot.listeners.count == 1)
      let listener = try #require(snapshot.listeners.first)
      #expect(listener.protocol == expected.kind)
      #expect(listener.address.description == expected.address)
      #expect(listener.isDualStack == expected.isDualStack)
      #expect(listener.boundInterface?.description == expected.device)
      #expect(listener.isLoopbackOnly == expected.isLoopbackOnly)
      #expect(listener.port == socket.port)
      #expect(listener.process?.pid == getpid())
      #expect(listener.process?.userID == geteuid())
      #expect(!listener.isKernelSocket)
    }
  }

  @Test("Sockets that accept nothing from other hosts are not listed")
  func others() throws {
    try OwnNamespace.run {
      let server = try TestSocket(SOCK_DGRAM, "127.0.0.1")
      let client = try TestSocket(SOCK_DGRAM, "127.0.0.1")
      try client.connect("127.0.0.1", port: server.port)
      let unlistening = try TestSocket(SOCK_STREAM, "127.0.0.1")
      let unbound = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      defer { close(unbound) }
      let listener = try TestSocket(SOCK_STREAM, "127.0.0.1")
      #expect(listen(listener.descriptor, 8) == 0)
      let caller = try TestSocket(SOCK_STREAM, "127.0.0.1")
      try caller.connect("127.0.0.1", port: listener.port)
      let found = try SocketDiagnostics.listeners()
      #expect(found.listeners.map { $0.port }.sorted() == [server.port, listener.port].sorted())
      withExtendedLifetime((client, unlistening, caller)) {}
    }
  }

  @Test("A child process that listens is found by its name")
  func child() throws {
    try OwnNamespace.run {
      let program = try Program([
        "/usr/bin/python3", "-c",
        "import socket, time; s = socket.create_server(('127.0.0.1', 4242)); time.sleep(60)",
      ])
      let listener = try eventually { try HostReader.snapshot().listeners.first { $0.port == 4242 } }
      #expect(listener.process?.pid == program.pid)
      #expect(listener.process?.name == "python3")
      withExtendedLifetime(program) {}
    }
  }

  @Test("A socket that no process holds is listed without an owner, and causes a note")
  func unknownOwner() throws {
    try OwnNamespace.run {
      // It is in transfer to another process: sent, closed by the sender, not received yet.
      let program = try Program([
        "/usr/bin/python3", "-c",
        """
        import socket, time
        s = socket.create_server(('127.0.0.1', 4243)); a, b = socket.socketpair()
        socket.send_fds(a, [b'x'], [s.fileno()]); s.close(); time.sleep(60)
        """,
      ])
      let snapshot = try eventually {
        let snapshot = try HostReader.snapshot()
        return snapshot.listeners.first.map { $0.process == nil } == true ? snapshot : nil
      }
      #expect(snapshot.listeners.map(\.port) == [4243])
      #expect(snapshot.listeners.first?.isKernelSocket == false)
      #expect(
        snapshot.notes.contains { if case .unknownOwners(listeners: 1, _) = $0 { true } else { false } })
      withExtendedLifetime(program) {}
    }
  }

  @Test("Ten thousand sockets are read in time")
  func many() throws {
    try OwnNamespace.run {
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(7), &limit)
      let count = min(10_000, Int(limit.rlim_cur) - 2_000)
      try #require(count > 0)
      var sockets: [TestSocket] = []
      for number in 0..<count {
        let socket = try TestSocket(
          number % 2 == 0 ? SOCK_STREAM : SOCK_DGRAM, number % 4 < 2 ? "127.0.0.1" : "::1",
          port: UInt16(10_000 + number))
        if number % 2 == 0 { listen(socket.descriptor, 1) }
        sockets.append(socket)
      }
      let clock = ContinuousClock()
      var diagnosed: [SocketDiagnostics.Socket] = []
      let reading = try clock.measure { diagnosed = try SocketDiagnostics.listeners().listeners }
      let owning = try clock.measure { _ = try ProcessTable.owners(of: Set(diagnosed.map { $0.inode })) }
      var snapshot = HostSnapshot(interfaces: [], listeners: [])
      let whole = try clock.measure { snapshot = try HostReader.snapshot() }
      var survey: HostSurvey?
      let everything = try clock.measure { survey = try HostReader.survey() }
      print(
        "\(count) sockets: sock_diag \(reading), owners \(owning), whole snapshot \(whole), survey \(everything)"
      )
      #expect(survey?.host.snapshot == snapshot)
      #expect(everything < .seconds(5))
      #expect(diagnosed.count == count)
      #expect(snapshot.listeners.allSatisfy { $0.process?.pid == getpid() })
      #expect(whole < .seconds(2))
      withExtendedLifetime(sockets) {}
    }
  }
}
