// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis

/// The addresses of what grants name. The compiler has a reading of its own.
extension GrantedTraffic {
  /// The addresses of a target of another machine, as packets in a tunnel have them.
  static func destinations(
    _ target: GrantTarget, _ receiver: Machine, _ tunnel: Tunnel, _ policy: Policy
  ) -> [Prefix] {
    switch target {
    case .machine: receiver.addresses(in: tunnel.name).map { Prefix($0) }
    case .zone(_, let name): hosts(of: name, on: receiver, policy)
    case .subnet(_, let prefix): [prefix]
    }
  }

  /// The hosts of a zone: its prefixes; without prefixes, everything that has no other place on the machine: no tunnel, no
  /// zone, no subnet of a machine that shares a tunnel with it (without the machines' own public addresses), no subnet of
  /// its own, and no address that is valid on its link alone.
  static func hosts(of zone: String, on machine: Machine, _ policy: Policy) -> [Prefix] {
    if let own = machine.zone(named: zone)?.prefixes, !own.isEmpty { return own }
    let never = ["169.254.0.0/16", "fe80::/10"].compactMap { Prefix($0) }
    let remote = policy.machines.filter { other in
      other.name != machine.name
        && policy.tunnels.contains {
          !machine.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty
        }
    }.flatMap(\.subnets)
    let own = machine.zones.flatMap(\.prefixes)
    let behind = Prefix.subtract(policy.machines.flatMap(\.endpoint.prefixes) + own, from: remote)
    let taken = policy.tunnels.flatMap(\.prefixes) + own + behind + machine.subnets + never
    return AddressFamily.allCases.flatMap { family -> [Prefix] in
      let all = Prefix(containing: IPAddress(family: family, bits: 0), length: 0)
      return Prefix.subtract(taken.filter { $0.family == family }, from: [all])
    }
  }
}
