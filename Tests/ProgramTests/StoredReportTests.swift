// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import Enforcement
@testable import Ruleset
@testable import wgfence
@testable import DaemonService
import PolicyCompiler

@Suite("What is said of something that is in force")
struct StoredReportTests {
  static let changes: [StoredReport.Change] = [.apply, .confirm, .rollback, .panic, .endPanic, .unload]

  @Test("where it is stored there is nothing to warn of", arguments: changes)
  func stored(change: StoredReport.Change) {
    let report = StoredReport(done: "Done", change: change, notPersisted: nil, remedy: "")
    #expect(report.warning == nil)
  }

  @Test("where it is not, nothing promises that it lasts, and the reason is said", arguments: changes)
  func notStored(change: StoredReport.Change) throws {
    let report = StoredReport(
      done: "Done", change: change, notPersisted: "No space left on device", remedy: "Then try again")
    #expect(report.text.description == "Done.\n")
    let warning = try #require(report.warning).description
    #expect(warning.contains("No space left on device") && warning.hasSuffix("Then try again"))
    #expect(warning.contains("restart"))
  }

  @Test("a panic that is stored is said to hold over a restart")
  func panic() {
    let done = FirewallRequest.PanicChange.begin.report(nil)
    let kept = StoredReport(done: done, change: .panic, notPersisted: nil, remedy: "")
    #expect(kept.text.description.contains("It holds over a restart"))
    let lost = StoredReport(done: done, change: .panic, notPersisted: "full", remedy: "")
    #expect(!lost.text.description.contains("It holds over a restart"))
    #expect(lost.warning?.description.contains("does not survive a restart") == true)
  }
}

@Suite("What is in force, whoever put it there")
struct LoadedRulesetTests {
  static let table = Lowering.table(PolicyCompiler.lastResort)

  @Test("a table that filters nothing protects nothing")
  func nothing() {
    var dormant = Self.table
    dormant.flags |= NFT.tableDormant
    #expect(LoadedRuleset(dormant) == nil)
    #expect(LoadedRuleset(KernelTable(family: NFT.familyInet, name: "wgfence")) == nil)
  }

  @Test("a table that a process owns is held by it, and is compared without regard to that")
  func held() throws {
    var owned = Self.table
    owned.flags |= NFT.tableOwnership
    let loaded = try #require(LoadedRuleset(owned))
    #expect(loaded.holder == .process)
    #expect(loaded.difference(from: Self.table) == 0)
    #expect(loaded.sentence(storedIn: nil).description.contains("a running daemon holds"))
    var other = Self.table
    other.chains[0].rules.removeLast()
    #expect(loaded.difference(from: other) > 0)
    #expect(try #require(LoadedRuleset(Self.table)).holder == .nobody)
  }
}
