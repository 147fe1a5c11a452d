// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import PolicyTestSupport
import TestSupport
import Testing

@Suite("Grants that let nothing in") struct IneffectiveGrantsTests {
  private static let head = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.99.0.0/24, "fd99::/64"], listen: 51820 }
    machines:
      db:
        addresses: { wg0: [10.99.0.1, "fd99::1"] }
        endpoint: 203.0.113.5
        zones: { lan: { interfaces: [eth1], prefixes: [192.168.1.0/24] } }
      app: { addresses: { wg0: [10.99.0.2, "fd99::2"] }, endpoint: 203.0.113.6 }
    lists: { none: [], bad: [198.51.100.0/24] }
    block: [bad]
    encrypt: [{ between: [db, app], tunnel: wg0 }]

    """

  struct Case: Sendable, CustomTestStringConvertible {
    let grant: String
    var section = "allow"
    /// What each warning says.
    let warnings: [String]
    var testDescription: String { grant }
  }

  @Test(
    "are warnings, with the line that stops their packets",
    arguments: [
      Case(grant: "{ to: db, services: [ssh], from: app }", warnings: []),
      Case(
        grant: "{ to: db, services: [ssh], from: 203.0.113.6 }",
        warnings: [
          "never lets anything in: db stops its packets: policy.yaml:12 encrypt: not through the tunnel"
        ]),
      Case(
        grant: "{ to: db, services: [ssh], from: 203.0.113.6 }", section: "failsafe",
        warnings: ["never lets anything in: db stops its packets: policy.yaml:12"]),
      Case(
        grant: "{ to: db, services: [ssh], from: [lan, 203.0.113.6] }",
        warnings: ["never lets anything in from 203.0.113.6: db stops"]),
      Case(grant: "{ to: db, services: [ssh], from: 203.0.113.0/24 }", warnings: []),
      Case(
        grant: "{ to: db, services: [ssh], from: 198.51.100.7 }",
        warnings: ["never lets anything in: db stops its packets: policy.yaml:11 blocked list bad"]),
      Case(grant: "{ to: db, services: [ssh], from: none }", warnings: ["the list none is empty"]),
      Case(
        grant: "{ to: db.lan, services: [ssh], from: \"2001:db8::/32\" }",
        warnings: ["never lets anything in: no common address family"]),
      Case(grant: "{ to: db, services: [ping], from: anywhere, because: test }", warnings: []),
    ])
  func named(_ asked: Case) throws {
    let policy = try policy(Self.head + "\(asked.section):\n  - \(asked.grant)\n")
    let site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    let messages = PolicyTestRun(site).ineffective.warnings.map(\.message)
    #expect(messages.count == asked.warnings.count, "\(messages)")
    for (message, words) in zip(messages, asked.warnings) { #expect(message.contains(words), "\(message)") }
  }

  @Test(
    "are none of those in the shipped policies, also without their tests",
    arguments: [
      "confined-database", "exit-node", "home-server", "kubernetes-node", "port-forward", "rootski",
      "starter",
      "two-sites-same-numbers", "two-tunnels",
    ])
  func shipped(_ name: String) throws {
    let untested = try shippedPolicy(name, without: "tests")
    let site = CompiledSite(untested, today: try #require(CalendarDate("2026-11-24")))
    #expect(PolicyTestRun(site).ineffective.warnings.isEmpty)
  }

  /// The walk of all packets decides; the walk of one packet must not find a packet that gets through.
  @Test("let no single packet in, in random policies")
  func random() throws {
    let today = try #require(CalendarDate("2026-11-28"))
    var (policies, found) = (0, 0)
    for seed in 1...400 as ClosedRange<UInt64> where policies < 100 {
      guard let policy = RandomSite.policy(RandomSite(seed: seed).text, today: today) else { continue }
      policies += 1
      let site = CompiledSite(policy, today: today)
      let warnings = PolicyTestRun(site).ineffective.warnings.filter { !$0.message.contains(" in from ") }
      let lines = Set(warnings.map(\.location.line))
      found += lines.count
      for grant in policy.grants + policy.failsafe where lines.contains(grant.location.line) {
        for target in grant.to {
          for source in grant.from where source != .machine(target.machine) {
            for service in grant.services {
              let question = Question(sources: [source], target: target, service: service)
              let paths = Explanation(question, of: site, .across).paths
              // Between hosts of one network a grant decides nothing.
              let letIn = paths.contains { path in
                path.verdict == .accept && path.deciding?.reason.hasPrefix("stays on") == false
              }
              #expect(!letIn, "seed \(seed), line \(grant.location.line): \(source) \(service.name)")
            }
          }
        }
      }
    }
    #expect(policies == 100 && found > 5)
  }
}
