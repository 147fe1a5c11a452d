// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// Bridges that do not only have guests: what a zone of containers must not take for its own.
public struct SharedBridges: Sendable {
  /// Why a bridge is not one of guests alone.
  public enum Reason: Sendable, Hashable {
    /// A port of it is not a guest's.
    case port(InterfaceName)
    /// Packets to the rest of the world leave by it.
    case defaultRoute
  }

  /// The bridges, each with the first reason.
  public let reasons: [InterfaceName: Reason]

  /// Kinds of ports that guests have (`IFLA_INFO_KIND`): containers veth and netkit, virtual machines tun.
  private static let guestKinds: Set<String> = ["veth", "netkit", "tun", "macvtap"]

  /// Addresses far away, to which the default route leads unless some other does.
  private static let farAway = ["9.9.9.9", "2620:fe::9"].compactMap { IPAddress($0) }

  /// The bridges of this thread's network namespace.
  public init() throws(HostReadError) {
    let links = try LinkTable.read()
    let routes = Routes(links: links)
    var outward: Set<InterfaceName> = []
    for address in Self.farAway {
      if let interface = try routes.interface(towards: address) { outward.insert(interface) }
    }
    self.init(links.interfaces, outward: outward)
  }

  /// The bridges among these interfaces; `outward` are those by which packets to the rest of the world leave.
  init(_ interfaces: [NetworkInterface], outward: Set<InterfaceName>) {
    var reasons: [InterfaceName: Reason] = [:]
    for bridge in interfaces where bridge.kind == "bridge" {
      let port = interfaces.first {
        $0.master == bridge.index && !Self.guestKinds.contains($0.kind ?? "hardware")
      }
      if let port {
        reasons[bridge.name] = .port(port.name)
      } else if outward.contains(bridge.name) {
        reasons[bridge.name] = .defaultRoute
      }
    }
    self.reasons = reasons
  }
}
