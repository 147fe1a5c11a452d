// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import NetworkModel
import PolicyAnalysis
import PolicyCompiler
import PolicyFiles
import PolicyLanguage
import PolicyProof
import Ruleset
import TestSupport
import Testing

@testable import DaemonService

@Suite("From policy files to a candidate")
struct PolicyLoaderTests {
  static let loader = PolicyLoader(machine: MachineChoice(given: "server"))

  static func load(_ text: String, _ loader: PolicyLoader = loader) -> PolicyLoader.Loaded {
    loader.load("p.yaml", .bytes(Array(text.utf8))) { ("/lists/\($0)", .unreadable(reason: "none")) }
  }

  static func rejection(_ loaded: PolicyLoader.Loaded) -> PolicyRejection? {
    if case .failure(let rejection) = loaded.result { rejection } else { nil }
  }

  @Test("an accepted policy has its compiled and lowered ruleset")
  func accepted() throws {
    let loaded = Self.load(
      FakeFirewall.text(5432, tests: "tests:\n  - { from: laptop, to: server, allow: [5432/tcp] }\n"))
    let candidate = try loaded.result.get()
    #expect(candidate.machine == "server" && candidate.digest == loaded.digest)
    let alone = try Candidate(
      candidate.policy, machine: "server", digest: "", today: candidate.today, live: candidate.live)
    #expect(candidate.ruleset == alone.ruleset)
    #expect(candidate.table(.policy) == alone.table(.policy))
    #expect(candidate.view?.table == alone.table(.policy))
  }

  @Test("the daemon and a verb get the same result from the same file")
  func twoWays() throws {
    let text = FakeFirewall.text(5432)
    let file = try PolicyFile.decode("p.yaml", .bytes(Array(text.utf8))) { _ in .unreadable(reason: "none") }
    let (one, two) = (Self.load(text), Self.loader.accept(file, path: "p.yaml"))
    #expect(one.digest == two.digest)
    #expect(try one.result.get().ruleset == two.result.get().ruleset)
  }

  @Test("a rejection has the kind of its reason")
  func rejections() {
    if case .invalid(let errors)? = Self.rejection(Self.load("version: [")) {
      #expect(!errors.isEmpty)
    } else {
      Issue.record("not refused as invalid")
    }
    let failing = FakeFirewall.text(
      5432, tests: "tests:\n  - { from: laptop, to: server, allow: [ssh, 80/tcp] }\n")
    if case .failedTests(let failures, let count)? = Self.rejection(Self.load(failing)) {
      #expect(count == 2 && failures.count == 2)
    } else {
      Issue.record("not refused for its tests")
    }
    let other = PolicyLoader(machine: MachineChoice(given: "nobody"))
    if case .noMachine(let error)? = Self.rejection(Self.load(FakeFirewall.text(5432), other)) {
      #expect(error.machine == "nobody")
    } else {
      Issue.record("not refused for its machine")
    }
    if case .unreadable(let reason)? = Self.rejection(
      Self.loader.load("/nowhere/p.yaml", .unreadable(reason: "gone")) { ($0, .unreadable(reason: "none")) })
    {
      #expect(reason == "gone")
    } else {
      Issue.record("not refused as unreadable")
    }
  }

  @Test("the daemon's refusal is a sentence with a report")
  func words() throws {
    let failing = FakeFirewall.text(5432, tests: "tests:\n  - { from: laptop, to: server, allow: [ssh] }\n")
    guard case .refused(let refusal) = Self.load(failing).reading else {
      Issue.record("accepted")
      return
    }
    #expect(refusal.reason == "1 of the tests of p.yaml failed" && !refusal.report.isEmpty)
    #expect(refusal.digest != nil)
    guard case .refused(let gone) = Self.loader.load("/nowhere/p.yaml").reading else {
      Issue.record("accepted")
      return
    }
    #expect(gone.reason.hasPrefix("/nowhere/p.yaml: ") && gone.digest == nil)
  }

  @Test("a host name that changed is the machine of the next reading")
  func hostName() throws {
    try withOwnHostName { rename in
      let loader = PolicyLoader(machine: MachineChoice())
      for (name, machine) in [("server", "server"), ("laptop.example.net", "laptop"), ("server", "server")] {
        try rename(name)
        #expect(try Self.load(FakeFirewall.text(5432), loader).result.get().machine == machine)
      }
      try rename("elsewhere")
      #expect(Self.rejection(Self.load(FakeFirewall.text(5432), loader)) != nil)
    }
  }
}
