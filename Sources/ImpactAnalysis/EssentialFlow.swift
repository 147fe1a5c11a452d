// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PacketWalk
internal import Ruleset

/// Something that must keep working on a host, as packets.
public struct EssentialFlow: Sendable {
  /// What it is for.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// An administrator's SSH session, and a new one like it.
    case session
    /// The outer packets of a tunnel.
    case tunnel
    /// The way to the internet.
    case internet
    /// A name server.
    case dns
    /// A time server.
    case time
    /// The renewal of an address.
    case dhcp
    /// The containers and virtual machines on a bridge.
    case guests
    /// The metadata service of a cloud provider.
    case metadata
    /// A routing or redundancy protocol that uses multicast.
    case multicast
  }

  /// What it is for.
  public let kind: Kind
  /// What exactly: the tunnel's interface, the server's address, the bridge.
  public let subject: String
  /// What happens if it stops, as a clause without a full stop.
  public let loss: String
  /// The packets, each with its reply.
  public let exchanges: [Exchange]

  /// The name by which a user accepts that it stops: `tunnel:wg0`.
  public var name: String { "\(kind.rawValue):\(subject)" }

  /// A packet that opens a connection, and whether it needs a reply.
  public struct Exchange: Sendable, Hashable {
    /// The packet that opens it. Without an input interface, this host sends it.
    public let packet: Packet
    /// What must come back.
    public let answer: Answer
    /// How this host handles both.
    public var path = Path.routed
    /// The packet in words: `to 203.0.113.10:51820/udp`. No other exchange of the flow has the same words.
    public let words: String
  }

  /// How this host handles packets.
  public enum Path: Sendable, Hashable {
    /// It sends them, delivers them, or routes them.
    case routed
    /// A bridge forwards them and shows them to the rules.
    case bridged
  }

  /// What must come back.
  public enum Answer: Sendable, Hashable {
    /// A reply, from where the packet went.
    case reply
    /// Nothing.
    case none
  }
}

extension Trace {
  /// The reply to the packet that this is the walk of, as it is when it enters the hooks of this host: with the
  /// translations of its connection, and on the interface by which the packet left. Without an input interface this
  /// host sends it. Nil if the walk says nothing of the packet.
  var reply: Packet? {
    guard let last = packet else { return nil }
    let flow = last.flow ?? Flow(last.tuple)
    var reply = Packet(
      source: flow.reply.source, destination: flow.reply.destination, transport: last.transport,
      sourcePort: flow.reply.sourcePort, destinationPort: flow.reply.destinationPort, input: last.output,
      destinationType: last.output == nil ? .unicast : .local)
    if last.transport == .tcp { reply.tcpFlags = [.syn, .ack] }
    if last.transport == .icmp { reply.icmpType = 0 }
    if last.transport == .icmpv6 { reply.icmpType = 129 }
    // Conntrack knows nothing of a connection whose first packet it did not see. A SYN with ACK does not open one.
    if last.state.contains(.untracked) {
      reply.state = last.transport == .tcp ? .invalid : .new
      return reply
    }
    reply.flow = flow
    reply.state = .established
    reply.direction = .reply
    reply.status = flow.status.union([.confirmed, .seenReply])
    reply.connectionMark = last.connectionMark
    return reply
  }
}

extension Packet {
  fileprivate var tuple: FlowTuple {
    FlowTuple(
      source: source, destination: destination, sourcePort: sourcePort, destinationPort: destinationPort)
  }
}
