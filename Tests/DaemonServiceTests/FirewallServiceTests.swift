// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import KernelTestSupport
import NetworkModel
import Ruleset
import Testing

@testable import DaemonService

@Suite("Requests")
struct FirewallServiceTests {
  static let minute = TrialTime(seconds: 60)
  static let session = "192.0.2.1,4711>192.0.2.2,22"

  /// The reason why a request is refused; its result if it is not.
  static func refusal(_ body: () throws(Refusal) -> FirewallResult) -> String {
    do throws(Refusal) {
      return "done: \(try body().text)"
    } catch {
      return error.description
    }
  }

  @Test("an apply reports the number of operations and the kernel's generation")
  func apply() throws {
    let firewall = try FakeFirewall()
    let result = try firewall.apply(try FakeFirewall.candidate("a"))
    #expect(result.operations > 0 && result.generation == 2 && result.notPersisted == nil)
    #expect(firewall.directory.state().value?.inForce == 1)
    let again = try firewall.apply(try FakeFirewall.candidate("a"))
    #expect(again.operations == 0 && again.generation == 2)
  }

  @Test("a ruleset that cannot be stored is in force, and the result says why and what to do")
  func notPersisted() throws {
    for (place, remedy) in [
      (FirewallService.Place.daemon(retry: 10), "The daemon tries again every 10 s"),
      (.verb, "Then run the same command again"),
    ] {
      let firewall = try FakeFirewall()
      firewall.place = place
      _ = try firewall.apply(try FakeFirewall.candidate("a"))
      firewall.breakDisk()
      let result = try firewall.apply(try FakeFirewall.candidate("b", port: 80))
      let failure = try #require(result.notPersisted)
      #expect(result.exitStatus == 1 && !failure.reason.isEmpty)
      #expect(failure.consequence.description.contains(remedy))
      #expect(failure.consequence.description.contains("does not survive a restart"))
    }
  }

