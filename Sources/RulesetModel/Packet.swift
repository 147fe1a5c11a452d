// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

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
  /// TTL or hop limit.
  public var hopLimit: UInt8
  /// The interface by which it came; nil where this host made it.
  public var input: InterfaceName?
  /// The interface by which it leaves; nil where it is for this host, or where it is not routed yet.
  public var output: InterfaceName?
  /// Conntrack's state of it.
  public var state: ConnectionStates
  /// Which side of its connection sent it.
  public var direction: ConnectionDirection
  /// What conntrack knows of its connection.
  public var status: ConnectionStatus
  /// What the routing table says of the destination (`fib daddr type`).
  public var destinationType: AddressType

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

  /// The bytes of its network header: IPv4 of 20 bytes (RFC 791 section 3.1) or IPv6 of 40 (RFC 8200 section 3); nil
  /// where the description leaves a byte open.
  var networkHeader: [UInt8?] {
    switch family {
    case .ipv4:
      [0x45] + Self.open(7) + [hopLimit, transport.number] + Self.open(2) + source.bytes.map(Optional.some)
        + destination.bytes.map(Optional.some)
    case .ipv6:
      Self.open(6) + [transport.number, hopLimit] + source.bytes.map(Optional.some)
        + destination.bytes.map(Optional.some)
    }
  }

  /// The bytes of its transport header; nil where the description leaves a byte open.
  var transportHeader: [UInt8?] {
    switch transport {
    case .tcp: ports + Self.open(9) + [tcpFlags.rawValue] + Self.open(6)
    case .udp: ports + Self.open(4)
    case .sctp: ports + Self.open(8)
    case .icmp, .icmpv6: [icmpType] + Self.open(7)
    default: Self.open(20)
    }
  }

  private static func open(_ count: Int) -> [UInt8?] { Array(repeating: nil, count: count) }

  private var ports: [UInt8?] {
    [sourcePort, destinationPort].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
  }
}
