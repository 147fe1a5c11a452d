// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// A packet with all that a ruleset may ask of it: what its headers say, and what the host knows of it.
public struct Packet: Sendable, Hashable {
  /// Its source address.
  public var source: IPAddress
  /// Its destination address.
  public var destination: IPAddress
  /// Its transport protocol.
  public var transport: IPProtocol
  /// Ports in host order; 0 where the protocol has none.
  public var sourcePort: UInt16
  /// The port it goes to, in host order; 0 where the protocol has none.
  public var destinationPort: UInt16
  /// Flags of the TCP header; empty for other protocols.
  public var tcpFlags: TCPFlags
  /// ICMP or ICMPv6 type.
  public var icmpType: UInt8
  /// ICMP or ICMPv6 code.
  public var icmpCode: UInt8 = 0
  /// TTL or hop limit.
  public var hopLimit: UInt8
  /// The interface by which it came; nil where this host made it.
  public var input: InterfaceName?
  /// The interface by which it leaves; nil where it is for this host, or where it is not routed yet.
  public var output: InterfaceName?
  /// The link type of the interface by which it came; nil where it is not stated.
  public var inputType: LinkType?
  /// The link type of the interface by which it leaves; nil where it is not stated.
  public var outputType: LinkType?
  /// Conntrack's state of it.
  public var state: ConnectionStates
  /// Which side of its connection sent it.
  public var direction: ConnectionDirection
  /// What conntrack knows of its connection.
  public var status: ConnectionStatus
  /// What the routing table says of the destination (`fib daddr type`).
  public var destinationType: AddressType
  /// Its mark (`skb->mark`): 0 but where a rule or its socket set one.
  public var mark: UInt32 = 0
  /// The mark of its connection.
  public var connectionMark: UInt32 = 0
  /// The connection that it belongs to, where it is not the first of one; nil for the first, or where no translation is
  /// known.
  public var flow: Flow?
  /// Bytes from the network header on; nil where not stated.
  public var length: UInt16?
  /// `PACKET_HOST` (0) and its kin of `linux/if_packet.h`; nil where not stated.
  public var packetType: UInt8?
  /// The user whose socket sends it; nil where not stated. Packets that arrive have none.
  public var user: UInt32?

  /// The first packet of a flow: for TCP its SYN, for ICMP an echo request.
  public init(
    source: IPAddress, destination: IPAddress, transport: IPProtocol, sourcePort: UInt16 = 40_000,
    destinationPort: UInt16 = 0, input: InterfaceName?, output: InterfaceName? = nil,
    destinationType: AddressType = .local
  ) {
    self.source = source
    self.destination = destination
    self.transport = transport
    self.sourcePort = transport.hasPorts ? sourcePort : 0
    self.destinationPort = transport.hasPorts ? destinationPort : 0
    tcpFlags = transport == .tcp ? .syn : []
    icmpType = transport == .icmp ? 8 : transport == .icmpv6 ? 128 : 0
    hopLimit = 64
    self.input = input
    self.output = output
    state = .new
    direction = .original
    status = []
    self.destinationType = destinationType
  }

  /// The family of its addresses.
  public var family: AddressFamily { source.family }
}
