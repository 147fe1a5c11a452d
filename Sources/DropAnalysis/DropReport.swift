// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PolicyAnalysis

/// Dropped packets in the policy's words: where they came from, why they were dropped, and what would let them in.
public struct DropReport: Sendable, Hashable {
  /// How a packet's sender is identified.
  public enum Sender: Sendable, Hashable {
    /// A machine of the policy, by its address in the tunnel through which the packet came.
    case machine(String)
    /// A machine of the policy, by its public address in the policy. Any sender can forge this address.
    case endpoint(String)
    /// Only its address is known.
    case address
  }

  /// What would let such a packet in.
  public enum Remedy: Sendable, Hashable {
    /// This line under `allow`. It was tried: the policy was compiled with it and the packet was walked.
    case grant(GrantLine)
    /// No line of `allow`; the reason.
    case none(String)
  }

  /// What is known of packets without a policy.
  public init(withoutPolicy record: DropRecord) {
    let key = record.key
    self.record = record
    sender = .address
    services =
      key.transport.map { transport in
        key.port.map { ["\($0)/\(transport)"] }
          ?? (transport.hasPorts ? ["\(transport)"] : ["ip/\(transport.number)"])
      } ?? []
    let words = key.chain?.dropCause.map(DropWords.init)
    counter = key.prefix
    reason = words?.meaning ?? key.prefix
    remedy = .none("no policy was read")
  }

  /// The packets: what they have in common, how many, and when.
  public let record: DropRecord
  /// The sender.
  public let sender: Sender
  /// The names of the requested service in the policy, else in the catalogue; `PORT/tcp` and the like if it
  /// has no name.
  public let services: [String]
  /// The counter of the rule that dropped the packets.
  public let counter: String
  /// Why they were dropped, in one clause.
  public let reason: String
  /// What would let them in.
  public let remedy: Remedy

  /// A report of these parts.
  public init(
    _ record: DropRecord, sender: Sender, services: [String], counter: String, reason: String, remedy: Remedy
  ) {
    self.record = record
    self.sender = sender
    self.services = services
    self.counter = counter
    self.reason = reason
    self.remedy = remedy
  }

  /// What the packets have in common.
  public var key: DropKey { record.key }
  /// The interface on which they came; for packets of this machine, the one on which they were sent.
  public var interface: InterfaceName? {
    key.direction == .outgoing ? key.output ?? key.input : key.input ?? key.output
  }
}
