// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import PolicyAnalysis

/// Checks whether a ruleset would lock out the person who applies it.
public struct LockOut: Sendable {
  /// The caller's session.
  public let session: RemoteSession
  /// The interface on which the session's packets arrive.
  public let interface: InterfaceName
  /// The walk of a new connection like the session's own.
  public let trace: Trace

  /// Walks the first packet of a connection like the session's through the ruleset that will be applied.
  public init(session: RemoteSession, interface: InterfaceName, through view: SiteView) {
    self.session = session
    self.interface = interface
    trace = view.arrival(
      Packet(
        source: session.client, destination: session.server, transport: .tcp,
        destinationPort: session.serverPort,
        input: interface))
  }

  /// Whether a new connection would be refused.
  public var isLockedOut: Bool { trace.verdict != .accept }

  /// The message for the person who applies the ruleset.
  public func explanation(_ view: SiteView) -> String {
    "your own session comes from \(session.client) over \(interface) to port \(session.serverPort)/tcp, and "
      + "the new ruleset would refuse a new connection like it (\(view.because(trace)) \(view.reason(trace)))"
  }
}
