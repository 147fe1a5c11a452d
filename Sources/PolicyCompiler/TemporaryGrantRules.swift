// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// Sets in every ruleset for temporary grants: empty as compiled, filled independently of the policy.
extension RulesetBuilder {
  /// The conditions under which a temporary grant of a zone lets a packet in, one for each family. A
  /// locked-down ruleset has none.
  mutating func temporaryGrantMatches(of zone: SiteZone) -> [Match] {
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

  /// Lets in what temporary grants of a zone open. Evaluated if no grant let the packet in, directly before
  /// the refusal.
  mutating func temporaryGrantRules(_ zone: SiteZone) -> [Rule] {
    temporaryGrantMatches(of: zone).map { match in
      Rule(
        [match], count: countOpened(), action: .accept,
        origin: Origin(reason: "temporary grant in \(zone.name)"))
    }
  }
}
