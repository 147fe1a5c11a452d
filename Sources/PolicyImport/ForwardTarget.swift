// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyAnalysis
internal import PolicyLanguage

/// Hosts to which a host forwards packets, as the policy language names them: a zone, a machine in a tunnel, or a network
/// behind one.
struct ForwardTarget {
  enum Kind: Hashable {
    /// Hosts of a zone of this machine.
    case zone
    /// A machine in a tunnel.
    case peer
    /// A network behind a machine in a tunnel.
    case network
  }

  let kind: Kind
  /// The word of `to`.
  let word: String
  /// The tunnel or zone by which packets leave.
  let exit: String
  let interfaces: Set<InterfaceName>
  /// The addresses, by family.
  let addresses: [AddressFamily: IntervalSet]

  /// The limit of targets behind tunnels.
  private static let mostPeers = 32

  /// The targets of a machine; nil for those behind tunnels if there are too many to examine.
  static func all(_ view: SiteView, _ sides: [ImportSide]) -> (targets: [ForwardTarget], skipped: [String]) {
    var targets: [ForwardTarget] = []
    var skipped: [String] = []
    let own = view.machine.name
    for side in sides {
      let interfaces = Set(side.interfaces.map(\.name))
      switch side.kind {
      case .containers, .network:
        targets.append(
          ForwardTarget(
            kind: .zone, word: "\(own).\(side.name)", exit: side.name, interfaces: interfaces,
            addresses: ImportSide.sets {
              (side.sources[$0] ?? .empty).subtracting(ImportSide.linkLocal($0))
            }))
      case .tunnel:
        guard let tunnel = InterfaceName(side.name) else { continue }
        let peers = view.policy.machines.filter { $0.name != own && !$0.addresses(in: tunnel).isEmpty }
        guard peers.count <= mostPeers else {
          skipped.append(side.name)
          continue
        }
        for peer in peers {
          targets.append(
            ForwardTarget(
              kind: .peer, word: peer.name, exit: side.name, interfaces: interfaces,
              addresses: ImportSide.sets { family in
                ImportSide.set(family, peer.addresses(in: tunnel).map { Prefix($0) })
              }))
          for network in peer.subnets.prefix(mostPeers) {
            targets.append(
              ForwardTarget(
                kind: .network, word: network.family == .ipv6 ? "\"\(network)\"" : network.description,
                exit: side.name, interfaces: interfaces,
                addresses: ImportSide.sets { ImportSide.set($0, [network]) }))
          }
        }
      case .behindTunnel: break
      }
    }
    return (targets, skipped)
  }

  /// Whether the policy language has a line for packets of a side to this target.
  func isNameable(from side: ImportSide, in policy: Policy, on machine: String) -> Bool {
    if side.name == exit { return kind != .zone && policy.tunnel(named: exit)?.hub == machine }
    switch (kind, side.kind) {
    case (.zone, _): return true
    // From one tunnel into another there is no line.
    case (.peer, .network), (.network, .network): return true
    case (.peer, _), (.network, _): return false
    }
  }
}
