// SPDX-License-Identifier: GPL-3.0-or-later

/// Bridges that do not only serve guests (containers and virtual machines). The zone `containers` must not
/// include them.
public struct SharedBridges: Sendable {
  /// Why a bridge does not only serve guests.
  public enum Reason: Sendable, Hashable {
    /// One of its ports does not belong to a guest.
    case port(InterfaceName)
    /// Packets to the internet leave by it.
    case defaultRoute

    /// The reason as a verb and its object: `has the port eth0`.
    public var words: String {
      switch self {
      case .port(let port): "has the port \(port)"
      case .defaultRoute: "carries the default route"
      }
    }
  }

  /// The bridges, each with the first reason.
  public let reasons: [InterfaceName: Reason]

  /// Kinds of ports that belong to guests (`IFLA_INFO_KIND`): containers use veth and netkit, virtual
  /// machines use tun and macvtap.
  private static let guestKinds: Set<String> = ["veth", "netkit", "tun", "macvtap"]

  /// The bridges among these interfaces; `outward` are those by which packets to the internet leave.
  public init(_ interfaces: [NetworkInterface], outward: Set<InterfaceName>) {
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
