// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyLanguage
internal import PolicyAnalysis
internal import Ruleset

/// The chains that translate addresses: what `translate` says, and nothing else.
extension SpecificationWriter {
  /// A line of `translate` on this machine.
  struct Translated: Hashable {
    let over: SiteZone
    let kind: Translation.Kind
    /// With `forward`: the receiver's addresses in tunnels that this machine has, too.
    let receivers: [IPAddress]
  }

  /// The lines of `translate` on a machine.
  static func translated(
    _ policy: Policy, _ machine: Machine, _ machines: [String: Machine], _ zones: [SiteZone]
  ) -> [Translated] {
    policy.translations.filter { $0.machine == machine.name }.compactMap { translation in
      guard let over = zones.first(where: { $0.name == translation.over }) else { return nil }
      var receivers: [IPAddress] = []
      if case .forward(_, let to, _) = translation.kind, let receiver = machines[to] {
        let shared = policy.tunnels.filter { !machine.addresses(in: $0.name).isEmpty }
        receivers = shared.flatMap { receiver.addresses(in: $0.name) }
      }
      return Translated(over: over, kind: translation.kind, receivers: receivers)
    }
  }

  /// Arriving packets whose destination is translated.
  func destinations() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "translate-destinations", input: .present, output: .absent)
    for one in translations {
      for family in AddressFamily.allCases {
        switch one.kind {
        case .masquerade: break
        case .map(let inside, let outside):
          guard inside.family == family else { continue }
          let theirs = PacketSpace.addresses([outside], family)
          draft.say(
            .translated, .translated(.prefix(.destination, inside)),
            any: packets(of: one.over, family).map { $0 + [(.destination, theirs)] }, family)
        case .forward(let services, _, let port):
          guard let receiver = one.receivers.first(where: { $0.family == family }) else { continue }
          let ports = IntervalSet.union(services.flatMap(\.ports).map(\.services))
          let own: Conditions = [(.service, ports), (.destinationType, IntervalSet(2))]
          draft.say(
            .translated, .translated(.destination(receiver, port: port)),
            any: packets(of: one.over, family).map { $0 + own }, family)
        }
      }
    }
    return draft.finished(.translated, .accept)
  }

  /// Forwarded packets whose source is translated.
  func leavingSources() -> MachineSpecification.Place {
    var draft = SpecificationDraft(chain: "translate-sources", input: .present, output: .present)
    for one in translations {
      for family in AddressFamily.allCases {
        let exit = leaving(one.over, family)
        switch one.kind {
        case .forward: break
        case .map(let inside, let outside):
          guard inside.family == family else { continue }
          draft.say(
            .translated, .translated(.prefix(.source, outside)),
            exit + [(.source, PacketSpace.addresses([inside], family))], family)
        case .masquerade(let names):
          let elsewhere = PacketSpace.addresses(homes.flatMap(\.prefixes), family)
          let outside: Conditions =
            one.over.kind == .internet
            ? [(.destination, IntervalSet(0, .max).subtracting(elsewhere))] : []
          let sources = traffic.zones.filter { names.contains($0.name) }.map { zone -> Conditions in
            zone.kind == .network && !zone.prefixes.isEmpty
              ? [(.input, input(zone)), (.source, PacketSpace.addresses(zone.prefixes, family))]
              : [(.input, zone.kind == .internet ? internetCards : input(zone))]
          }
          draft.say(.translated, .translated(.masquerade), any: sources.map { $0 + exit + outside }, family)
        }
      }
    }
    return draft.finished(.translated, .accept)
  }

  /// The interfaces of `internet`, also those that a zone with prefixes has, too.
  private var internetCards: IntervalSet {
    IntervalSet.union(
      traffic.zones.filter { $0.kind == .internet || ($0.kind == .network && !$0.prefixes.isEmpty) }
        .map { input($0) })
  }

  /// Packets that leave over a zone or tunnel.
  private func leaving(_ zone: SiteZone, _ family: AddressFamily) -> Conditions {
    switch zone.kind {
    case .internet: [(.output, internetCards)]
    case .network where !zone.prefixes.isEmpty:
      [(.output, input(zone)), (.destination, PacketSpace.addresses(zone.prefixes, family))]
    case .network, .tunnel, .containers: [(.output, input(zone))]
    }
  }
}
