// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A question to the host: whether a packet is in a set of ipset.
public struct IPSetQuestion: Sendable, Hashable {
  /// Which address, port or interface of the packet a part of an element is compared with.
  public enum Side: Sendable, Hashable { case source, destination }

  /// The kernel's number of the set.
  public let set: UInt16
  /// The side for each part of an element, in order.
  public let sides: [Side]
  /// The packet.
  public let packet: Packet
  /// The input interface at this point of its way; nil if there is none.
  public let input: InterfaceName?
  /// The output interface at this point of its way; nil if there is none.
  public let output: InterfaceName?
  /// Its mark; nil if it is not known.
  public let mark: UInt32?

  /// Creates a question from its parts.
  public init(
    set: UInt16, sides: [Side], packet: Packet, input: InterfaceName?, output: InterfaceName?, mark: UInt32?
  ) {
    (self.set, self.sides, self.packet) = (set, sides, packet)
    (self.input, self.output, self.mark) = (input, output, mark)
  }
}
