// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A dropped packet in the policy's words: where it came from, why it was dropped, and what would let it in.
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
    case grant(String)
    /// No line of `allow`; the reason.
    case none(String)
  }

  /// When the kernel saw the packet, in microseconds since 1970-01-01T00:00:00Z.
  public let time: Int64
  /// The zone from which the packet came; for a packet of this machine, the zone to which it was sent.
  public let zone: String
  /// The interface on which the packet came or was sent; nil if unknown.
  public let interface: InterfaceName?
  /// The source; nil if the headers could not be read.
  public let source: IPAddress?
  /// The destination; nil if the headers could not be read.
  public let destination: IPAddress?
  /// The transport protocol; nil if the headers could not be read.
  public let transport: IPProtocol?
  /// The destination port, in host byte order; nil if the protocol has no ports.
  public let port: UInt16?
  /// The sender.
  public let sender: Sender
  /// The names of the requested service in the policy, else in the catalogue; `PORT/tcp` and the like if it
  /// has no name.
  public let services: [String]
  /// The counter of the rule that dropped the packet.
  public let counter: String
  /// Why it was dropped, in one clause.
  public let reason: String
  /// The line of the policy that caused the rule, `policies/site.yaml:12`; `built in:` if there is none.
  public let place: String
  /// What would let the packet in.
  public let remedy: Remedy
}
