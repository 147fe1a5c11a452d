// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// A packet with everything that a rule may match: its headers, and what the host knows about it.
public struct Packet: Sendable, Hashable {
  /// Its source address.
  public var source: IPAddress
  /// Its destination address.
  public var destination: IPAddress
  /// Its transport protocol.
  public var transport: IPProtocol
  /// Source port in host order; 0 if the protocol has no ports.
  public var sourcePort: UInt16
  /// Destination port in host order; 0 if the protocol has no ports.
  public var destinationPort: UInt16
  /// Flags of the TCP header; empty for other protocols.
  public var tcpFlags: TCPFlags
  /// ICMP or ICMPv6 type.
  public var icmpType: UInt8
  /// ICMP or ICMPv6 code.
  public var icmpCode: UInt8 = 0
  /// TTL or hop limit.
  public var hopLimit: UInt8
  /// The input interface; nil if this host made the packet.
  public var input: InterfaceName?
  /// The output interface; nil if the packet is for this host, or if it is not routed yet.
  public var output: InterfaceName?
  /// The link type of the input interface; nil if not stated.
  public var inputType: LinkType?
  /// The link type of the output interface; nil if not stated.
  public var outputType: LinkType?
  /// Its state in connection tracking.
  public var state: ConnectionStates
  /// The direction of its connection in which it is sent.
  public var direction: ConnectionDirection
  /// The status of its connection in connection tracking.
  public var status: ConnectionStatus
  /// The type of the destination in the routing table (`fib daddr type`).
  public var destinationType: AddressType
  /// Its mark (`skb->mark`): 0 unless a rule or its socket set one.
  public var mark: UInt32 = 0
  /// The mark of its connection.
  public var connectionMark: UInt32 = 0
  /// The connection of a later packet; nil for the first packet of a connection, or if no translation is
  /// known.
  public var flow: Flow?
  /// Bytes from the network header on; nil if not stated.
  public var length: UInt16?
  /// `PACKET_HOST` (0) or another `PACKET_…` of `linux/if_packet.h`; nil if not stated: see `likelyPacketType`.
  public var packetType: UInt8?
  /// The type of the frame as its sender's kernel would make it: what is sent to one address is sent to one host. Nil if it
  /// is not stated and the packet is for many: interfaces without link layer give such packets the type `PACKET_HOST`.
  package var likelyPacketType: UInt8? {
    if let packetType { return packetType }
    return destinationType == .broadcast || destinationType == .multicast ? nil : 0
  }
  /// The user who owns the sending socket; nil if not stated. Packets that arrive have none.
  public var user: UInt32?
  /// The group of the sending socket; nil if not stated.
  public var group: UInt32?
  /// The class of the sending process's control group (`net_cls`); nil if not stated.
  public var controlGroup: UInt32?
  /// The type of service of IPv4, the traffic class of IPv6: DSCP and ECN; nil if not stated.
  public var trafficClass: UInt8?
  /// When it comes or is sent, in seconds since 1970-01-01 UTC; nil if not stated.
  public var time: Int64?

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
