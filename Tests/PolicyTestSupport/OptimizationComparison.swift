// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyCompiler
public import PolicyLanguage
package import Ruleset
internal import RulesetOptimization
internal import TestSupport

/// Compares what rulesets do with packets before and after their optimization: random rulesets, and those of random
/// policies, up to the first difference.
public struct OptimizationComparison {
  /// The number of random rulesets.
  public private(set) var rulesets = 0
  /// How many of them the optimization changed.
  public private(set) var changed = 0
  /// The number of compared rulesets of random policies.
  public private(set) var compiled = 0
  /// The number of packets.
  public private(set) var packets = 0
  /// The first difference, with its seed and the ruleset reduced to what is needed for it; nil if there is none.
  public private(set) var failure: String?

  private static let usual = ["wg0", "wg1", "wg2"].compactMap { InterfaceName($0) }
  private static let packetsOfRuleset = 16

  /// Compares `count` random rulesets of seeds from `seed` on, and the rulesets of a valid policy for every tenth of them. `note`
  /// is called after each.
  public init(count: Int, seed first: UInt64, today: CalendarDate, note: (Int) -> Void = { _ in }) {
    for number in 0..<count {
      let seed = first + UInt64(number)
      let ruleset = RandomRuleset.make(seed: seed)
      let interfaces = Array(Self.usual.prefix(1 + Int(seed % 3)))
      let optimized = ruleset.optimized(usual: interfaces)
      rulesets += 1
      if optimized != ruleset { changed += 1 }
      if let packet = difference(ruleset, optimized, seed) {
        report(ruleset, interfaces, packet, seed)
        return
      }
      if number % 10 == 0, !comparePolicy(seed, today) { return }
      note(rulesets)
    }
  }

  /// Whether the rulesets of a policy do the same; true if the policy is not valid.
  private mutating func comparePolicy(_ seed: UInt64, _ today: CalendarDate) -> Bool {
    guard let policy = RandomSite.policy(RandomSite(seed: seed).text, today: today) else { return true }
    let compiler = SiteCompiler(policy, today: today)
    for machine in policy.machines {
      compiled += 1
      let (before, after) = (compiler.unoptimizedRuleset(of: machine), compiler.ruleset(of: machine))
      guard let packet = difference(before, after, seed) else { continue }
      failure =
        "the policy of seed \(seed), machine \(machine.name)\n\(words(packet, before, after))\n"
        + RandomSite(seed: seed).text
      return false
    }
    return true
  }

  /// A comparison of two rulesets, of which the second one should do the same as the first.
  package init(_ before: Ruleset, _ after: Ruleset) {
    if let packet = difference(before, after, 1) { failure = words(packet, before, after) }
  }

  /// A packet with which the rulesets do not do the same; nil if none is found.
  private mutating func difference(_ before: Ruleset, _ after: Ruleset, _ seed: UInt64) -> Packet? {
    let tables = (Lowering.table(before), Lowering.table(after))
    let walks = (PacketWalk([tables.0]), PacketWalk([tables.1]))
    let boundaries = BoundaryPackets(tables.0)
    var random = SeededGenerator(seed: seed)
    for hook in Set(before.chains.compactMap { $0.base?.hook }).sorted() {
      for _ in 0..<Self.packetsOfRuleset {
        var packet = boundaries.packet(
          input: hook == NFT.hookOutput || hook == NFT.hookPostrouting ? .absent : .present,
          output: hook == NFT.hookPrerouting || hook == NFT.hookInput ? .absent : .present, &random)
        // Half of the packets arrive on an interface of which the rules speak.
        if packet.input != nil, random.oneIn(2) { packet.input = random.one(of: Self.usual) }
        packets += 1
        let traces = (walks.0.trace(packet, hooks: [hook]), walks.1.trace(packet, hooks: [hook]))
        if Effects(traces.0) != Effects(traces.1) { return packet }
      }
    }
    return nil
  }

  /// What a ruleset does with a packet.
  private struct Effects: Hashable, CustomStringConvertible {
    let verdict: TraceVerdict
    /// The rule that answers, without its place.
    let answer: [Expression]
    let counters: [String]
    let mark: UInt32?

    init(_ trace: Trace) {
      verdict = trace.verdict
      answer =
        trace.verdict == .reject ? trace.steps.last?.source?.expressions.suffix(1).map { $0 } ?? [] : []
      counters = trace.steps.compactMap { if case .counted(let name) = $0.outcome { name } else { nil } }
      mark = trace.packet?.mark
    }

    var description: String { "\(verdict) counted in \(counters) mark \(mark.map { "\($0)" } ?? "unknown")" }
  }

  private func words(_ packet: Packet, _ before: Ruleset, _ after: Ruleset) -> String {
    let parts = [("before", before), ("after", after)].map { name, ruleset in
      let walk = PacketWalk([Lowering.table(ruleset)])
      let hooks = Set(ruleset.chains.compactMap { $0.base?.hook }).sorted().filter { hook in
        (packet.input != nil) == (hook != NFT.hookOutput && hook != NFT.hookPostrouting)
          && (packet.output != nil) == (hook != NFT.hookPrerouting && hook != NFT.hookInput)
      }
      let traces = hooks.map { walk.trace(packet, hooks: [$0]) }
      let steps = traces.flatMap(\.steps).map { "  \($0.chain): \($0.source?.comment ?? "policy")\n" }
      return "\(name): \(traces.map { Effects($0).description }.joined(separator: "; "))\n\(steps.joined())"
    }
    return "\(WalkText.full(packet))\n\(parts.joined())"
  }

  private mutating func report(
    _ ruleset: Ruleset, _ interfaces: [InterfaceName], _ packet: Packet, _ seed: UInt64
  ) {
    var (ruleset, packet) = (ruleset, packet)
    for chain in ruleset.chains.indices {
      for rule in ruleset.chains[chain].rules.indices.reversed() {
        var smaller = ruleset
        smaller.chains[chain].rules.remove(at: rule)
        if let same = difference(smaller, smaller.optimized(usual: interfaces), seed) {
          (ruleset, packet) = (smaller, same)
        }
      }
    }
    let optimized = ruleset.optimized(usual: interfaces)
    failure =
      "seed \(seed)\n\(words(packet, ruleset, optimized))\(RulesetText.text(ruleset))\n\(RulesetText.text(optimized))"
  }
}
