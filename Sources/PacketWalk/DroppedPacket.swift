// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A packet that a ruleset stopped, as its log tells of it.
public struct DroppedPacket: Sendable, Hashable {
  /// The prefix of the log's rule: `DropLog.prefix`, by which the chain is known that dropped it.
  public let prefix: String
  /// When the kernel saw it, in microseconds since 1970-01-01T00:00:00Z.
  public let time: Int64
  /// Where: `NFT.hookPrerouting`…
  public let hook: UInt32
  /// The interface by which it came; nil where this host made it, or where the interface is gone.
  public let input: InterfaceName?
  /// The interface by which it was to leave; nil where that was not decided yet, or where the interface is gone.
  public let output: InterfaceName?
  /// What it says of itself; nil where it is not IP, or too little of it was kept.
  public let headers: CapturedHeaders?

  /// A value of these parts.
  public init(
    prefix: String, time: Int64, hook: UInt32, input: InterfaceName?, output: InterfaceName?,
    headers: CapturedHeaders?
  ) {
    self.prefix = prefix
    self.time = time
    self.hook = hook
    self.input = input
    self.output = output
    self.headers = headers
  }
}
