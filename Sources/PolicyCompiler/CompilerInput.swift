// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage

/// Everything in a policy, apart from the grants, that the ruleset of any machine depends on, without the
/// source locations.
///
/// A ruleset is a function of this, of the machine and of the grants that concern it: if these are equal, so
/// are the rulesets, except for the line numbers in them.
struct CompilerInput: Hashable {
  private struct TunnelInput: Hashable {
    let name: InterfaceName
    let prefixes: [Prefix]
    let listen: UInt16?
    let hub: String?
  }

  private struct MachineInput: Hashable {
    let name: String
    let addresses: [TunnelAddresses]
    let endpoint: Endpoint
    let subnets: [Prefix]
    let zones: [ZoneInput]
  }

  private struct ZoneInput: Hashable {
    let name: String
    package let interfaces: [InterfacePattern]
    let prefixes: [Prefix]
  }

  private struct EncryptionInput: Hashable {
    let machines: [String]
    let tunnel: InterfaceName
    /// With the ports that are closed at the shared addresses.
    let shared: [String: [ServicePort]]
  }

  private let tunnels: [TunnelInput]
  private let machines: [MachineInput]
  private let lists: [String: [Prefix]]
  private let block: [String]
  private struct TranslationInput: Hashable {
    let machine: String
    let over: String
    let kind: Translation.Kind
  }

  private struct ConfinementInput: Hashable {
    let machine: String
    let sender: Confinement.Sender
    let destinations: [Prefix]?
  }

  private let encryptions: [EncryptionInput]
  private let confinements: [ConfinementInput]
  private let refused: Set<String>
  private let translations: [TranslationInput]
  private let live: LiveFacts

  init(_ policy: Policy, live: LiveFacts) {
    tunnels = policy.tunnels.map {
      TunnelInput(name: $0.name, prefixes: $0.prefixes, listen: $0.listen, hub: $0.hub)
    }
    machines = policy.machines.map { machine in
      MachineInput(
        name: machine.name, addresses: machine.addresses, endpoint: machine.endpoint,
        subnets: machine.subnets,
        zones: machine.zones.map {
          ZoneInput(name: $0.name, interfaces: $0.interfaces, prefixes: $0.prefixes)
        })
    }
    lists = Dictionary(
      policy.lists.map { ($0.name, $0.prefixes) }, uniquingKeysWith: { first, _ in first })
    block = policy.block.map(\.name)
    encryptions = policy.encryptions.map { line in
      EncryptionInput(
        machines: line.machines, tunnel: line.tunnel,
        shared: Dictionary(uniqueKeysWithValues: line.shared.map { ($0, policy.portsInTunnels(of: $0)) }))
    }
    translations = policy.translations.map {
      TranslationInput(machine: $0.machine, over: $0.over, kind: $0.kind)
    }
    confinements = policy.confinements.map {
      ConfinementInput(machine: $0.machine, sender: $0.sender, destinations: $0.destinations)
    }
    refused = Set(policy.refused.map(\.name))
    self.live = live
  }

  /// The parts of a grant that a ruleset depends on.
  struct GrantInput: Hashable {
    let to: [GrantTarget]
    let services: [Service]
    let from: [GrantSource]
    let limit: ConnectionLimit?

    init(_ grant: Grant) {
      to = grant.to
      services = grant.services
      from = grant.from
      limit = grant.limit
    }
  }
}
