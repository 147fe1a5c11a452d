// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import Glibc
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import PolicyProof
import Ruleset
import PacketSets
import TestSupport
import Testing

/// Checks that the policy's tests and the proof, together, detect each single mistake in a ruleset. The rules
/// for temporary grants decide nothing as compiled: their mistakes are detected with temporary grants in
/// place.
@Suite struct MutationTests {
  /// Whether the policy's tests run on every mutation, also where the proof detects it.
  private static let isWhole = getenv("WGFENCE_MUTATIONS") != nil

  /// The policies that are mutated: those that `WGFENCE_MUTATIONS` names, separated by commas; all with `all`, which
  /// takes minutes; else one.
  static let policies: [String] = {
    guard let words = getenv("WGFENCE_MUTATIONS").map({ String(cString: $0) }) else { return ["rootski"] }
    return words == "all" ? ShippedPolicies.names : words.split(separator: ",").map(String.init)
  }()

  /// Whether two tables give the same verdict for every possible packet at every base chain, below each limit and above
  /// it: such a mutation is not a mistake. The rule may be needed only with other policies.
  private static func behaveAlike(_ one: KernelTable, _ other: KernelTable) -> Bool {
    let (first, second) = (SpaceWalk(one), SpaceWalk(other))
    let rates = first.rates.union(second.rates).map { Set([$0]) }
    return ([[]] + rates).allSatisfy { behaveAlike(one, first.exceeding($0), second.exceeding($0)) }
  }

  private static func behaveAlike(_ one: KernelTable, _ first: SpaceWalk, _ second: SpaceWalk) -> Bool {
    one.chains.filter { $0.base != nil }.allSatisfy { chain in
      let hook = chain.base?.hook ?? 0
      let input: PacketSpace.Presence =
        hook == NFT.hookOutput || (hook == NFT.hookPostrouting && chain.base?.type != "nat")
        ? .absent : .present
      let output: PacketSpace.Presence =
        hook == NFT.hookPrerouting || hook == NFT.hookInput ? .absent : .present
      let everything = AddressFamily.allCases.map { PacketSpace($0, input: input, output: output) }
      let ends = second.ends(of: everything, chain: chain.name)
      return first.ends(of: everything, chain: chain.name).allSatisfy { end in
        ends.allSatisfy { found in
          (found.verdict, found.isReset, found.translation) == (end.verdict, end.isReset, end.translation)
            || found.space.isDisjoint(with: end.space)
        }
      }
    }
  }

  @Test("each missing or inverted rule of a shipped policy is detected", arguments: policies)
  func mutants(_ name: String) throws {
    let policy = try shippedPolicy(name)
    let today = try #require(CalendarDate("2026-11-24"))
    // The networks of a card whose zone follows them.
    let card = try #require(InterfaceName("enp3s0"))
    var live = LiveFacts()
    for machine in policy.machines where policy.followsNetworks(of: machine.name) {
      live.networks[machine.name] = [card: ["192.168.1.0/24", "2001:db8:1::/64"].compactMap { Prefix($0) }]
    }
    let site = CompiledSite(policy, today: today, live: live)
    try #require(Proof.prove(site).counterExamples.isEmpty)
    var (mutants, byTests, byProof, byGrants, alike) = (0, 0, 0, 0, 0)
    var survivors: [String] = []
    for machine in policy.machines {
      let table = site.table(of: machine)
      let temporary = TemporaryGrantCases(site.view(of: machine))
      try #require(temporary.count > 0 && temporary.hold(in: table), "\(machine.name)")
      // Chains that a mutation does not change are proved once.
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
          if !temporary.hold(in: mutation.table) {
            byGrants += 1
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
      "mutations of \(name): \(mutants), detected by the proof \(byProof), by the policy's tests "
        + "\(Self.isWhole ? String(byTests) : "(not run if the proof detects it)"), with temporary grants "
        + "\(byGrants), the same for every packet \(alike), not detected \(survivors.count)"
    )
    #expect(survivors.isEmpty, "\(survivors.joined(separator: "\n"))")
  }
}
