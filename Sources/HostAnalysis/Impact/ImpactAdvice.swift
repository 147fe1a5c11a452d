// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage

/// Says what would keep an essential flow working.
struct ImpactAdvice {
  let bridges: [UncoveredBridges.Finding]
  let addresses: [MisplacedAddresses.Finding]
  private let view: SiteView
  private let facts: ImpactFacts

  init(_ facts: ImpactFacts, _ view: SiteView) {
    self.facts = facts
    self.view = view
    bridges =
      UncoveredBridges(
        facts.host.interfaces, on: view.machine, of: view.policy, sharedBridges: facts.sharedBridges
      ).findings
    addresses =
      MisplacedAddresses(
        facts.host.interfaces, on: view.machine, of: view.policy, sharedBridges: facts.sharedBridges
      ).findings
  }

  /// What to do, as a clause without a full stop; nil if it is not known.
  func fix(_ flow: EssentialFlow, _ exchange: EssentialFlow.Exchange) -> String? {
    if flow.kind == .guests, let bridge = bridges.first(where: { $0.bridge.description == flow.subject }) {
      return bridge.fix
    }
    let interfaces = [exchange.packet.input, exchange.packet.output].compactMap { $0 }
    return addresses.first { interfaces.contains($0.interface) }?.fix
  }
}
