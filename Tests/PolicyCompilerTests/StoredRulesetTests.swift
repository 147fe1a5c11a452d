// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import LinuxHost
import PolicyCompiler
import Ruleset
import TestSupport
import Testing

@Suite("A stored ruleset, and the owner of the table")
struct StoredRulesetTests {
  static let provenance = Provenance(
    kind: .policy, path: "policy.yaml", digest: "d", machine: "m", by: "test", since: 1)

  @Test(
    "is sent unchanged and gives the kernel the stored table, whatever was there before",
    arguments: GoldenPolicy.all)
  func replays(_ golden: GoldenPolicy) throws {
    for (_, ruleset, _) in try golden.rulesets() {
      let table = Lowering.table(ruleset)
      let stored = try #require(StoredRuleset(try StoredRuleset(table, Self.provenance).bytes))
      #expect(Plan(desired: table, observed: stored.table).isEmpty)
      let observed = try inNetworkNamespace {
        var kernel = try KernelRuleset()
        // Over a table with other contents, and over itself.
        try nft(load: "table inet wgfence { set s { type ipv4_addr; }; chain c { ip saddr @s accept; }; }")
        try kernel.replay(stored)
        try kernel.replay(stored)
        return try kernel.read().table
      }
      #expect(Plan(desired: table, observed: observed).isEmpty)
    }
  }

  /// A table that asks for ownership.
  static var held: KernelTable {
    var table = Lowering.table(PolicyCompiler.lastResort)
    table.flags |= NFT.tableOwnership
    return table
  }

  /// Whether this kernel supports tables with an owner that persist (Linux 6.9).
  static let canHold = KernelRelease.running().map { $0 >= KernelRelease(major: 6, minor: 9) } ?? false

  @Test(
    "a flush skips a table with an owner, and others cannot change it",
    .enabled(if: canHold, "owner and persist need Linux 6.9"))
  func holds() throws {
    try inNetworkNamespace {
      var kernel = try KernelRuleset()
      _ = try Enforcer.apply(Self.held, to: &kernel)
      #expect(try Enforcer.plan(Self.held, in: &kernel).plan.isEmpty)
      #expect(try run(["nft", "flush", "ruleset"]).status == 0)
      #expect(try run(["nft", "delete", "table", "inet", "wgfence"]).status != 0)
      #expect(try run(["nft", "add", "rule", "inet", "wgfence", "ingress", "accept"]).status != 0)
      #expect(try Enforcer.plan(Self.held, in: &kernel).plan.isEmpty)
    }
  }

  @Test(
    "a table outlives its owner, and the next owner takes it over in place",
    .enabled(if: canHold, "owner and persist need Linux 6.9"))
  func isTakenOver() throws {
    try inNetworkNamespace {
      do {
        var first = try KernelRuleset()
        _ = try Enforcer.apply(Self.held, to: &first)
      }
      var second = try KernelRuleset()
      let outcome = try Enforcer.apply(Self.held, to: &second)
      #expect(outcome.before != nil)
      #expect(outcome.plan.scope == .inPlace)
      #expect(outcome.plan.operations.count == 1)
      #expect(try run(["nft", "delete", "table", "inet", "wgfence"]).status != 0)
    }
  }

  @Test(
    "a table without the persist flag is created again, with its counters",
    .enabled(if: canHold, "owner and persist need Linux 6.9"))
  func isMadeAnew() throws {
    try inNetworkNamespace {
      var kernel = try KernelRuleset()
      var plain = Self.held
      plain.flags = 0
      _ = try Enforcer.apply(plain, to: &kernel)
      #expect(try Enforcer.apply(Self.held, to: &kernel).plan.scope == .whole)
      // A ruleset that does not ask for ownership leaves the owner as it is.
      #expect(try Enforcer.plan(plain, in: &kernel).plan.isEmpty)
    }
  }

  @Test("a change by another program is reported with its name, and whether it touched the table")
  func tellsOfChanges() throws {
    try inNetworkNamespace {
      var events = try RulesetEvents(table: "wgfence")
      try nft(load: "table inet other { chain c { }; }")
      let other = try events.read()
      #expect(other.changes.map(\.touchesTable) == [false])
      #expect(other.changes.first?.author?.name == "nft")
      try nft(load: "table inet wgfence { chain c { }; }\ntable ip wgfence { chain c { }; }")
      let own = try events.read()
      #expect(own.changes.map(\.touchesTable) == [true])
      #expect(!own.isLossy)
      // The same name in another family is another table.
      try nft(load: "delete table ip wgfence")
      #expect(try events.read().changes.map(\.touchesTable) == [false])
      try nft(load: "flush ruleset")
      let flushed = try events.read().changes
      #expect(flushed.map(\.touchesTable) == [true])
      var kernel = try KernelRuleset()
      #expect(flushed.last?.generation == (try kernel.read().generation))
    }
  }
}
