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

  /// A packet that opens a connection, and its reply.
  public struct Exchange: Sendable {
    /// The packet that opens it. Without an input interface, this host sends it.
    public let packet: Packet
    /// The reply; nil if none is needed. Without an input interface, this host sends it.
    public let reply: Packet?
    /// The packet in words: `to 203.0.113.10:51820/udp`.
    public let words: String

    /// A packet that this host sends, and the reply to it on the interface by which it leaves.
    static func own(_ packet: Packet, by output: InterfaceName, _ words: String) -> Exchange {
      Exchange(packet: packet, reply: packet.reply(on: output), words: words)
    }

    /// A packet that arrives, and this host's reply, or the reply that arrives on another interface.
    static func arriving(_ packet: Packet, answeredOn other: InterfaceName? = nil, _ words: String)
      -> Exchange
    {
      Exchange(packet: packet, reply: packet.reply(on: other), words: words)
    }
  }
}

extension Packet {
  /// The reply to the first packet of a connection, as it arrives on an interface; nil: this host sends it.
  func reply(on input: InterfaceName?) -> Packet {
    var reply = Packet(
      source: destination, destination: source, transport: transport, sourcePort: destinationPort,
      destinationPort: sourcePort, input: input, destinationType: input == nil ? .unicast : .local)
    if transport == .tcp { reply.tcpFlags = [.syn, .ack] }
    if transport == .icmp { reply.icmpType = 0 }
    if transport == .icmpv6 { reply.icmpType = 129 }
    reply.state = .established
    reply.direction = .reply
    reply.status = [.confirmed, .seenReply]
    reply.mark = 0
    return reply
  }
}
