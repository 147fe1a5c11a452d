// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// A connection by its two directions, each as its sender sends it. With address translation they are not the
/// inverse of each other: the reply comes from the address that the first packet was translated to.
public struct Flow: Sendable, Hashable {
  /// What the initiator sends, before any translation.
  public var original: FlowTuple
  /// What the responder sends, before any translation.
  public var reply: FlowTuple

  /// A flow of these directions.
  public init(original: FlowTuple, reply: FlowTuple) {
    self.original = original
    self.reply = reply
  }

  /// A flow without translation.
  public init(_ original: FlowTuple) {
    self.init(original: original, reply: original.inverted)
  }

  /// `IPS_SRC_NAT` and `IPS_DST_NAT`, from the differences between the two directions.
  public var status: ConnectionStatus {
    var status: ConnectionStatus = []
    let back = reply.inverted
    if back.destination != original.destination || back.destinationPort != original.destinationPort {
      status.insert(.destinationNAT)
    }
    if back.source != original.source || back.sourcePort != original.sourcePort { status.insert(.sourceNAT) }
    return status
  }
}
