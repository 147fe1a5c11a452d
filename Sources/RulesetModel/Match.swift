// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A condition of a rule, as a person reads it.
public enum Match: Sendable, Hashable {
  /// `iifname "wg0"`, `oifname != "br-*"`
  case interface(InterfaceSide, Comparison, InterfacePattern)
  /// `iifname @tunnels`
  case interfaceSet(InterfaceSide, Comparison, set: String)
  /// `ip saddr 10.13.13.0/24`
  case address(AddressSide, Comparison, Prefix)
  /// `ip6 daddr @protected`, or with a length `ip saddr & 255.255.255.0 @list`
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
  /// `fib daddr type != unicast`
  case destinationType(Comparison, AddressType)
}

/// Whether a value must be equal or must differ.
public enum Comparison: Sendable, Hashable {
  case equal
  case notEqual
}

/// The interface by which a packet came, or by which it leaves.
public enum InterfaceSide: Sendable, Hashable {
  case input
  case output
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
