// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import HostAnalysis
internal import LinuxHost
package import Netlink
package import NetworkModel
package import PolicyAnalysis

/// The SSH session in which this process runs.
package enum OwnSession {
  /// Whether a ruleset would let in a new connection like the session's.
  package enum LockOutVerdict {
    /// It would, or there is no session that a rule could cut: a console, or one on loopback.
    case passed
    /// It cannot be told: why.
    case unknown(PrintableText)
    /// It would not.
    case lockedOut(PolicyRejection)
  }

  /// Looks for the session and its way here, and walks a new connection through a machine's ruleset.
  package static func verdict(of view: SiteView) -> LockOutVerdict {
    let way: (session: RemoteSession, interface: InterfaceName?)?
    do throws(HostReadError) { way = try find() } catch {
      return .unknown("whether you would be locked out is not known: \(error)")
    }
    guard let way else { return .passed }
    guard let interface = way.interface, interface != .loopback else {
      return .unknown(
        "your session comes from \(way.session.client), to which there is no route here: whether it would be let in again is not known"
      )
    }
    let lockOut = LockOut(session: way.session, interface: interface, through: view)
    return lockOut.isLockedOut ? .lockedOut(.lockedOut(explanation: lockOut.explanation(view))) : .passed
  }

  /// The session, as a confirmation names it; nil on a console.
  package static func confirmation() throws(HostReadError) -> String? {
    let found = try RemoteSessionFinder.find(environment: variable)
    guard let found, found.isEstablished else { return nil }
    return SessionFlow.text(found.session)
  }

  /// The far end of the session; nil on a console, and where it is not known.
  package static var client: IPAddress? {
    (try? RemoteSessionFinder.find(environment: variable))?.session.client
  }

  /// The session, and the interface by which its packets come; nil for a console, and for a session on loopback, which no
  /// rule cuts.
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
