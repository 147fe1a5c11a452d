// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
public import PolicyLanguage
internal import Ruleset
internal import TestSupport

/// Compares the walk of all packets with the walk of single packets, for the rulesets of random policies and for
/// random tables, up to the first difference.
public struct RandomWalks {
  /// The number of valid policies whose rulesets were compared, of all their machines.
  public private(set) var policies = 0
  /// The number of random tables that were compared.
  public private(set) var tables = 0
  /// The number of packets that both walks judged.
  public private(set) var packets = 0
  /// The number of packets of random tables that one of the walks could not determine.
  public private(set) var undetermined = 0
  /// The number of packets of random tables.
  public private(set) var tablePackets = 0
  /// The first difference with its seed and packet, and the policy or table reduced to what is needed for it; nil
  /// if there is none.
  public private(set) var failure: String?

  /// The most packets of random tables that may be undetermined, in percent: the tables have a few expressions that
  /// a walk does not know.
  public static let mostUndetermined = 15
  /// With fewer tables, one of them can exceed that limit.
  private static let leastTables = 100

  /// Compares `count` valid policies, and as many tables, of seeds from `seed` on. `note` is called after each.
  public init(count: Int, seed first: UInt64, today: CalendarDate, note: (Int) -> Void = { _ in }) {
    var (seed, rejected) = (first, 0)
    while policies < count, rejected < 100 + 40 * count {
      defer { seed += 1 }
      let site = RandomSite(seed: seed)
      guard let policy = RandomSite.policy(site.text, today: today) else {
        rejected += 1
        continue
      }
      policies += 1
      compare(policy, site, seed, today)
      if failure == nil { compareTable(seed) }
      if failure != nil { return }
      note(policies)
    }
    if policies < count { failure = "only \(policies) of \(policies + rejected) texts are valid policies" }
    if tables >= Self.leastTables, undetermined * 100 > tablePackets * Self.mostUndetermined {
      failure = "\(undetermined) of \(tablePackets) packets of random tables are undetermined"
    }
  }

  /// Packets at a random point of a ruleset, and at each point of a random table.
  private static let (packetsOfPolicy, packetsOfTable) = (30, 30)

  private mutating func compare(_ policy: Policy, _ site: RandomSite, _ seed: UInt64, _ today: CalendarDate) {
    let compiled = CompiledSite(policy, today: today)
    var random = SeededGenerator(seed: seed)
    for machine in policy.machines {
      let comparison = WalkComparison(
        compiled.table(of: machine), .compiled, .some(1), packets: Self.packetsOfPolicy, &random)
      packets += comparison.compared
      guard let difference = comparison.difference else { continue }
      func still(_ site: RandomSite) -> WalkComparison.Difference? {
        guard let policy = RandomSite.policy(site.text, today: today),
          let machine = policy.machine(named: machine.name)
        else { return nil }
        let table = CompiledSite(policy, today: today).table(of: machine)
        return WalkComparison(table, .compiled, difference.packet, at: difference.point).difference
      }
      let smallest = site.shrunk { still($0) != nil }
      failure =
        "seed \(seed), machine \(machine.name), \(still(smallest) ?? difference)\n\(smallest.text)"
      return
    }
  }

  private mutating func compareTable(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var table = RandomWalkTable.make(seed: seed)
    let comparison = WalkComparison(table, .any, .all, packets: Self.packetsOfTable, &random)
    tables += 1
    packets += comparison.compared
    tablePackets += comparison.compared
    undetermined += comparison.undeterminedSpaces + comparison.undeterminedPackets
    guard var difference = comparison.difference else { return }
    for chain in table.chains.indices {
      for rule in table.chains[chain].rules.indices.reversed() {
        var smaller = table
        smaller.chains[chain].rules.remove(at: rule)
        let again = WalkComparison(smaller, .any, difference.packet, at: difference.point)
        if let same = again.difference { (table, difference) = (smaller, same) }
      }
    }
    let rules = table.chains.flatMap { chain in
      chain.rules.map { rule in
        "  \(chain.name): \(rule.expressions.map(ExpressionText.text).joined(separator: " "))"
      }
    }
    let used = table.sets.filter { set in rules.contains { $0.contains("@\(set.name)") } }
    failure =
      "seed \(seed) of a random table, \(difference)\n\(rules.joined(separator: "\n"))\n"
      + used.map { "  \($0)\n" }.joined()
  }
}
