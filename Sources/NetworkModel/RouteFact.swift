// SPDX-License-Identifier: GPL-3.0-or-later

/// A route lookup: which interface does a packet of this host leave by?
public struct RouteAsk: Sendable, Hashable {
  /// Where the packet goes.
  public let destination: IPAddress
  /// Its mark, which policy routing can match; 0 for none.
  public let mark: UInt32

  /// A question of these parts.
  public init(_ destination: IPAddress, mark: UInt32 = 0) {
    self.destination = destination
    self.mark = mark
  }
}

/// The kernel's answer to a route lookup. Source: `RTM_GETROUTE`, `RTA_OIF`, `RTAX_MTU` of
/// `linux/rtnetlink.h`.
public enum RouteFact: Sendable, Hashable {
  /// It leaves by this interface. `mtu` is the MTU of the path in bytes, if the route or path MTU discovery
  /// gives a smaller one than the interface.
  case leaves(InterfaceName, mtu: UInt32?)
  /// It is for this host.
  case local
  /// There is no route, or one that rejects the packet.
  case nowhere
  /// The kernel was not queried, or did not answer: why.
  case unknown(String)
}
