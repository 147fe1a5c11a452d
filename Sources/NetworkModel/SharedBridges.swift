// SPDX-License-Identifier: GPL-3.0-or-later

/// Bridges that do not only have guests: what a zone of containers must not take for its own.
public struct SharedBridges: Sendable {
  /// Why a bridge is not one of guests alone.
  public enum Reason: Sendable, Hashable {
    /// A port of it is not a guest's.
    case port(InterfaceName)
    /// Packets to the rest of the world leave by it.
    case defaultRoute

    /// What there is to say of the bridge, as a verb and its object.
    public var words: String {
      switch self {
      case .port(let port): "has the port \(port)"
      case .defaultRoute: "carries the default route"
      }
    }
  }

  /// The bridges, each with the first reason.
  public let reasons: [InterfaceName: Reason]

  /// Kinds of ports that guests have (`IFLA_INFO_KIND`): containers veth and netkit, virtual machines tun.
  private static let guestKinds: Set<String> = ["veth", "netkit", "tun", "macvtap"]

  /// The bridges among these interfaces; `outward` are those by which packets to the rest of the world leave.
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
