// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis

/// The grants of a policy by the machines that they concern, so that a thousand machines need not read all
/// grants each. The compiler has an index of its own: a proof that shared it would not find a grant that the
/// index omits.
struct GrantIndex {
  private let all: [Grant]
  private let byMachine: [String: [Int]]
  private let hubs: Set<String>

  init(_ policy: Policy) {
    all = policy.grants + policy.failsafe
    hubs = Set(policy.tunnels.compactMap(\.hub))
    var byMachine: [String: [Int]] = [:]
    let subnets = policy.machines.flatMap { machine in machine.subnets.map { ($0, machine.name) } }
    for (place, grant) in all.enumerated() {
      var names = Set(grant.to.map(\.machine))
      for source in grant.from {
        switch source {
        case .machineZone(let name, _): names.insert(name)
        case .prefix(let prefix):
          for (subnet, name) in subnets where subnet.contains(prefix) { names.insert(name) }
        case .machine, .tunnel, .zone, .list, .anywhere: break
        }
      }
      for confinement in policy.confinements where !names.contains(confinement.machine) {
        let sends = grant.from.contains { source in
          switch source {
          case .machine(confinement.machine), .anywhere: true
          case .tunnel(let name):
            policy.machine(named: confinement.machine)?.addresses(in: name).isEmpty == false
          default: false
          }
        }
        if sends { names.insert(confinement.machine) }
      }
      for name in names { byMachine[name, default: []].append(place) }
    }
    self.byMachine = byMachine
  }

  /// Grants whose traffic the machine may receive or forward: to it, from its zones, and all grants if it is
  /// a hub.
  func concerning(_ machine: Machine) -> [Grant] {
    if hubs.contains(machine.name) { return all }
    return (byMachine[machine.name] ?? []).map { all[$0] }
  }
}
