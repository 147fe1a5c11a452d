// SPDX-License-Identifier: GPL-3.0-or-later

public import Netlink
public import NetworkModel

extension SharedBridges {
  /// Addresses in the internet. They take the default route, unless a more specific one exists.
  private static let farAway = ["9.9.9.9", "2620:fe::9"].compactMap { IPAddress($0) }

  /// Reads the bridges of this thread's network namespace.
  public static func read() throws(HostReadError) -> SharedBridges { try read(try LinkTable.read()) }

  /// The same with interfaces that were read before.
  static func read(_ links: LinkTable) throws(HostReadError) -> SharedBridges {
    let routes = Routes(links: links)
    var outward: Set<InterfaceName> = []
    for address in farAway {
      if let interface = try routes.interface(towards: address) { outward.insert(interface) }
    }
    return SharedBridges(links.interfaces, outward: outward)
  }
}
