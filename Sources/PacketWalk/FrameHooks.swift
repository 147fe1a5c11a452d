// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// A place outside the five hooks of IP where nf_tables calls chains: at a device, or in a bridge.
enum FrameHook: Hashable {
  /// `NF_NETDEV_INGRESS` and `NF_INET_INGRESS` of a device: before anything else of netfilter.
  case ingress(InterfaceName)
  /// `NF_NETDEV_EGRESS` of a device: after everything else of netfilter.
  case egress(InterfaceName)
  /// In a bridge: `NF_BR_…` of `linux/netfilter_bridge.h`, which have the numbers of `nf_inet_hooks`.
  case bridge(UInt32)
}

/// The base chains at devices and in bridges, in the order in which they are called.
struct FrameChains: Sendable {
  private struct Chain {
    let hook: Hook
    let devices: [String]
    let place: HookPlaces.Place

    func isBound(to device: InterfaceName) -> Bool {
      let name = device.description
      return devices.contains { $0.last == "*" ? name.hasPrefix($0.dropLast()) : $0 == name }
    }
  }

  private enum Hook: Equatable {
    case ingress
    case egress
    case bridge(UInt32)

    /// Nil for a chain of another hook or family.
    init?(_ base: BaseChain, ofFamily family: UInt8) {
      switch family {
      case NFT.familyNetdev: self = base.hook == NFT.hookNetdevEgress ? .egress : .ingress
      case NFT.familyBridge: self = .bridge(base.hook)
      case NFT.familyInet where base.hook == NFT.hookIngress: self = .ingress
      default: return nil
      }
    }
  }

  private let chains: [Chain]

  /// Sorts the chains by priority; of equal priority, the chain made last is called first: the tables in the order of
  /// `order`, without it as given, and their chains as given. Source: `nf_hook_entries_grow` of `net/netfilter/core.c`.
  init(_ tables: [TableIndex], order: HookOrder?) {
    var found: [(priority: Int32, made: Int, chain: Chain)] = []
    for (number, index) in tables.enumerated() where index.table.flags & TableIndex.dormant == 0 {
      let made = order?.tableRank(index.table.name, of: index.family) ?? number
      for (chainNumber, chain) in index.table.chains.enumerated() {
        guard let base = chain.base, let hook = Hook(base, ofFamily: index.family) else { continue }
        let place = HookPlaces.Place(table: number, chain: chainNumber)
        found.append(
          (base.priority, -(made << 32 | chainNumber), Chain(hook: hook, devices: base.devices, place: place))
        )
      }
    }
    chains = found.sorted { ($0.priority, $0.made) < ($1.priority, $1.made) }.map(\.chain)
  }

  var isEmpty: Bool { chains.isEmpty }

  /// The chains that a packet passes at a hook.
  func places(_ hook: FrameHook) -> [HookPlaces.Place] {
    if chains.isEmpty { return [] }
    return chains.filter { chain in
      switch hook {
      case .ingress(let device): chain.hook == .ingress && chain.isBound(to: device)
      case .egress(let device): chain.hook == .egress && chain.isBound(to: device)
      case .bridge(let number): chain.hook == .bridge(number)
      }
    }.map(\.place)
  }
}
