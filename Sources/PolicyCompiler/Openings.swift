// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Sets that every ruleset carries for what is opened for a time: empty as compiled, filled beside the policy.
extension RulesetBuilder {
  /// The conditions under which a packet is let in by an opening of a zone, one for each family. A locked down ruleset
  /// has none.
  mutating func openings(of zone: SiteZone) -> [Match] {
    if restriction != .none { return [] }
    return AddressFamily.allCases.map { family in
      let name = TemporaryGrantSets.name(zone: zone.identifier, family)
      let key = NamedSet.Key.sourceAndPort(family)
      add(
        NamedSet(
          name: name, key: key, kind: .set, layout: .timedRanges,
          elements: SetElements(keyLength: key.length, hasKeyEnd: true)))
      return .sourceAndPortSet(family, set: name)
    }
  }

  /// Lets in what is opened in a zone. It is asked where no grant let the packet in, right before the refusal.
  mutating func openedRules(_ zone: SiteZone) -> [Rule] {
    openings(of: zone).map { match in
      Rule(
        [match], count: countOpened(), action: .accept,
        origin: Origin(reason: "opened for a time in \(zone.name)"))
    }
  }
}
