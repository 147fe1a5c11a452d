// SPDX-License-Identifier: GPL-3.0-or-later

/// The connected sockets of one network namespace, and what says which side opened each connection.
public struct NamespaceConnections: Sendable {
  /// The namespace, as seen from the host.
  public enum Place: Sendable, Hashable {
    /// The namespace of the host itself.
    case host
    /// Another one: a container's, for example. Its packets may pass through the host.
    case other
  }

  /// A connected TCP or UDP socket.
  public struct Socket: Sendable, Hashable {
    /// `tcp` or `udp`.
    public let transport: IPProtocol
    /// The packets that it sends, before any translation.
    public let sent: FlowTuple

    /// A socket from its parts.
    public init(_ transport: IPProtocol, sending sent: FlowTuple) {
      self.transport = transport
      self.sent = sent
    }
  }

  /// A port on which the namespace accepts connections.
  public struct ServedPort: Sendable, Hashable {
    let transport: IPProtocol
    let port: UInt16

    /// A port of a protocol, in host byte order.
    public init(_ transport: IPProtocol, _ port: UInt16) {
      self.transport = transport
      self.port = port
    }
  }

  /// Which side opened a connection.
  public enum Opener: Sendable, Hashable {
    case thisSide
    case otherSide
  }

  /// Whose namespace it is.
  public let place: Place
  /// The connected sockets, without those on loopback addresses.
  public let sockets: [Socket]
  /// The ports with a listening TCP socket or an unconnected UDP socket.
  public let served: Set<ServedPort>
  /// The ports that the kernel chooses for outgoing connections (`net.ipv4.ip_local_port_range`).
  public let chosen: ClosedRange<UInt16>

  /// The connections of a namespace from their parts.
  public init(_ place: Place, sockets: [Socket], served: Set<ServedPort>, chosen: ClosedRange<UInt16>) {
    self.place = place
    self.sockets = sockets
    self.served = served
    self.chosen = chosen
  }

  /// Which side opened a connection, and whether that is certain. The kernel does not record it. The side that
  /// listens on its port received the connection. If no side is known to listen (a server may close its listening
  /// socket), the side whose port the kernel would not choose received it; this host if both are alike is the opener.
  public func opener(of socket: Socket) -> (side: Opener, isCertain: Bool) {
    if served.contains(ServedPort(socket.transport, socket.sent.sourcePort)) { return (.otherSide, true) }
    let (own, remote) = (
      chosen.contains(socket.sent.sourcePort), chosen.contains(socket.sent.destinationPort)
    )
    return (!own && remote ? .otherSide : .thisSide, false)
  }
}
