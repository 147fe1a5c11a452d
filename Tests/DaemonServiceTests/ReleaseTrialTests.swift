// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import NetworkModel
import ReleaseFiles
import ReleaseTestSupport
import Releases
import Testing

@testable import DaemonService

@Suite("Signed releases on trial")
struct ReleaseTrialTests {
  typealias Loading = ReleaseLoaderTests
  typealias Draft = ReleaseDraft

  @Test(
    "kill -9 at every step of a trial: the release before it is in force again, and stays until the new one is accepted again"
  )
  func killedTrials() throws {
    let trial = try #require(TrialTime(seconds: 60))
    // 0: the trial is stored; 1 to 4: after that step of the ratchet; 5: everything was done.
    for cut in 0...5 {
      let member = try Loading.Member()
      try member.places.join(try Draft.trust(), after: 0)
      let bundles = [try Loading.release(1, port: 5432), try Loading.release(2, port: 5433)]
      try member.places.take(try ReleaseLoader.verify(bundles[0].bytes, in: member.places.membership()))
      let first = try #require(member.loadTaken())
      #expect(Loading.read(first, member.firewall) == nil)
      let second = try ReleaseLoader.verify(bundles[1].bytes, in: member.places.membership())
      let loaded = try Loading.loader.load(second, at: Loading.issued, unless: nil)
      let candidates = [try first.result.get(), try loaded.result.get()]
      let before = member.firewall.driver.store
      var stored: PersistedState?
      _ = try member.firewall.apply(candidates[1], trial: trial) {
        // The ruleset to go back to is on disk, and the kernel is as before.
        stored = member.firewall.directory.state().value
        return Result { for step in member.places.steps(second).prefix(cut) { try step.run() } }.failure
      }
      let promise = try #require(stored?.pending)
      #expect(promise.back == stored?.inForce && promise.superseded == [loaded.digest])
      #expect(Loading.kernel(member.firewall, candidates) == 1)
      if cut < 5 {
        // As if the process had ended before it changed the kernel.
        member.firewall.driver.store = before
        try member.firewall.directory.write(try #require(stored))
      }
      Loading.restart(member.firewall)
      if cut == 5 {
        #expect(Loading.kernel(member.firewall, candidates) == 1)
        #expect(Loading.read(try #require(member.loadTaken()), member.firewall) == nil)
        let late = Moment(
          sinceBoot: FakeFirewall.now.sinceBoot + 60_000_000_000,
          sinceEpoch: FakeFirewall.now.sinceEpoch + 60,
          boot: "one")
        member.firewall.driver.perform(member.firewall.driver.controller.ring(at: late))
      }
      #expect(Loading.kernel(member.firewall, candidates) == 0, "cut after \(cut)")
      #expect(Loading.read(try #require(member.loadTaken()), member.firewall) == nil)
      #expect(Loading.kernel(member.firewall, candidates) == 0, "cut after \(cut)")
      Loading.restart(member.firewall)
      #expect(Loading.read(try #require(member.loadTaken()), member.firewall) == nil)
      #expect(Loading.kernel(member.firewall, candidates) == 0, "cut after \(cut)")
      #expect(try #require(try member.check().ratchet).serial == (cut >= 3 ? 2 : 1))
      // A later release ends that.
      try member.places.take(
        try ReleaseLoader.verify(
          try Loading.release(3, port: 5434).bytes, in: member.places.membership()))
      let third = try #require(member.loadTaken())
      #expect(Loading.read(third, member.firewall) == nil)
      #expect(Loading.kernel(member.firewall, [try third.result.get()]) == 0)
    }
  }

  @Test("a release that cannot be taken does not begin its trial")
  func trialWithoutTaking() throws {
    let member = try Loading.Member()
    let (old, new) = (try FakeFirewall.candidate("a"), try FakeFirewall.candidate("b", port: 1))
    _ = try member.firewall.apply(old)
    #expect(throws: Refusal("no space")) {
      try member.firewall.apply(new, trial: TrialTime(seconds: 60)) { "no space" }
    }
    #expect(Loading.kernel(member.firewall, [old, new]) == 0)
    #expect(member.firewall.driver.controller.state.pending == nil)
    #expect(member.firewall.directory.state().value?.pending == nil)
  }

  @Test(
    "a release is on trial only where it permits to go back to what is in force, and only as long as it permits"
  )
  func permittedTrials() throws {
    func refusal(_ back: Statement.FallBack, _ path: String?, seconds: Int64 = 60) throws -> String {
      var statement = try Draft.statement(epoch: 2, serial: 42)
      statement.fallBack = back
      let inForce = path.map {
        Provenance(kind: .policy, path: $0, digest: "d", machine: "server", by: "eric", since: 1)
      }
      do throws(Refusal) {
        let trial = try TrialTime(words: "\(seconds)s")
        try ReleaseLoader.permitTrial(statement, trial, inForce: inForce, at: Loading.issued)
        return ""
      } catch {
        return "\(error)"
      }
    }
    let hour = Statement.FallBack.release(41, until: Loading.issued.adding(3600))
    #expect(try refusal(hour, "release-2.41/policy.yaml") == "")
    #expect(try refusal(hour, "release-2.41/policy.yaml", seconds: 3600) == "")
    #expect(try refusal(hour, "release-2.41/policy.yaml", seconds: 3601).contains("use a shorter --confirm"))
    #expect(try refusal(.never, "release-2.41/policy.yaml").contains("cannot be on trial"))
    for other in [
      "release-2.40/policy.yaml", "release-1.41/policy.yaml", "release-2.411/policy.yaml", "p.yaml",
    ] {
      #expect(
        try refusal(hour, other)
          == "release 42 lets a machine go back to release 41 only, and \(other) is in force here")
    }
    #expect(try refusal(hour, nil).hasSuffix("nothing is in force here"))
  }
}

extension Result {
  /// The error as a text; nil if there is none.
  fileprivate var failure: String? {
    if case .failure(let error) = self { "\(error)" } else { nil }
  }
}
