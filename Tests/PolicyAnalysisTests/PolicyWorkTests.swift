// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import PolicyAnalysis
import PolicyLanguage
import Testing

@Suite("The cost of a policy")
struct PolicyWorkTests {
  private func policy(machines: Int, _ lines: String) throws -> Policy {
    var text = "version: 1\ntunnels: { wg0: { prefixes: [10.0.0.0/16], listen: 51820 } }\nmachines:\n"
    for number in 0..<machines {
      text += "  m\(number): { addresses: { wg0: [10.0.\(number / 250).\(number % 250 + 1)] } }\n"
    }
    text += "groups: { all-machines: [\((0..<machines).map { "m\($0)" }.joined(separator: ", "))] }\n" + lines
    let decoded = PolicyDecoder.decode(
      bytes: Array(text.utf8), path: "policy.yaml", today: CalendarDate(secondsSince1970: 0)
    ) { _ in .unreadable(reason: "") }
    return try #require(decoded.policy, "\(decoded.diagnostics.map(\.message))")
  }

  @Test("millions of packets from a few lines are counted without walking one")
  func large() throws {
    let policy = try policy(
      machines: 700, "tests:\n  - { from: all-machines, to: all-machines, deny: [ssh, 8000-8010/tcp] }\n")
    let start = ContinuousClock.now
    let work = PolicyWork(policy)
    #expect(ContinuousClock.now - start < .seconds(1))
    #expect(work.packets == 700 * 700 * 2 * 3)
    #expect(
      work.refusal?.contains("its tests send 2940000 packets, and the daemon checks at most 200000") == true)
  }

  @Test("pairs of grants from all machines to all machines are counted")
  func grants() throws {
    let work = PolicyWork(
      try policy(machines: 500, "allow:\n  - { to: all-machines, from: all-machines, services: [ssh] }\n"))
    #expect(work.pairs == 250_000 && work.packets == 0)
    #expect(work.refusal?.contains("250000 pairs") == true)
  }

  @Test("a policy of some dozen machines is within the limit")
  func small() throws {
    let policy = try policy(
      machines: 40,
      """
      allow:
        - { to: all-machines, from: all-machines, services: [ssh] }
      tests:
        - { from: all-machines, to: all-machines, allow: [ssh] }

      """)
    #expect(PolicyWork(policy).refusal == nil)
  }

  @Test("failed tests are stored up to the limit, and all are counted", arguments: [0, 3, Int.max])
  func failures(most: Int) throws {
    let policy = try policy(
      machines: 5, "tests:\n  - { from: all-machines, to: all-machines, allow: [ssh, 8000/tcp] }\n")
    let run = PolicyTestRun(
      CompiledSite(policy, today: CalendarDate(secondsSince1970: 0)), keeping: most)
    #expect(run.failed == 40 && run.passed == 0)
    #expect(run.failures.count == min(most, 40))
  }
}
