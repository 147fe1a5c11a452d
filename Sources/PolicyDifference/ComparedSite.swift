// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset
internal import PacketSets

/// One of two compared sites, with the results computed from it so far.
struct ComparedSite {
  let site: CompiledSite
  let machines: [String: Machine]
  package let services: ServiceNames
  var tables: [String: KernelTable] = [:]
  var reaches: [String: MachineReach] = [:]
  private var relays: [String: RelayIndex] = [:]

  init(_ site: CompiledSite) {
    self.site = site
    machines = Dictionary(
      site.policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    services = ServiceNames(site.policy)
  }

  /// The ports of WireGuard on all machines.
  var tunnelPorts: IntervalSet {
    let ports =
      site.policy.tunnels.compactMap(\.listen)
      + site.policy.machines.flatMap { $0.livePorts.values.map(\.port) }
    return IntervalSet(Set(ports).sorted().map { UInt128($0) })
  }

  /// The table that a machine enforces; nil if it enforces nothing or the machine does not exist.
  mutating func table(of name: String) -> KernelTable? {
    if let known = tables[name] { return known }
    guard let machine = machines[name], !site.isBare(machine) else { return nil }
    let table = site.table(of: machine)
    tables[name] = table
    return table
  }

  mutating func note(_ table: KernelTable?, _ name: String) { tables[name] = table }

  /// Frees a machine's table. A table can be large, and each is used only once or twice.
  mutating func forget(_ name: String) { tables[name] = nil }

  /// The packets that a hub forwards and that can be for these addresses.
  mutating func relayed(by hub: String, towards prefixes: [Prefix]) -> [PacketSpace] {
    let passages = reach(of: hub).passages
    if relays[hub] == nil { relays[hub] = RelayIndex(passages) }
    return relays[hub]?.places(towards: prefixes).map { passages[$0] } ?? []
  }

  mutating func reach(of name: String) -> MachineReach {
    if let known = reaches[name] { return known }
    if machines[name] == nil { return .nothing }
    let reach = MachineReach(table(of: name), tunnelPorts: tunnelPorts)
    note(reach, name)
    return reach
  }

  mutating func note(_ reach: MachineReach, _ name: String) {
    reaches[name] = reach
    forget(name)
  }
}
