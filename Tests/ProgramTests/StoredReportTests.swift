// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import Enforcement
@testable import Ruleset
@testable import wgfence
@testable import DaemonService
import PolicyCompiler

@Suite("Messages after a change: whether it is stored")
struct StoredReportTests {
  static let changes: [StoredReport.Change] = [.apply, .confirm, .rollback, .panic, .endPanic, .unload]

  @Test("there is no warning if the change is stored", arguments: changes)
  func stored(change: StoredReport.Change) {
    let report = StoredReport(done: "Done", change: change, notPersisted: nil, remedy: "")
    #expect(report.warning == nil)
  }

  @Test("a change that is not stored gives a warning with the reason", arguments: changes)
  func notStored(change: StoredReport.Change) throws {
    let report = StoredReport(
      done: "Done", change: change, notPersisted: "No space left on device", remedy: "Then try again")
    #expect(report.text.description == "Done.\n")
    let warning = try #require(report.warning).description
    #expect(warning.contains("No space left on device") && warning.hasSuffix("Then try again"))
    #expect(warning.contains("restart"))
  }

  @Test("the message of a stored panic says that it stays in force after a restart")
  func panic() {
    let done = FirewallRequest.PanicChange.begin.report(nil)
    let stored = StoredReport(done: done, change: .panic, notPersisted: nil, remedy: "")
    #expect(stored.text.description.contains("It stays in force after a restart"))
    let lost = StoredReport(done: done, change: .panic, notPersisted: "full", remedy: "")
    #expect(!lost.text.description.contains("It stays in force after a restart"))
    #expect(lost.warning?.description.contains("does not survive a restart") == true)
  }
}

@Suite("Loaded rulesets, no matter who loaded them")
struct LoadedRulesetTests {
  static let table = Lowering.table(PolicyCompiler.lastResort)

  @Test("a table that filters nothing does not count as loaded")
  func nothing() {
    var dormant = Self.table
    dormant.flags |= NFT.tableDormant
    #expect(LoadedRuleset(dormant) == nil)
    #expect(LoadedRuleset(KernelTable(family: NFT.familyInet, name: "wgfence")) == nil)
  }

  @Test("the owner of a table is found, and is not compared")
  func held() throws {
    var owned = Self.table
    owned.flags |= NFT.tableOwnership
    let loaded = try #require(LoadedRuleset(owned))
    #expect(loaded.holder == .process)
    #expect(loaded.difference(from: Self.table) == 0)
    #expect(loaded.sentence(storedIn: nil).description.contains("a running daemon owns"))
    var other = Self.table
    other.chains[0].rules.removeLast()
    #expect(loaded.difference(from: other) > 0)
    #expect(try #require(LoadedRuleset(Self.table)).holder == .nobody)
  }
}
