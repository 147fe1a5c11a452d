// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import PolicyAnalysis

/// Whether a ruleset would lock out the person who applies it.
public struct LockOut: Sendable {
  /// The caller's session.
  public let session: RemoteSession
  /// The interface by which the session's packets come.
  public let interface: InterfaceName
  /// What a new connection like the session's own meets.
  public let trace: Trace

  /// Walks the first packet of a connection like the session's through the ruleset that is to be applied.
  public init(session: RemoteSession, interface: InterfaceName, through view: SiteView) {
    self.session = session
    self.interface = interface
    trace = view.arrival(
      Packet(
        source: session.client, destination: session.server, transport: .tcp,
        destinationPort: session.serverPort,
        input: interface))
  }

  /// Whether a new connection would not be let in.
  public var isLockedOut: Bool { trace.verdict != .accept }

  /// What would happen, for the person whom it concerns.
  public func explanation(_ view: SiteView) -> String {
    "your own session comes from \(session.client) over \(interface) to port \(session.serverPort)/tcp, and the new "
      + "ruleset would not let a new one in (\(view.because(trace)) \(view.reason(trace)))"
  }
}
