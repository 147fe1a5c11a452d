// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A packet that a ruleset dropped or rejected, as reported by its log.
public struct DroppedPacket: Sendable, Hashable {
  /// The prefix of the log's rule, `DropLog.prefix`: it identifies the chain that dropped the packet.
  public let prefix: String
  /// When the kernel saw it, in microseconds since 1970-01-01T00:00:00Z.
  public let time: Int64
  /// The hook: `NFT.hookPrerouting`…
  public let hook: UInt32
  /// The input interface; nil if this host made the packet, or if the interface no longer exists.
  public let input: InterfaceName?
  /// The output interface; nil if it was not decided yet, or if the interface no longer exists.
  public let output: InterfaceName?
  /// Its headers; nil if the packet is not IP, or if too little of it was captured.
  public let headers: CapturedHeaders?

  /// Creates a value from its parts.
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
