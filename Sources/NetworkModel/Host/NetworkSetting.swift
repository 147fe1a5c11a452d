// SPDX-License-Identifier: GPL-3.0-or-later

/// A kernel setting of a network namespace, below `/proc/sys/net`.
/// Source: Documentation/networking/ip-sysctl.rst of the kernel.
public enum NetworkSetting: Sendable, Hashable {
  /// Whether packets are forwarded between interfaces.
  case forwarding(AddressFamily)
  /// How a packet's source is checked against the route back to it (IPv4): 0 not at all, 1 strictly, 2
  /// loosely. For one interface, or for all (nil); the kernel uses the larger of the two values.
  case reversePathFilter(InterfaceName?)
  /// Whether the mark of a packet is used when the route back to its source is looked up (IPv4).
  case sourceValidMark
  /// Whether a socket may be bound to an address that this host does not have.
  case nonLocalBind(AddressFamily)

  /// Whether ARP requests are answered for addresses of interfaces other than the receiving one (IPv4): 0
  /// yes, 1 and above no. For all interfaces.
  case arpIgnore

  /// Its path below `/proc/sys/net`.
  public var path: String {
    switch self {
    case .forwarding(.ipv4): "ipv4/ip_forward"
    case .forwarding(.ipv6): "ipv6/conf/all/forwarding"
    case .reversePathFilter(let interface): "ipv4/conf/\(interface?.description ?? "all")/rp_filter"
    case .sourceValidMark: "ipv4/conf/all/src_valid_mark"
    case .arpIgnore: "ipv4/conf/all/arp_ignore"
    case .nonLocalBind(.ipv4): "ipv4/ip_nonlocal_bind"
    case .nonLocalBind(.ipv6): "ipv6/ip_nonlocal_bind"
    }
  }

  /// Its name for sysctl(8): a dot in an interface's name is written as a slash there.
  public var name: String {
    let parts = path.split(separator: "/").map { part in
      String(part.map { $0 == "." ? "/" : $0 })
    }
    return "net." + parts.joined(separator: ".")
  }
}
