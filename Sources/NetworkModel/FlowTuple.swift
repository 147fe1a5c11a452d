// SPDX-License-Identifier: GPL-3.0-or-later

/// One direction of a connection as conntrack stores it: sender and receiver. Ports are in host byte order, 0
/// if the protocol has none. Source: `struct nf_conntrack_tuple` of the kernel.
public struct FlowTuple: Sendable, Hashable {
  /// The sender's address.
  public var source: IPAddress
  /// The receiver's address.
  public var destination: IPAddress
  /// The sender's port.
  public var sourcePort: UInt16
  /// The receiver's port.
  public var destinationPort: UInt16

  /// A tuple of these parts.
  public init(source: IPAddress, destination: IPAddress, sourcePort: UInt16 = 0, destinationPort: UInt16 = 0)
  {
    self.source = source
    self.destination = destination
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }

  /// The tuple with source and destination swapped.
  public var inverted: FlowTuple {
    FlowTuple(
      source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort)
  }
}

extension FlowTuple: Comparable {
  /// By source, destination and ports.
  public static func < (left: Self, right: Self) -> Bool {
    if left.source != right.source { return left.source < right.source }
    if left.destination != right.destination { return left.destination < right.destination }
    return (left.sourcePort, left.destinationPort) < (right.sourcePort, right.destinationPort)
  }
}
