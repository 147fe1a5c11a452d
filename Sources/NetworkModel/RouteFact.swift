// SPDX-License-Identifier: GPL-3.0-or-later

/// A way that is asked of the kernel: where a packet of this host leaves.
public struct RouteAsk: Sendable, Hashable {
  /// Where the packet goes.
  public let destination: IPAddress
  /// Its mark, at which policy routing may look; 0 for none.
  public let mark: UInt32

  /// A question of these parts.
  public init(_ destination: IPAddress, mark: UInt32 = 0) {
    self.destination = destination
    self.mark = mark
  }
}

/// What the kernel answers. Source: `RTM_GETROUTE`, `RTA_OIF`, `RTAX_MTU` of `linux/rtnetlink.h`.
public enum RouteFact: Sendable, Hashable {
  /// It leaves by this interface. `mtu` is the largest packet on this way in bytes, where the route or what was learnt
  /// of the path says less than the interface.
  case leaves(InterfaceName, mtu: UInt32?)
  /// It is for this host.
  case local
  /// There is no way, or one that refuses.
  case nowhere
  /// The kernel was not asked, or did not answer: why.
  case unknown(String)
}
