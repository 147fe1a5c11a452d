// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A condition of a rule, as a person reads it.
public enum Match: Sendable, Hashable {
  /// `iifname "wg0"`, `oifname != "br-*"`
  case interface(InterfaceSide, Comparison, InterfacePattern)
  /// `iiftype none`, `oiftype != none`: the link type of the interface, in the host's order (`ARPHRD_…` of
  /// `linux/if_arp.h`).
  case interfaceType(InterfaceSide, Comparison, LinkType)
  /// `iifname @tunnels`
  case interfaceSet(InterfaceSide, Comparison, set: String)
  /// `meta nfproto ipv6`
  case family(AddressFamily)
  /// `ip saddr 10.13.13.0/24`
  case address(AddressSide, Comparison, Prefix)
  /// `ip6 daddr @protected`, or with a mask length `ip saddr & 255.255.255.0 @list`
  case addressSet(AddressFamily, AddressSide, set: String, maskLength: Int?)
  /// `meta l4proto tcp`
  case transport(Comparison, IPProtocol)
  /// `udp dport 51820`, `tcp sport 1-100`: the protocol must be one that has ports.
  case port(IPProtocol, PortSide, PortRange)
  /// `meta l4proto . th dport @open`
  case portSet(Comparison, set: String)
  /// `ip saddr . meta l4proto . th dport @opened-internet-v4`
  case sourceAndPortSet(AddressFamily, set: String)
  /// `icmp type 8`, `icmpv6 type 133-136`
  case icmpType(AddressFamily, ClosedRange<UInt8>)
  /// `ip6 hoplimit 255`
  case hopLimit(UInt8)
  /// `tcp flags & (fin | syn) == syn`
  case tcpFlags(mask: TCPFlags, Comparison, TCPFlags)
  /// `ct direction reply`
  case ctDirection(ConnectionDirection)
  /// `ct state established,related`: any of them.
  case ctState(ConnectionStates)
  /// `ct status dnat`: any of them.
  case ctStatus(ConnectionStatus)
  /// `ct status & dnat == 0`: none of them. Of `confirmed`: no packet of the connection got through yet.
  case ctStatusNone(ConnectionStatus)
  /// `fib daddr type != unicast`
  case destinationType(Comparison, AddressType)
  /// `fib daddr type @local-types`
  case destinationTypeSet(Comparison, set: String)
  /// `ct original proto-dst 80`: the destination port before any translation; the protocol must be one that has ports.
  case originalPort(IPProtocol, PortRange)
  /// `meta mark & 0x40000000 == 0x40000000`: whether the packet has the tag.
  case tagged(Comparison)
  /// `update @limit-ssh-v4 { ip saddr limit rate over 6/minute burst 6 packets }`: the source is above its limit. The last
  /// condition of a rule, since it counts the packet.
  case aboveLimit(AddressFamily, set: String, ConnectionLimit)
  /// `limit rate 100/second burst 100 packets`: below this rate of packets of all sources together. The last condition
  /// of a rule, since it counts the packet.
  case belowRate(PacketRate)
  /// `ip hdrlength 7-15`: options of more than four bytes, as all source routes are (RFC 791 section 3.1).
  case longIPv4Options
  /// `meta pkttype != host`: the destination of the frame that carried the packet.
  case packetType(Comparison, PacketType)
  /// `exthdr rt exists`: the sender wrote the route into the packet (RFC 8200 section 4.4).
  case routingHeader
}

/// Whether a value must be equal or must differ.
public enum Comparison: Sendable, Hashable {
  case equal
  case notEqual
}

/// The interface through which a packet comes in or goes out.
public enum InterfaceSide: Sendable, Hashable {
  case input
  case output
}

/// A route that the sender of a packet wrote into it.
public enum SourceRoute: UInt8, Sendable, Hashable, CaseIterable {
  /// IPv4 option "loose source and record route" (RFC 791 section 3.1).
  case loose = 131
  /// IPv4 option "strict source and record route" (RFC 791 section 3.1).
  case strict = 137
  /// IPv6 routing header (RFC 8200 section 4.4).
  case routingHeader = 43

  /// The family of packets that can have it.
  public var family: AddressFamily { self == .routingHeader ? .ipv6 : .ipv4 }
}

/// The destination of the frame that carried a packet: `PACKET_…` of `linux/if_packet.h`. The kernel discards frames for other
/// hosts before any hook.
public enum PacketType: UInt8, Sendable, Hashable, CaseIterable {
  /// `PACKET_HOST`: this host. Of packets of interfaces without link layer, and of those that are forwarded or sent, too.
  case host = 0
  /// `PACKET_BROADCAST`
  case broadcast = 1
  /// `PACKET_MULTICAST`
  case multicast = 2
}

/// A packet's source or destination address.
public enum AddressSide: Sendable, Hashable {
  case source
  case destination
}

/// A packet's source or destination port.
public enum PortSide: Sendable, Hashable {
  case source
  case destination
}

/// A rate of packets: this many per second, and as many at once after an idle time.
public struct PacketRate: Sendable, Hashable {
  /// Packets per second (`NFTA_LIMIT_RATE`), and the burst (`NFTA_LIMIT_BURST`).
  public let perSecond: UInt32

  /// A rate.
  public init(perSecond: UInt32) { self.perSecond = perSecond }
}