  @Test("a rollback puts the previous ruleset in force, or the given one")
  func rollback() throws {
    let firewall = try FakeFirewall()
    #expect(
      Self.refusal { () throws(Refusal) in try firewall.execute(.rollback(to: nil)) }
        == "there is no stored ruleset before this one")
    let first = try FakeFirewall.candidate("a")
    _ = try firewall.apply(first)
    _ = try firewall.apply(try FakeFirewall.candidate("b", port: 80))
    #expect(try firewall.execute(.history).text.description.contains("in force"))
    #expect(
      Self.refusal { () throws(Refusal) in try firewall.execute(.rollback(to: 9)) }.contains("--list"))
    let result = try firewall.execute(.rollback(to: nil))
    #expect(result.text.description.hasPrefix("Rolled back: p.yaml of"))
    #expect(result.operations > 0)
    #expect(firewall.driver.controller.inForce?.digest == "a")
  }

  @Test("a rollback that a verb could not store names its ruleset")
  func rollbackNotStored() throws {
    let firewall = try FakeFirewall()
    firewall.place = .verb
    let first = try FakeFirewall.candidate("a")
    _ = try firewall.apply(first)
    _ = try firewall.apply(try FakeFirewall.candidate("b", port: 80))
    // A directory where the file should be: this one alone cannot be replaced.
    unlink("\(firewall.folder)/state/boot")
    mkdir("\(firewall.folder)/state/boot", 0o700)
    let failure = try #require(try firewall.execute(.rollback(to: 1)).notPersisted)
    #expect(failure.consequence.description.hasSuffix("Then run wgfence rollback --to 1"))
    rmdir("\(firewall.folder)/state/boot")
  }

  @Test("a panic begins, refuses other requests meanwhile, and ends")
  func panic() throws {
    let firewall = try FakeFirewall()
    let candidate = try FakeFirewall.candidate("a")
    _ = try firewall.apply(candidate)
    #expect(
      Self.refusal { () throws(Refusal) in try firewall.execute(.panic(.end)) } == "there is no panic to end")
    let begun = try firewall.execute(.panic(.begin))
    #expect(begun.text.description.contains("It stays in force after a restart"))
    #expect(
      Self.refusal { () throws(Refusal) in try firewall.apply(candidate) }.contains("panic --end"))
    let order = try TemporaryGrantOrder(service: "ssh", from: "laptop", lasting: "1h", because: "work")
    #expect(
      Self.refusal { () throws(Refusal) in try firewall.execute(.open(order)) }
        .contains("no policy is in force"))
    #expect(try firewall.execute(.panic(.end)).text.description.hasPrefix("The panic has ended"))
  }

  @Test("a trial is confirmed over a connection that did not exist before, or from a console")
  func confirm() throws {
    for evidence in [FirewallRequest.ConfirmationEvidence.console, .session(Self.session)] {
      let firewall = try FakeFirewall()
      func confirm(_ evidence: FirewallRequest.ConfirmationEvidence) -> String {
        Self.refusal { () throws(Refusal) in try firewall.execute(.confirm(evidence)) }
      }
      #expect(confirm(evidence) == "no apply on trial waits for confirmation")
      _ = try firewall.apply(try FakeFirewall.candidate("a"))
      firewall.sessions.known = ["old"]
      _ = try firewall.apply(try FakeFirewall.candidate("b", port: 80), trial: Self.minute)
      #expect(confirm(.session(nil)).contains("--console"))
      #expect(confirm(.session("old")).contains("existed before"))
      #expect(confirm(.session("unknown")).contains("no live connection"))
      firewall.sessions.known.append(Self.session)
      #expect(confirm(evidence) == "done: Confirmed: the ruleset is permanent.\n")
      #expect(firewall.directory.ruleset(.boot).value?.provenance.digest == "b")
    }
  }

  @Test("unload removes the table, and nothing is in force then")
  func unload() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    let result = try firewall.execute(.unload)
    #expect(
      result.text.description == "The table inet wgfence was removed from the kernel: nothing is filtered.\n")
    #expect(firewall.driver.store.table == nil && firewall.driver.controller.isReleased)
    firewall.driver.store.install(try FakeFirewall.candidate("a").table(.policy))
    firewall.driver.store.faults = [.error(.refused(operation: 0, reason: "EPERM", code: EPERM))]
    #expect(Self.refusal { () throws(Refusal) in try firewall.execute(.unload) } == "EPERM")
  }

  @Test("a plan is reused if nothing changed, and an apply that the kernel refuses changes nothing")
  func plan() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    let second = try FakeFirewall.candidate("b", port: 80)
    let outcome = try firewall.driver.plan(second)
    let before = firewall.driver.store.table
    firewall.driver.store.faults = [.error(.refused(operation: 0, reason: "ENOMEM", code: ENOMEM))]
    #expect(Self.refusal { () throws(Refusal) in try firewall.apply(second) }.contains("ENOMEM"))
    #expect(firewall.driver.store.table == before)
    _ = try firewall.driver.plan(second)
    let result = try firewall.apply(second)
    #expect(result.operations == outcome.plan.operations.count)
    #expect(firewall.driver.store.sent.last == outcome.plan.operations)
  }

  @Test("reports, and policies that were not checked, are refused")
  func reports() throws {
    let firewall = try FakeFirewall()
    let policy = try #require(PolicyHandover(path: "/p", machine: nil, lists: [], lengths: [1]))
    for request in [FirewallRequest.status(.text), .log(.json), .apply(policy, .enforcing, nil)] {
      #expect(throws: Refusal.self) { try firewall.execute(request) }
    }
  }

  @Test("a rollback skips the stored rulesets of the policy in force")
  func rollbackSkips() throws {
    let firewall = try FakeFirewall()
    _ = try firewall.apply(try FakeFirewall.candidate("a"))
    // The same policy gives other rules on another day.
    for port in [80, 81, 82] { _ = try firewall.apply(try FakeFirewall.candidate("b", port: port)) }
    #expect(firewall.directory.numbers() == [1, 2, 3, 4])
    _ = try firewall.execute(.rollback(to: nil))
    #expect(firewall.driver.controller.inForce?.digest == "a")
    // One that is named is taken as it is, and where there is no other policy, the one before.
    _ = try firewall.execute(.rollback(to: 3))
    #expect(firewall.driver.controller.inForce?.digest == "b")
    let alone = try FakeFirewall()
    for port in [80, 81] { _ = try alone.apply(try FakeFirewall.candidate("b", port: port)) }
    #expect(try alone.execute(.rollback(to: nil)).operations > 0)
  }
}
