// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
package import HostAnalysis
internal import LinuxHost
package import Netlink
package import NetworkModel
package import PolicyAnalysis
package import PolicyProof

/// The SSH session in which this process runs.
package enum OwnSession {
  /// Whether a ruleset would let in a new connection like the session's.
  package enum LockOutVerdict {
    /// It would, or no rule can cut the session: it is on a console or on loopback.
    case passed
    /// It is not known, with the reason.
    case unknown(PrintableText)
    /// It would drop it.
    case lockedOut(PolicyRejection)
  }

  /// Finds the session and the interface on which it arrives, and walks a new connection through a machine's ruleset.
  package static func verdict(of view: SiteView) -> LockOutVerdict {
    let found: (session: RemoteSession, interface: InterfaceName?)?
    do throws(HostReadError) { found = try find() } catch {
      return .unknown("it is not known whether you would be locked out: \(error)")
    }
    guard let found else { return .passed }
    guard let interface = found.interface, interface != .loopback else {
      return .unknown(
        "your session comes from \(found.session.client), to which this host has no route: it is not known whether you would be locked out"
      )
    }
    let lockOut = LockOut(session: found.session, interface: interface, through: view)
    return lockOut.isLockedOut ? .lockedOut(.lockedOut(explanation: lockOut.explanation(view))) : .passed
  }

  /// The session in the form that a confirmation uses; nil on a console.
  package static func confirmation() throws(HostReadError) -> String? {
    let found = try RemoteSessionFinder.find(environment: variable)
    guard let found, found.isEstablished else { return nil }
    return SessionFlow.text(found.session)
  }

  /// The session; nil on a console, on loopback, or if it is not known.
  package static var session: RemoteSession? { (try? find())?.session }

  /// The session as a first policy keeps it; nil on a console, or if it is not known.
  package static var ofFirstPolicy: FirstPolicy.Session? {
    guard let found = try? find() else { return nil }
    return FirstPolicy.Session(
      client: found.session.client, port: found.session.serverPort, interface: found.interface)
  }

  /// The session, and the interface on which its packets arrive; nil for a console, and for a session on loopback,
  /// which no rule cuts.
  private static func find() throws(HostReadError) -> (session: RemoteSession, interface: InterfaceName?)? {
    let finding = try RemoteSessionFinder.find(environment: variable)
    guard let session = finding?.session, !session.client.isLoopback else { return nil }
    let routes = try Routes()
    if let scope = session.clientScope { return (session, scope) }
    let towards = try routes.interface(towards: session.client)
    return (session, towards ?? routes.interface(owning: session.server))
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
