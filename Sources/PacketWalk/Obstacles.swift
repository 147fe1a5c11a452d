// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// What decides about packets on a host and is not in the rules, by the place on a packet's way at which it acts. It can drop a
/// packet, change or redirect it, so no verdict is known for a packet that passes it.
struct Obstacles: Sendable {
  private var ingress: [InterfaceName: BlindSpot] = [:]
  private var egress: [InterfaceName: BlindSpot] = [:]
  private var hooks: [HookPlace: BlindSpot] = [:]
  private var services: [(VirtualService, BlindSpot)] = []

  private struct HookPlace: Hashable {
    let family: AddressFamily
    let hook: UInt32
  }

  init(_ spots: [BlindSpot]) {
    for spot in spots {
      switch spot {
      case .expressDataPath(let interface, _): ingress[interface] = spot
      case .trafficControl(let interface, .ingress, _): ingress[interface] = ingress[interface] ?? spot
      case .trafficControl(let interface, .egress, _): egress[interface] = egress[interface] ?? spot
      case .interfacePrograms(let interface, let attachment, _):
        switch attachment {
        // The program of a netkit's peer sees what arrives from there.
        case .tcxIngress, .netkitPeer: ingress[interface] = ingress[interface] ?? spot
        case .tcxEgress, .netkitPrimary: egress[interface] = egress[interface] ?? spot
        }
      case .netfilterProgram(let family, let hook, _, _), .hookFunction(_, let family, let hook):
        guard let number = NFT.hookNames.firstIndex(of: hook) else { continue }
        for address in AddressFamily.allCases
        where ["inet", address == .ipv4 ? "ip" : "ip6"].contains(family) {
          let place = HookPlace(family: address, hook: UInt32(number))
          hooks[place] = hooks[place] ?? spot
        }
      case .virtualServices(let found): services += found.map { ($0, spot) }
      // A table of iptables that could not be read is among the tables of the walk; no table of arptables sees an IP packet.
      case .legacyTable: break
      // They do not drop or redirect the packets of this walk: sockets are selected after the rules, a flowtable has
      // connections whose first packets passed the rules, and frames between the ports of a bridge are other packets.
      case .socketLookup, .flowtable, .bridgedThroughRules, .bridgedPastRules, .unseen: break
      }
    }
  }

  var isEmpty: Bool { ingress.isEmpty && egress.isEmpty && hooks.isEmpty && services.isEmpty }

  var dependOnPort: Bool { !services.isEmpty }

  func at(_ hook: FrameHook) -> BlindSpot? {
    switch hook {
    case .ingress(let device): ingress[device]
    case .egress(let device): egress[device]
    case .bridge: nil
    }
  }

  func at(_ hook: UInt32, _ family: AddressFamily) -> BlindSpot? {
    hooks.isEmpty ? nil : hooks[HookPlace(family: family, hook: hook)]
  }

  /// What forwards a packet for this host elsewhere after the rules of the input hook (`ip_vs_remote_request4`, priority
  /// `NF_IP_PRI_NAT_SRC - 2`).
  func service(for packet: Packet) -> BlindSpot? {
    services.first { service, _ in
      switch service {
      case .address(let transport, let address, let port):
        packet.transport == transport && packet.destination == address
          // Port 0 stands for all of a persistent service.
          && (packet.destinationPort == port || port == 0)
      case .mark(let mark): packet.mark == mark
      }
    }?.1
  }
}
