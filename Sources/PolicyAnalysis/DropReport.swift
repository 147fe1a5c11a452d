// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A dropped packet in the policy's words: where it came from, why it was stopped, and what would let it in.
public struct DropReport: Sendable, Hashable {
  /// How a packet's sender is known.
  public enum Sender: Sendable, Hashable {
    /// A machine of the policy, by its address in the tunnel by which it came.
    case machine(String)
    /// A machine of the policy, by the public address that the policy has for it: anybody may write it into a packet.
    case endpoint(String)
    /// By its address alone.
    case address
  }

  /// What would let such a packet in.
  public enum Remedy: Sendable, Hashable {
    /// This line under `allow`: tried, by compiling the policy with it and walking the packet through.
    case grant(String)
    /// Nothing in `allow`: why.
    case none(String)
  }

  /// When the kernel saw it, in microseconds since 1970-01-01T00:00:00Z.
  public let time: Int64
  /// The zone by which it came; of this machine's own packets, by which it was to leave.
  public let zone: String
  /// The interface, likewise; nil where it is not known.
  public let interface: InterfaceName?
  /// Its source; nil where its headers could not be read.
  public let source: IPAddress?
  /// Its destination; nil likewise.
  public let destination: IPAddress?
  /// Its transport protocol; nil likewise.
  public let transport: IPProtocol?
  /// The port it goes to, in host order; nil where it has none.
  public let port: UInt16?
  /// Who sent it.
  public let sender: Sender
  /// The names that the policy, or else the catalogue, has for what it asks for; `PORT/tcp` and the like where it has none.
  public let services: [String]
  /// The counter that it was dropped with.
  public let counter: String
  /// Why, in one clause.
  public let reason: String
  /// `policies/site.yaml:12`, or `built in:` where no line is behind it.
  public let place: String
  /// What would let it in.
  public let remedy: Remedy
}
