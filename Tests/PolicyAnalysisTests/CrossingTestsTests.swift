// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

/// A machine that takes a signed release runs only the tests whose packets may pass it.
@Suite("Tests that cross a machine")
struct CrossingTestsTests {
  private static let today = CalendarDate(secondsSince1970: 1_795_500_000)

  /// The places and words of the failures, in their order.
  private static func failures(_ run: PolicyTestRun) -> [String] {
    run.failures.map { "\($0.location): \($0.expectation)" }
  }

  @Test(
    "they fail exactly where all tests fail, whatever rule of the machine is missing or inverted",
    arguments: ["rootski", "starter", "home-server"])
  func mutants(_ name: String) throws {
    let site = CompiledSite(try shippedPolicy(name), today: Self.today)
    try #require(!site.policy.tests.isEmpty)
    var (failing, tried) = (0, 0)
    for machine in site.policy.machines {
      let mutations = Mutation.all(of: site.table(of: machine))
      for place in stride(from: 0, to: mutations.count, by: max(1, mutations.count / 6)) {
        var broken = site
        broken.replaced[machine.name] = mutations[place].table
        let all = Self.failures(PolicyTestRun(broken))
        #expect(
          Self.failures(PolicyTestRun(broken, .crossing(machine.name))) == all, "\(machine.name), \(place)")
        tried += 1
        if !all.isEmpty { failing += 1 }
      }
    }
    #expect(tried >= 6)
    #expect(failing > 0, "no mutation breaks a test")
  }

  @Test("they are fewer than all for a peer, all for the hub, and their sum over the machines is all")
  func fewer() throws {
    let policy = try shippedPolicy("rootski")
    let site = CompiledSite(policy, today: Self.today)
    let all = PolicyTestRun(site).passed
    let hub = try #require(policy.tunnels.compactMap(\.hub).first)
    #expect(PolicyTestRun(site, .crossing(hub)).passed == all)
    let counts = policy.machines.map { PolicyTestRun(site, .crossing($0.name)).passed }
    #expect(counts.reduce(0, +) >= all)
    #expect(counts.contains { $0 < all })
    #expect(PolicyTestRun(site, .crossing("nobody")).passed == 0)
  }
}
