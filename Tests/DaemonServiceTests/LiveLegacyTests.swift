// SPDX-License-Identifier: GPL-3.0-or-later

import LinuxHost
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import Testing

@testable import Reports

@Suite("What is read of a host with tables of legacy iptables", .serialized)
struct LiveLegacyTests {
  private static let programs = ["iptables-legacy", "ip6tables-legacy"]

  @Test("A live explanation names the policy of a legacy chain that drops the packet")
  func policyDrop() throws {
    try LiveHost.with(Self.programs) { site, machine in
      #expect(try LiveHost.explained(site, machine).explanation.verdict == .accept)
      try LiveHost.shell("iptables-legacy -P INPUT DROP; ip6tables-legacy -P INPUT DROP")
      let report = try LiveHost.explained(site, machine)
      #expect(report.explanation.verdict == .drop)
      let text = "\(report.text)"
      #expect(text.contains("legacy filter INPUT"))
      #expect(text.contains("legacy ip filter INPUT policy"))
      #expect(text.contains("legacy ip6 filter INPUT policy"))
      #expect(report.json.contains("\"subsystem\": \"legacy\""))
    }
  }

  @Test("A live explanation names the rule of a legacy chain")
  func rule() throws {
    try LiveHost.with(Self.programs) { site, machine in
      try LiveHost.shell(
        "iptables-legacy -A INPUT -i lo -j ACCEPT; iptables-legacy -A INPUT -p tcp --dport 22 -j REJECT")
      let report = try LiveHost.explained(site, machine)
      let path = try #require(report.explanation.paths.first)
      #expect(path.verdict == .reject)
      #expect(path.hops.map(\.because) == ["legacy ip filter INPUT rule 2"])
    }
  }

  @Test("A legacy table is never one that is planned or written: nf_tables does not have it")
  func written() throws {
    try LiveHost.with(Self.programs) { _, _ in
      try LiveHost.shell("iptables-legacy -P INPUT DROP; nft add table ip filter")
      let tables = try LoadedTables.read()
      #expect(tables.map(\.subsystem) == [.nfTables, .legacy])
      #expect(tables.map { RuleText.name(of: $0) } == ["ip filter", "legacy ip filter"])
    }
  }
}
