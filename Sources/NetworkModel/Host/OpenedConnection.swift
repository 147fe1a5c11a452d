// SPDX-License-Identifier: GPL-3.0-or-later

/// A connected TCP or UDP socket of a network namespace whose connection a program there opened.
public struct OpenedConnection: Sendable, Hashable {
  /// `tcp` or `udp`.
  public let transport: IPProtocol
  /// The packets that it sends, before any translation.
  public let sent: FlowTuple
  /// The only interface by which it sends (`SO_BINDTODEVICE`).
  public let boundInterface: InterfaceName?
  /// The process that owns it; nil if that could not be read.
  public let process: ProcessIdentity?

  /// A connection from its parts.
  public init(
    _ transport: IPProtocol, sending sent: FlowTuple, boundInterface: InterfaceName? = nil,
    process: ProcessIdentity? = nil
  ) {
    self.transport = transport
    self.sent = sent
    self.boundInterface = boundInterface
    self.process = process
  }
}

extension OpenedConnection: Comparable {
  /// By protocol and packets.
  public static func < (left: Self, right: Self) -> Bool {
    (left.transport, left.sent) < (right.transport, right.sent)
  }
}
