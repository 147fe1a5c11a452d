// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// Finds the SSH session in which this program was started, so that no rule cuts it off.
public enum RemoteSessionFinder {
  /// How a session was found. An environment can be older than the session: a terminal multiplexer keeps the
  /// environment of the connection from which it was started.
  public enum Evidence: Sendable, Hashable {
    /// `SSH_CONNECTION` of the caller.
    case environment
    /// `SSH_CONNECTION` of an ancestor process (sudo removes it from the caller's environment).
    case ancestorEnvironment(pid: Int32)
    /// A TCP connection that an ancestor process named sshd holds.
    case ancestorConnection(pid: Int32)
  }

  /// A session that was found.
  public struct Finding: Sendable, Hashable {
    /// The connection.
    public let session: RemoteSession
    /// How it was found.
    public let evidence: Evidence
    /// Whether the kernel lists the connection as established in this thread's network namespace.
    public let isEstablished: Bool
  }

  /// Searches the environment, then the environments of `process` (this process if nil) and its ancestors,
  /// nearest first, then an ancestor that is sshd and holds a TCP connection. An established connection is
  /// preferred to a connection from an environment that is not established. Nil if neither is found.
  /// `environment` returns the value of a variable.
  public static func find(environment: (String) -> String?, process: Int32? = nil) throws(HostReadError)
    -> Finding?
  {
    // The connections are read from the kernel only when there is one to look for.
    var known: [SocketDiagnostics.Socket]?
    func connections() throws(HostReadError) -> [SocketDiagnostics.Socket] {
      if let known { return known }
      let read = try SocketDiagnostics.connections()
      known = read
      return read
    }
    var stale: Finding?
    func judged(_ session: RemoteSession, _ evidence: Evidence) throws(HostReadError) -> Finding {
      let isEstablished = try connections().contains {
        $0.address == session.server && $0.port == session.serverPort && $0.remoteAddress == session.client
          && $0.remotePort == session.clientPort
      }
      return Finding(session: session, evidence: evidence, isEstablished: isEstablished)
    }
    if let session = environment("SSH_CONNECTION").flatMap({ RemoteSession(sshConnection: $0) }) {
      let finding = try judged(session, .environment)
      if finding.isEstablished { return finding }
      stale = finding
    }
    let ancestors = ancestors(of: process ?? getpid())
    for ancestor in ancestors {
      guard let bytes = try? ProcFile.bytes("/proc/\(ancestor)/environ"),
        let session = variable("SSH_CONNECTION", in: bytes).flatMap({ RemoteSession(sshConnection: $0) })
      else { continue }
      let finding = try judged(session, .ancestorEnvironment(pid: ancestor))
      if finding.isEstablished { return finding }
      stale = stale ?? finding
    }
    for ancestor in ancestors {
      // In OpenSSH 9.8 and later, sshd-session serves a session.
      guard let name = try? ProcFile.bytes("/proc/\(ancestor)/comm"),
        ["sshd\n", "sshd-session\n", "dropbear\n"].contains(where: { name.elementsEqual($0.utf8) })
      else { continue }
      // The session's own connection was opened before any that it forwards: it has the lowest descriptor.
      let held = ProcessTable.sockets(of: UInt32(bitPattern: ancestor))
      let all = try connections()
      guard let socket = held.lazy.compactMap({ inode in all.first { $0.inode == inode } }).first
      else {
        continue
      }
      return Finding(
        session: RemoteSession(
          client: socket.remoteAddress, clientPort: socket.remotePort, server: socket.address,
          serverPort: socket.port),
        evidence: .ancestorConnection(pid: ancestor), isEstablished: true)
    }
    return stale
  }

  /// A process and its ancestors up to pid 1, nearest first, as far as they are visible in `/proc`.
  static func ancestors(of process: Int32) -> [Int32] {
    var line: [Int32] = []
    var next: Int32? = process
    while let current = next, current > 0, !line.contains(current) {
      line.append(current)
      next = (try? ProcFile.text("/proc/\(current)/stat")).flatMap { parent(stat: $0) }
    }
    return line
  }

  /// The parent in `PID (NAME) STATE PARENT …` of `/proc/PID/stat`. The name may contain spaces and
  /// parentheses.
  static func parent(stat: String) -> Int32? {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(separator: " ")
    return fields.count > 1 ? Int32(fields[1]) : nil
  }

  /// A variable's value in the zero-separated bytes of `/proc/PID/environ`.
  static func variable(_ name: String, in environment: [UInt8]) -> String? {
    let start = Array("\(name)=".utf8)
    return environment.split(separator: 0).first { $0.starts(with: start) }
      .map { String(decoding: $0.dropFirst(start.count), as: UTF8.self) }
  }
}
