// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import NetworkModel
import Testing

@testable import Netlink
@testable import LinuxHost

@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct RemoteSessionFinderTests {
  private static let old = "192.0.2.7 50123 203.0.113.10 22"

  @Test("The session is found in the caller's environment, and whether it is established")
  func environment() throws {
    try OwnNamespace.run {
      let stale = try RemoteSessionFinder.find(environment: { $0 == "SSH_CONNECTION" ? Self.old : nil })
      #expect(stale?.session.client.description == "192.0.2.7")
      #expect(stale?.evidence == .environment)
      #expect(stale?.isEstablished == false)

      let server = try TestSocket(SOCK_STREAM, "::", [.dualStack])
      #expect(listen(server.descriptor, 8) == 0)
      let client = try TestSocket(SOCK_STREAM, "127.0.0.1")
      try client.connect("127.0.0.1", port: server.port)
      let accepted = accept(server.descriptor, nil, nil)
      defer { close(accepted) }
      let text = "::ffff:127.0.0.1 \(client.port) ::ffff:127.0.0.1 \(server.port)"
      let live = try RemoteSessionFinder.find(environment: { $0 == "SSH_CONNECTION" ? text : nil })
      #expect(live?.session.clientPort == client.port)
      #expect(live?.isEstablished == true)
    }
  }

  @Test("The session is found in an ancestor's environment if it is not in the caller's")
  func ancestor() throws {
    try OwnNamespace.run {
      // As under sudo: the shell has the variable, the program that it starts has not.
      let shell = try Program(
        ["/bin/sh", "-c", "env -i sleep 60; :"],
        environment: ["PATH=/usr/bin:/bin", "SSH_CONNECTION=\(Self.old)"])
      let child = try eventually {
        (try? ProcFile.text("/proc/\(shell.pid)/task/\(shell.pid)/children")).flatMap { text in
          text.split(separator: " ").first.flatMap { Int32($0) }
        }.flatMap { child in (try? ProcFile.text("/proc/\(child)/comm")) == "sleep\n" ? child : nil }
      }
      let finding = try RemoteSessionFinder.find(environment: { _ in nil }, process: child)
      #expect(finding?.evidence == .ancestorEnvironment(pid: shell.pid))
      #expect(finding?.session.client.description == "192.0.2.7")
      kill(child, SIGTERM)
    }
  }

  @Test("The session is found as the first connection of an ancestor named sshd")
  func connection() throws {
    try OwnNamespace.run {
      let directory = "/tmp/wgfence-sshd-\(getpid())"
      mkdir(directory, 0o700)
      symlink("/usr/bin/python3", "\(directory)/sshd")
      defer {
        unlink("\(directory)/sshd")
        rmdir(directory)
      }
      // Both ends belong to this process; the accepted one is moved to the lowest descriptor, as in sshd.
      let script = """
        import os, socket, time
        s = socket.create_server(('127.0.0.1', 2222)); c = socket.create_connection(('127.0.0.1', 2222))
        a, _ = s.accept(); f = s.detach(); os.dup2(a.fileno(), f); a.close(); os.mkdir('\(directory)/ready')
        time.sleep(60)
        """
      let daemon = try Program(["\(directory)/sshd", "-S", "-c", script])
      _ = try eventually { rmdir("\(directory)/ready") == 0 ? true : nil }
      let finding = try RemoteSessionFinder.find(environment: { _ in nil }, process: daemon.pid)
      #expect(finding?.evidence == .ancestorConnection(pid: daemon.pid))
      #expect(finding?.session.serverPort == 2222)
      #expect(finding?.session.server.description == "127.0.0.1")
    }
  }

  @Test("The ancestors of a process are found up to the first process")
  func ancestors() {
    let line = RemoteSessionFinder.ancestors(of: getpid())
    #expect(line.prefix(2) == [getpid(), getppid()])
    #expect(RemoteSessionFinder.parent(stat: "12 (a b) c) S 7 12 12 0") == 7)
    #expect(RemoteSessionFinder.parent(stat: "nonsense") == nil)
    #expect(RemoteSessionFinder.variable("B", in: Array("AB=1\0B=2=3\0".utf8)) == "2=3")
    #expect(RemoteSessionFinder.variable("C", in: Array("AB=1\0B=2=3\0".utf8)) == nil)
    #expect(ProcessTable.userID(status: "Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t5\t5\t5\t5\n") == 0)
  }
}
