// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import Ruleset

/// What dropped packets have in common that are counted together.
public struct DropKey: Sendable, Hashable {
  /// Where the packets were going.
  public enum Direction: String, Sendable, Hashable, CaseIterable {
    /// To this machine.
    case local = "in"
    /// Through this machine, to another host.
    case through = "forward"
    /// From this machine.
    case outgoing = "out"
  }

  /// How much of the packets the key says. Beyond a limit, packets are counted together.
  public enum Scope: String, Sendable, Hashable, CaseIterable {
    /// One source, one destination and one service.
    case flow
    /// One source, several services or destinations: both are nil.
    case source
    /// Several sources: addresses and service are nil.
    case reason
  }

  /// The prefix of the log's rule: the name of the chain that dropped them, `drop/not-granted-wg0`.
  public var prefix: String
  /// The zone from which they came; for packets of this machine, the zone to which they were sent.
  public var zone: String
  /// The line of the policy that dropped them, `policies/site.yaml:12`; `built in` if there is none.
  public var place: String
  /// Where they were going.
  public var direction: Direction
  /// The interface on which they came; nil if unknown, or if this machine sent them.
  public var input: InterfaceName?
  /// The interface on which they would leave; nil if that was not decided.
  public var output: InterfaceName?
  /// Their source; nil if it could not be read.
  public var source: IPAddress?
  /// Their destination; nil if it could not be read.
  public var destination: IPAddress?
  /// Their protocol; nil if it could not be read.
  public var transport: IPProtocol?
  /// Their destination port, in host byte order; nil if the protocol has none.
  public var port: UInt16?
  /// Their ICMP or ICMPv6 type; nil for other protocols.
  public var icmpType: UInt8?
  /// How much the key says.
  public var scope = Scope.flow

  /// A key without a packet: everything about the packet is nil.
  public init(prefix: String, zone: String, place: String, direction: Direction) {
    self.prefix = prefix
    self.zone = zone
    self.place = place
    self.direction = direction
  }

  /// The chain that dropped them, or would have; nil if the prefix is not the name of such a chain.
  var chain: DropChainName? { DropChainName(prefix) }

  /// Whether the packets were only counted, and accepted: the machine observes.
  public var isObserved: Bool { chain?.mode == .observing }

  /// All services and destinations of the source.
  var ofSource: DropKey {
    var key = self
    (key.destination, key.transport, key.port, key.icmpType, key.scope) = (nil, nil, nil, nil, .source)
    return key
  }

  /// All packets of the reason, zone and interfaces.
  var ofReason: DropKey {
    var key = ofSource
    (key.source, key.scope) = (nil, .reason)
    return key
  }
}

/// Dropped packets with the same key: how many, and when.
public struct DropRecord: Sendable, Hashable {
  /// What they have in common.
  public var key: DropKey
  /// When the kernel saw the first, in microseconds since 1970-01-01T00:00:00Z.
  public var first: Int64
  /// When the kernel saw the last.
  public var last: Int64
  /// How many were logged; at least one. The kernel logs a sample: `DropLog.rate`.
  public var count: UInt64

  /// A record of these parts.
  public init(_ key: DropKey, first: Int64, last: Int64, count: UInt64) {
    self.key = key
    self.first = min(first, last)
    self.last = max(first, last)
    self.count = max(1, count)
  }

  /// Adds the packets of another record of the same key.
  mutating func add(_ other: DropRecord) {
    first = min(first, other.first)
    last = max(last, other.last)
    count = count.addingOrMost(other.count)
  }
}

extension UInt64 {
  /// The sum, or the largest number if the sum is larger: counts come from files that are not trusted.
  func addingOrMost(_ other: UInt64) -> UInt64 {
    let (sum, isTooMuch) = addingReportingOverflow(other)
    return isTooMuch ? .max : sum
  }
}
