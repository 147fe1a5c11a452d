// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset
internal import PacketSets

/// One of two sites that are compared, with what was worked out of it.
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

  /// What a machine enforces; nil where that is nothing, or where there is no such machine.
  mutating func table(of name: String) -> KernelTable? {
    if let known = tables[name] { return known }
    guard let machine = machines[name], !site.isBare(machine) else { return nil }
    let table = site.table(of: machine)
    tables[name] = table
    return table
  }

  mutating func note(_ table: KernelTable?, _ name: String) { tables[name] = table }

  /// A machine's table is asked for once or twice, and may be large.
  mutating func forget(_ name: String) { tables[name] = nil }

  /// What a hub passes on, as far as it may be for these addresses.
  mutating func relayed(by hub: String, towards prefixes: [Prefix]) -> [PacketSpace] {
    let passages = reach(of: hub).passages
    if relays[hub] == nil { relays[hub] = RelayIndex(passages) }
    return relays[hub]?.places(towards: prefixes).map { passages[$0] } ?? []
  }

  mutating func reach(of name: String) -> MachineReach {
    if let known = reaches[name] { return known }
    if machines[name] == nil { return .nothing }
    let reach = MachineReach(table(of: name))
    note(reach, name)
    return reach
  }

  mutating func note(_ reach: MachineReach, _ name: String) {
    reaches[name] = reach
    forget(name)
  }
}
