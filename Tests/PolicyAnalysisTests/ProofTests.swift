// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import Glibc
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import PolicyProof
import Ruleset
import TestSupport
import Testing

@Suite("Proof") struct ProofTests {
  @Test("holds for every shipped policy", arguments: ShippedPolicies.names)
  func shipped(_ name: String) throws {
    let policy = try shippedPolicy(name)
    let proof = Proof.prove(CompiledSite(policy, today: try #require(CalendarDate("2026-11-24"))))
    #expect(proof.counterExamples.isEmpty, "\(proof.counterExamples)")
    #expect(proof.machines == policy.machines.count)
    #expect(proof.classes > 100)
  }

  @Test("holds for every policy with a recorded ruleset", arguments: try recordedPolicies())
  func recorded(_ name: String) throws {
    let policy = try policyFile("Tests/Golden/accepted/\(name)/policy.yaml")
    let proof = Proof.prove(CompiledSite(policy, today: try #require(CalendarDate("2026-11-24"))))
    #expect(proof.counterExamples.isEmpty, "\(proof.counterExamples)")
  }

  /// Checks tables that were compiled from another policy.
  @Test(
    "finds a counter-example if the ruleset was compiled from another policy",
    arguments: [
      (
        "allow:\n  - { to: server, services: [ssh], from: laptop }",
        "allow:\n  - { to: server, services: [ssh, postgres], from: laptop }", ProofClaim.ungranted
      ),
      (
        "allow:\n  - { to: server, services: [ssh, postgres], from: laptop }",
        "allow:\n  - { to: server, services: [ssh], from: laptop }", .granted
      ),
      (
        "allow:\n  - { to: server, services: [ssh], from: laptop }",
        "allow:\n  - { to: server, services: [ssh], from: [laptop, 198.51.100.0/24] }", .ungranted
      ),
      (
        "allow:\n  - { to: server, services: [ssh], from: laptop }\nencrypt:\n  - { between: [server, laptop], tunnel: wg0 }",
        "allow:\n  - { to: server, services: [ssh], from: laptop }", .encrypted
      ),
      (
        "allow:\n  - { to: server, services: [ssh], from: laptop }\nlists:\n  bad: [192.0.2.0/24]\nblock: [bad]",
        "allow:\n  - { to: server, services: [ssh], from: laptop }", .blocked
      ),
    ])
  func finds(_ text: String, _ other: String, _ claim: ProofClaim) throws {
    let head = """
      version: 1
      tunnels:
        wg0: { prefixes: [10.77.0.0/24, "fd77::/64"], listen: 51820 }
      machines:
        server: { addresses: { wg0: [10.77.0.1, "fd77::1"] }, endpoint: 203.0.113.1 }
        laptop: { addresses: { wg0: [10.77.0.2, "fd77::2"] }, endpoint: 203.0.113.2 }

      """
    let today = try #require(CalendarDate("2026-11-24"))
    let site = CompiledSite(try policy(head + text), today: today)
    let wrong = CompiledSite(try policy(head + other), today: today)
    let server = try #require(site.policy.machine(named: "server"))
    var proof = Proof(site)
    proof.prove(server, wrong.table(of: try #require(wrong.policy.machine(named: "server"))))
    let example = try #require(proof.counterExamples.first { $0.claim == claim }, "\(proof.counterExamples)")
    // The walk of the packet gives the verdict that the proof reports.
    #expect(example.found.hasPrefix(example.trace.verdict.rawValue))
    #expect(!example.expected.hasPrefix(example.found))
  }

  @Test(
    "ignores a chain at a wrong hook or priority",
    arguments: [
      ("sources", NFT.hookPrerouting, Int32(-300)), ("ingress", NFT.hookPrerouting, -300),
      ("ingress", NFT.hookPrerouting, -50),
      ("ingress", NFT.hookInput, -150), ("input", NFT.hookForward, 0), ("forward", NFT.hookInput, -1),
      ("output", NFT.hookPostrouting, 0), ("postrouting", NFT.hookPostrouting, 50),
    ])
  func places(_ chain: String, _ hook: UInt32, _ priority: Int32) throws {
    let site = CompiledSite(try shippedPolicy("rootski"), today: try #require(CalendarDate("2026-11-24")))
    let machine = try #require(site.policy.machine(named: "onprem"))
    var table = site.table(of: machine)
    let place = try #require(table.chains.firstIndex { $0.name == chain })
    table.chains[place].base?.hook = hook
    table.chains[place].base?.priority = priority
    var proof = Proof(site)
    proof.prove(machine, table)
    #expect(proof.counterExamples.contains { $0.chain.hasPrefix("\(chain), which is not at its hook") })
  }
}
