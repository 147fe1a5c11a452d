// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import PolicyTestSupport
import Ruleset
import RulesetOptimization
import Testing

@Suite("An optimized ruleset") struct OptimizedRulesetTests {
  private static let tunnel = InterfaceName("wg0") ?? .loopback
  private static let other = InterfaceName("eth0") ?? .loopback

  private static func rule(_ matches: [Match], _ action: Action?, count: Count? = nil) -> Rule {
    Rule(matches, count: count, action: action, origin: Origin(reason: "test"))
  }

  private static func from(_ interface: InterfaceName, _ comparison: Comparison = .equal) -> Match {
    .interface(.input, comparison, .exact(interface))
  }

  private static func ruleset(_ rules: [Rule], hook: UInt32 = NFT.hookInput, others: [RuleChain] = [])
    -> Ruleset
  {
    let base = RuleChain(
      name: "input", base: BaseChain(hook: hook, priority: 0, policy: .drop), rules: rules)
    return Ruleset(chains: [base] + others, sets: [], counters: [])
  }

  private static func texts(_ ruleset: Ruleset, _ chain: String) -> [String] {
    ruleset.chains.first { $0.name == chain }?.rules.map {
      // Without the comment.
      RulesetText.text($0).split(separator: " comment ").first.map { String($0) } ?? ""
    } ?? []
  }

  @Test("does the same with packets as the ruleset before")
  func same() throws {
    let comparison = OptimizationComparison(
      count: 60, seed: 1, today: try #require(CalendarDate("2026-11-28")))
    #expect(comparison.failure == nil, "\(comparison.failure ?? "")")
    #expect(comparison.rulesets == 60 && comparison.changed > 20 && comparison.compiled > 3)
    #expect(comparison.packets > 900)
  }

  @Test("is found out by the comparison if it does something else")
  func wrong() {
    let rules = [
      Self.rule([Self.from(.loopback)], .accept),
      Self.rule([Self.from(Self.tunnel), .ctDirection(.reply)], .accept),
      Self.rule([Self.from(Self.tunnel)], .drop, count: .named("c")),
    ]
    let ruleset = Self.ruleset(rules)
    #expect(OptimizationComparison(ruleset, ruleset.optimized(usual: [Self.tunnel])).failure == nil)
    for index in rules.indices {
      var wrong = ruleset.optimized(usual: [Self.tunnel])
      wrong.chains[index == 0 ? 0 : 1].rules.remove(at: max(index - 1, 0))
      #expect(OptimizationComparison(ruleset, wrong).failure != nil, "without rule \(index)")
    }
  }

  @Test("asks once for a tunnel's interface, and leaves out what its packets cannot match")
  func once() {
    let lo = InterfaceName.loopback
    let ruleset = Self.ruleset([
      Self.rule([Self.from(lo)], .accept),
      Self.rule([Self.from(Self.other)], .drop),
      Self.rule([Self.from(Self.tunnel, .notEqual), .transport(.equal, .udp)], .drop),
      Self.rule([Self.from(Self.tunnel), .transport(.equal, .tcp)], .accept),
      Self.rule([.transport(.equal, .icmp)], .accept),
    ]).optimized(usual: [Self.tunnel])
    #expect(
      Self.texts(ruleset, "input") == [
        #"iifname "wg0" goto input/wg0"#, #"iifname "lo" accept"#, #"iifname "eth0" drop"#,
        "meta l4proto udp drop",
        "meta l4proto icmp accept",
      ])
    #expect(Self.texts(ruleset, "input/wg0") == ["meta l4proto tcp accept", "meta l4proto icmp accept"])
  }

  @Test("accepts replies before it asks for an interface")
  func replies() {
    let replies = Self.rule([.ctDirection(.reply), .ctState(.established)], .accept)
    let ruleset = Self.ruleset([Self.rule([Self.from(.loopback)], .accept), replies])
    #expect(
      Self.texts(ruleset.optimized(usual: [Self.tunnel]), "input") == [
        "ct direction reply ct state established accept", #"iifname "lo" accept"#,
      ])
    // Not before a rule that drops, or that counts.
    for first in [
      Self.rule([Self.from(.loopback)], .drop),
      Self.rule([Self.from(.loopback)], .accept, count: .named("c")),
    ] {
      let ruleset = Self.ruleset([first, replies])
      #expect(ruleset.optimized(usual: [Self.tunnel]) == ruleset)
    }
  }

  @Test("leads directly to what a chain does with all packets of a tunnel")
  func direct() {
    let others = [
      RuleChain(
        name: "local", rules: [Self.rule([Self.from(Self.tunnel)], .goto("last")), Self.rule([], .drop)]),
      RuleChain(name: "last", rules: [Self.rule([.transport(.equal, .tcp)], .accept)]),
      RuleChain(name: "nothing", rules: [Self.rule([Self.from(Self.other)], .drop)]),
    ]
    let ruleset = Self.ruleset(
      [
        Self.rule([Self.from(Self.other)], .accept), Self.rule([Self.from(.loopback)], .accept),
        Self.rule([], .jump("nothing")), Self.rule([.transport(.equal, .udp)], .jump("local")),
        Self.rule([], .goto("local")),
      ], others: others
    ).optimized(usual: [Self.tunnel])
    #expect(Self.texts(ruleset, "input/wg0") == ["meta l4proto udp jump last", "goto last"])
  }

  @Test("keeps a rule that counts packets for a limit, whatever its chain does")
  func limits() throws {
    let limit = try #require(PortRange(22)).count
    let counted = Self.rule([.belowRate(PacketRate(perSecond: UInt32(limit)))], .jump("nothing"))
    let ruleset = Self.ruleset(
      [
        Self.rule([Self.from(Self.other)], .drop), Self.rule([Self.from(.loopback)], .accept), counted,
        Self.rule([.transport(.equal, .tcp)], .accept),
      ], others: [RuleChain(name: "nothing", rules: [])]
    ).optimized(usual: [Self.tunnel])
    #expect(Self.texts(ruleset, "input/wg0").count == 2)
  }

  @Test("is the same ruleset without tunnels, and in chains that see no input interface")
  func unchanged() {
    let rules = [
      Self.rule([.interface(.output, .equal, .exact(Self.other))], .drop),
      Self.rule([.interface(.output, .equal, .exact(.loopback))], .accept),
    ]
    let output = Self.ruleset(rules, hook: NFT.hookOutput)
    #expect(output.optimized(usual: [Self.tunnel]) == output)
    let input = Self.ruleset([
      Self.rule([Self.from(Self.other)], .drop), Self.rule([Self.from(.loopback)], .accept),
    ])
    #expect(input.optimized(usual: []) == input)
  }
}
