// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import LinuxHost
internal import Netlink
package import NetworkModel
internal import PolicyCompiler

/// The connections to this host.
package protocol SessionTable: Sendable {
  /// All connections, in the form of `SessionFlow`.
  func all() throws(Refusal) -> [String]
  /// Whether a connection is tracked, with packets in both directions.
  func isLive(_ session: String) throws(Refusal) -> Bool
}

/// The kernel's connection tracking.
package struct KernelSessions: SessionTable {
  package init() {}

  package func all() throws(Refusal) -> [String] { try SessionFlow.all() }
  package func isLive(_ session: String) throws(Refusal) -> Bool { try SessionFlow.isLive(session) }
}

/// A TCP connection to this host as its two ends, in the form in which it is stored: `CLIENT,PORT>SERVER,PORT`,
/// with the server's own address and port, after any address translation.
package enum SessionFlow {
  /// The most connections that are stored. If there are more, an apply on trial is refused.
  static let limit = 65_536

  package static func text(_ session: RemoteSession) -> String {
    "\(session.client),\(session.clientPort)>\(session.server),\(session.serverPort)"
  }

  /// All connections that the kernel tracks now.
  static func all() throws(Refusal) -> [String] {
    var found: [String] = []
    do throws(HostReadError) {
      _ = try Conntrack.list { flow in
        guard flow.transport == .tcp, found.count <= limit else { return }
        let reply = flow.reply
        found.append("\(reply.destination),\(reply.destinationPort)>\(reply.source),\(reply.sourcePort)")
      }
    } catch {
      throw Refusal(
        "the current connections cannot be read (\(error)), so a new one could not be recognised")
    }
    guard found.count <= limit else {
      throw Refusal("there are more than \(limit) connections, so a new one could not be recognised")
    }
    return found.sorted()
  }

  /// Whether the kernel tracks this connection, with packets in both directions.
  static func isLive(_ text: String) throws(Refusal) -> Bool {
    let ends = text.split(separator: ">").map { $0.split(separator: ",") }
    guard ends.count == 2, ends.allSatisfy({ $0.count == 2 }), let client = IPAddress(String(ends[0][0])),
      let clientPort = UInt16(ends[0][1]), let server = IPAddress(String(ends[1][0])),
      let serverPort = UInt16(ends[1][1])
    else { return false }
    do throws(HostReadError) {
      let reply = FlowTuple(
        source: server, destination: client, sourcePort: serverPort, destinationPort: clientPort)
      return try Conntrack.flow(reply: reply, transport: .tcp).map { $0.isAlive } ?? false
    } catch {
      throw Refusal("it is not known whether this connection is new: \(error)")
    }
  }
}
