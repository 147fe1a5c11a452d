// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Netlink
public import NetworkModel

/// Finds the SSH session that this program was started in, so that no rule cuts it off.
public enum RemoteSessionFinder {
  /// How a session was found. An environment can be older than the session: a terminal multiplexer keeps that of the
  /// connection it was started from.
  public enum Evidence: Sendable, Hashable {
    /// `SSH_CONNECTION` of the caller.
    case environment
    /// `SSH_CONNECTION` of an ancestor (sudo takes it out of the caller's).
    case ancestorEnvironment(pid: Int32)
    /// A TCP connection that an ancestor named sshd holds.
    case ancestorConnection(pid: Int32)
  }

  /// A session, and how it was found.
  public struct Finding: Sendable, Hashable {
    /// The connection.
    public let session: RemoteSession
    /// How it was found.
    public let evidence: Evidence
    /// Whether the kernel lists the connection as established, in this thread's network namespace.
    public let isEstablished: Bool
  }

  /// Looks in the environment, then in the environments of the ancestors of `process` (this one where nil; its own first), nearest first,
  /// then for an ancestor that is sshd and holds a TCP connection. A connection that is established is preferred over
  /// one of an environment that is not; nil where there is neither. `environment` is asked for a variable by its name.
  public static func find(environment: (String) -> String?, process: Int32? = nil) throws(HostReadError)
    -> Finding?
  {
    // The kernel is asked for its connections once there is one to look for.
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
      // OpenSSH 9.8 and later serve a session from sshd-session.
      guard let name = try? ProcFile.bytes("/proc/\(ancestor)/comm"),
        ["sshd\n", "sshd-session\n", "dropbear\n"].contains(where: { name.elementsEqual($0.utf8) })
      else { continue }
      // The session's own connection was there before any that it forwards: it has the lowest descriptor.
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

  /// A process and its ancestors up to pid 1, nearest first, as far as `/proc` shows them.
  static func ancestors(of process: Int32) -> [Int32] {
    var line: [Int32] = []
    var next: Int32? = process
    while let current = next, current > 0, !line.contains(current) {
      line.append(current)
      next = (try? ProcFile.text("/proc/\(current)/stat")).flatMap { parent(stat: $0) }
    }
    return line
  }

  /// The parent in `PID (NAME) STATE PARENT …` of `/proc/PID/stat`; the name may hold spaces and parentheses.
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
