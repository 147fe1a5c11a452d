// SPDX-License-Identifier: GPL-3.0-or-later

/// An address of an interface, with the prefix length of its network.
/// Source: `struct ifaddrmsg` and `IFA_LOCAL`, `IFA_ADDRESS` of `linux/if_addr.h`.
public struct InterfaceAddress: Sendable, Hashable, Comparable {
  /// The interface's own address, not the address of the far end.
  public let address: IPAddress
  /// The prefix length of the network: 0...32 or 0...128.
  public let prefixLength: Int

  /// An address with its prefix length; nil if the length exceeds the family's width.
  public init?(_ address: IPAddress, prefixLength: Int) {
    guard (0...address.family.bitWidth).contains(prefixLength) else { return nil }
    self.address = address
    self.prefixLength = prefixLength
  }

  /// The network that the address is in.
  public var network: Prefix { Prefix(containing: address, length: prefixLength) }

  /// By address, then the wider network first.
  public static func < (left: Self, right: Self) -> Bool {
    left.address == right.address ? left.prefixLength < right.prefixLength : left.address < right.address
  }
}

extension InterfaceAddress: CustomStringConvertible {
  /// `192.0.2.1/24`.
  public var description: String { "\(address)/\(prefixLength)" }
}

/// A network interface of the host, as the kernel describes it.
/// Source: `struct ifinfomsg` and `IFLA_*` of `linux/rtnetlink.h` and `linux/if_link.h`.
public struct NetworkInterface: Sendable, Hashable {
  /// Its name at the time of reading.
  public let name: InterfaceName
  /// Its number in the kernel; it does not change with the name.
  public let index: UInt32
  /// Its addresses, ordered.
  public let addresses: [InterfaceAddress]
  /// Whether it is administratively up (`IFF_UP`); the link itself may still be down.
  public let state: State
  /// Its kind: `wireguard`, `tun`, `bridge`, `veth`, … (`IFLA_INFO_KIND`). Nil for hardware and loopback. The
  /// kind of a userspace WireGuard is `tun`, so this is information, not proof.
  public let kind: String?
  /// The type of its link (`ifi_type`, `ARPHRD_…` of `linux/if_arp.h`): 1 for Ethernet, 65534 for links
  /// without a link layer, such as WireGuard and TUN devices.
  public let linkType: UInt16
  /// Whether packets sent over it come back to this host (`IFF_LOOPBACK`).
  public let isLoopback: Bool
  /// Its MTU, in bytes (`IFLA_MTU`).
  public let mtu: UInt32
  /// The index of the bridge, bond or VRF that it belongs to (`IFLA_MASTER`).
  public let master: UInt32?
  /// Its group (`IFLA_GROUP`); 0 is the default group.
  public let group: UInt32

  /// Whether an interface is administratively up.
  public enum State: String, Sendable, Hashable {
    case up
    case down
  }

  /// An interface from its parts; the addresses are put in order.
  public init(
    name: InterfaceName, index: UInt32, addresses: [InterfaceAddress], state: State, kind: String? = nil,
    linkType: UInt16 = 1, isLoopback: Bool = false, mtu: UInt32 = 1500, master: UInt32? = nil,
    group: UInt32 = 0
  ) {
    self.name = name
    self.index = index
    self.addresses = addresses.sorted()
    self.state = state
    self.kind = kind
    self.linkType = linkType
    self.isLoopback = isLoopback
    self.mtu = mtu
    self.master = master
    self.group = group
  }

  /// Whether it has this address.
  public func owns(_ address: IPAddress) -> Bool { addresses.contains { $0.address == address } }
}
