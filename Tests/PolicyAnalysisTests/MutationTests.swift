// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import Glibc
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import PacketSets
import Testing

/// The policy's tests and the proof, together, notice every single mistake in a ruleset. Of the rules about openings, which
/// decide nothing as compiled, the mistakes are noticed with openings in place.
@Suite struct MutationTests {
  /// The whole report takes minutes: `WGFENCE_MUTATIONS=all` asks for it, else one policy is mutated.
  private static var isWhole: Bool { getenv("WGFENCE_MUTATIONS").map { String(cString: $0) } == "all" }

  static let policies = isWhole ? ["rootski", "two-tunnels", "starter"] : ["rootski"]

  /// Whether two tables do the same with every packet there can be, at every base chain: such a mutation is no mistake. A
  /// rule may be needed by other policies than the one at hand.
  private static func behaveAlike(_ one: KernelTable, _ other: KernelTable) -> Bool {
    let (first, second) = (SpaceWalk(one), SpaceWalk(other))
    return one.chains.filter { $0.base != nil }.allSatisfy { chain in
      let hook = chain.base?.hook ?? 0
      let input: PacketSpace.Presence =
        hook == NFT.hookOutput || hook == NFT.hookPostrouting ? .absent : .present
      let output: PacketSpace.Presence =
        hook == NFT.hookPrerouting || hook == NFT.hookInput ? .absent : .present
      let everything = AddressFamily.allCases.map { PacketSpace($0, input: input, output: output) }
      let ends = second.ends(of: everything, chain: chain.name)
      return first.ends(of: everything, chain: chain.name).allSatisfy { end in
        ends.allSatisfy { found in
          (found.verdict, found.isReset) == (end.verdict, end.isReset)
            || found.space.isDisjoint(with: end.space)
        }
      }
    }
  }

  @Test("each rule of a shipped policy, missing or inverted, is noticed", arguments: policies)
  func mutants(_ name: String) throws {
    let policy = try shippedPolicy(name)
    let today = try #require(CalendarDate("2026-11-24"))
    let site = CompiledSite(policy, today: today)
    try #require(Proof.prove(site).counterExamples.isEmpty)
    var (mutants, byTests, byProof, byDoors, alike) = (0, 0, 0, 0, 0)
    var survivors: [String] = []
    for machine in policy.machines {
      let table = site.table(of: machine)
      let doors = TemporaryGrantCases(site.view(of: machine))
      try #require(doors.count > 0 && doors.hold(in: table), "\(machine.name)")
      // Chains that a mutation leaves as they are need no other proof.
      var whole = Proof.Part()
      let blank = Proof(site)
      whole.prove(machine, table, blank)
      for mutation in Mutation.all(of: table) {
        mutants += 1
        var part = whole
        part.prove(machine, mutation.table, blank)
        var proof = blank
        proof.add(part)
        let isProved = proof.counterExamples.isEmpty
        if !isProved { byProof += 1 }
        if !isProved, !Self.isWhole { continue }
        var broken = site
        broken.replaced[machine.name] = mutation.table
        let passes = PolicyTestRun(broken).failures.isEmpty
        if !passes { byTests += 1 }
        if isProved, passes {
          if !doors.hold(in: mutation.table) {
            byDoors += 1
            continue
          }
          if Self.behaveAlike(table, mutation.table) {
            alike += 1
            continue
          }
          let rule = table.chains.first { $0.name == mutation.chain }?.rules[mutation.rule]
          survivors.append(
            "\(machine.name) \(mutation.chain)[\(mutation.rule)] \(mutation.kind): \(rule?.comment ?? "")")
        }
      }
    }
    print(
      "mutations of \(name): \(mutants), noticed by the proof \(byProof), by the policy's tests "
        + "\(Self.isWhole ? String(byTests) : "(not asked where the proof does)"), with "
        + "openings in place \(byDoors), the same for every packet \(alike), survivors \(survivors.count)"
    )
    #expect(survivors.isEmpty, "\(survivors.joined(separator: "\n"))")
  }
}
