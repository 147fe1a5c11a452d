// SPDX-License-Identifier: GPL-3.0-or-later

import DaemonService
import LinuxHost
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@testable import Reports

@Suite("What is read of a host with tables of legacy iptables", .serialized)
struct LiveLegacyTests {
  private static let policy = """
    version: 1
    tunnels: { wg0: { prefixes: [10.99.0.0/24, "fd99::/64"], listen: 51820 } }
    machines:
      db: { addresses: { wg0: [10.99.0.1, "fd99::1"] }, endpoint: [203.0.113.5, "2001:db8:203::5"] }
      app: { addresses: { wg0: [10.99.0.2, "fd99::2"] } }
    allow: [{ to: db, services: [postgres], from: app }]

    """

  private static func shell(_ script: String) throws {
    let result = try run(["sh", "-ec", script])
    try #require(result.status == 0, "\(result.errors)")
  }

  /// Runs a body in a namespace with one interface, if this machine has the programs of legacy iptables.
  private static func onHost(_ body: (CompiledSite, Machine) throws -> Void) throws {
    let today = try #require(CalendarDate("2026-11-29"))
    let decoded = PolicyDecoder.decode(bytes: Array(policy.utf8), path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "no lists here")
    }
    let policy = try #require(decoded.policy)
    let machine = try #require(policy.machine(named: "db"))
    try inNetworkNamespace {
      for program in ["iptables-legacy", "ip6tables-legacy"] where !isInstalled(program) {
        print("skipped: \(program) is not installed")
        return
      }
      try shell(
        """
        ip link set lo up
        ip link add eth0 type veth peer name far0
        ip link set eth0 up
        ip link set far0 up
        ip address add 203.0.113.5/24 dev eth0
        ip address add 2001:db8:203::5/64 dev eth0 nodad
        ip route add default via 203.0.113.1
        """)
      try body(CompiledSite(policy, today: today, live: LiveFacts()), machine)
    }
  }

  private static func explained(_ site: CompiledSite, _ machine: Machine) throws -> ExplanationReport {
    let question = try Question(
      site.policy, machine: machine, from: "internet", to: "22/tcp", destination: nil, over: nil)
    let found = try LiveExplanation(question, of: site, on: machine, by: nil)
    return ExplanationReport(
      machine: machine.name, question: question, explanation: found.explanation, notes: found.notes,
      isLive: true)
  }

  @Test("A live explanation names the policy of a legacy chain that drops the packet")
  func policyDrop() throws {
    try Self.onHost { site, machine in
      #expect(try Self.explained(site, machine).explanation.verdict == .accept)
      try Self.shell("iptables-legacy -P INPUT DROP; ip6tables-legacy -P INPUT DROP")
      let report = try Self.explained(site, machine)
      #expect(report.explanation.verdict == .drop)
      let text = "\(report.text(.plain))"
      #expect(text.contains("legacy filter INPUT"))
      #expect(text.contains("legacy ip filter INPUT policy"))
      #expect(text.contains("legacy ip6 filter INPUT policy"))
      #expect(report.json.contains("\"subsystem\": \"legacy\""))
    }
  }

  @Test("A live explanation names the rule of a legacy chain")
  func rule() throws {
    try Self.onHost { site, machine in
      try Self.shell(
        "iptables-legacy -A INPUT -i lo -j ACCEPT; iptables-legacy -A INPUT -p tcp --dport 22 -j REJECT")
      let report = try Self.explained(site, machine)
      let path = try #require(report.explanation.paths.first)
      #expect(path.verdict == .reject)
      #expect(path.hops.map(\.because) == ["legacy ip filter INPUT rule 2"])
    }
  }

  @Test("A legacy table is never one that is planned or written: nf_tables does not have it")
  func written() throws {
    try Self.onHost { _, _ in
      try Self.shell("iptables-legacy -P INPUT DROP; nft add table ip filter")
      let tables = try LoadedTables.read()
      #expect(tables.map(\.subsystem) == [.nfTables, .legacy])
      #expect(tables.map { RuleText.name(of: $0) } == ["ip filter", "legacy ip filter"])
    }
  }
}
