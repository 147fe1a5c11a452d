// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset

/// When the tables of a walk were made, compared with each other: of chains of equal priority, that of the newest table is
/// called first.
///
/// The kernel does not report when a table of legacy iptables was made, compared with those of nf_tables. Its hook list gives
/// the order of their chains (`HookOrder`), except that of chains of type `nat`, which a function of the kernel calls. So each
/// age that a legacy table may have is one possibility, and the walk is made with all of them.
struct LegacyAges: Sendable {
  /// By number of a table. Larger is newer; those of nf_tables are even, those of legacy tables odd.
  private(set) var ages: [Int]

  /// More possibilities than these are not examined: then each legacy table is either older than all others, or newer.
  static let most = 64

  /// All possibilities; one if no order is unknown.
  static func possible(_ tables: [TableIndex], _ order: HookOrder?) -> [LegacyAges] {
    var all = [
      LegacyAges(
        ages: tables.enumerated().map { number, index in
          index.isLegacy ? 1 : 2 * ((order?.tableRank(index.table.name, of: index.family) ?? number) + 1)
        })
    ]
    guard let first = all.first else { return [] }
    for (number, index) in tables.enumerated() where index.isLegacy {
      let rivals = Set(
        tables.indices.filter { isRival(tables[$0], of: index, order) }.map { first.ages[$0] }
      ).sorted()
      var choices = [1] + rivals.map { $0 + 1 }
      if all.count * choices.count > most { choices = Array(Set([choices[0], choices[choices.count - 1]])) }
      if all.count * choices.count > most { continue }
      all = all.flatMap { ages in
        choices.map { choice in
          var ages = ages
          ages.ages[number] = choice
          return ages
        }
      }
    }
    return all
  }

  /// Whether a table of nf_tables has a chain of which it is not known whether the kernel calls it before or after a chain of a
  /// legacy table.
  private static func isRival(_ other: TableIndex, of legacy: TableIndex, _ order: HookOrder?) -> Bool {
    guard !other.isLegacy, other.family == NFT.familyInet || other.family == legacy.family,
      other.table.flags & TableIndex.dormant == 0
    else { return false }
    // A table that the kernel does not have yet will be newer.
    if let order, !order.tables.isEmpty, order.tableRank(other.table.name, of: other.family) == nil {
      return false
    }
    return legacy.table.chains.contains { chain in
      guard let base = chain.base else { return false }
      return other.table.chains.contains { rival in
        guard let its = rival.base, its.hook == base.hook, its.priority == base.priority else { return false }
        switch (base.type == "nat", its.type == "nat") {
        case (true, true): return true
        case (true, false): return order?.translationRank(family: legacy.family, hook: base.hook) == nil
        // Chains of type nat are called elsewhere.
        case (false, true): return false
        case (false, false):
          return order?.legacyRank(family: legacy.family, hook: base.hook, priority: base.priority) == nil
        }
      }
    }
  }
}

extension Trace {
  /// This trace up to the first step that another one does not have: from there on it depends on the order of chains of equal
  /// priority, which is not known.
  func undecided(besides other: Trace) -> Trace {
    let same = zip(steps, other.steps).prefix { $0 == $1 }.count
    var result = self
    result.steps = Array(steps.prefix(same))
    guard var step = steps.dropFirst(same).first ?? other.steps.dropFirst(same).first ?? steps.last else {
      return result
    }
    step.outcome = .undetermined(expression: "the order of legacy and other chains of equal priority")
    result.steps.append(step)
    return result
  }
}
