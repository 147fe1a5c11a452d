// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// The policy from the point of view of one of its machines.
struct Site {
  let policy: Policy
  let machine: Machine
  /// The tunnels by name, then the machine's zones by name; `internet` last.
  let zones: [SiteZone]
  /// The homes of source addresses.
  let homes: AddressHomes
  private let machines: [String: Machine]

  /// `machines` are the policy's, by name.
  init(policy: Policy, machine: Machine, machines: [String: Machine]) {
    self.policy = policy
    self.machine = machine
    self.machines = machines
    zones = SiteZone.zones(of: machine, in: policy)
    homes = AddressHomes(on: machine, tunnels: policy.tunnels, machines: policy.machines)
  }

  /// The zones that are not tunnels.
  var networks: [SiteZone] { zones.filter { $0.kind != .tunnel } }

  func machine(named name: String) -> Machine? { machines[name] }

  /// The homes of addresses on another machine.
  func homes(of machine: Machine) -> AddressHomes {
    AddressHomes(on: machine, tunnels: policy.tunnels, machines: policy.machines)
  }

  package func zone(named name: String) -> SiteZone? { zones.first { $0.name == name } }

  /// The tunnels in which both machines have an address.
  func tunnels(shared one: Machine, _ other: Machine) -> [Tunnel] {
    policy.tunnels.filter { !one.addresses(in: $0.name).isEmpty && !other.addresses(in: $0.name).isEmpty }
  }

  /// The origin of a rule from a line of the policy; without a line, of a rule that every ruleset has.
  func origin(_ line: Int?, _ reason: String) -> Origin {
    guard let line else { return Origin(reason: reason) }
    return Origin(file: policy.path, lines: [line], reason: reason)
  }
}

extension SiteZone {
  /// The name as part of a chain's or set's name: nft's identifiers consist of letters, digits, `-`, `_`, `.`
  /// and `/`.
  package var identifier: String { Identifier.clean(name) }
}

extension AddressHomes.Home {
  /// The home as part of a counter's or a set's name.
  var identifier: String { zones.map(Identifier.clean).joined(separator: ".") }
}
