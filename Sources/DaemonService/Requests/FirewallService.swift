// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
package import Ruleset

/// Carries out requests: the one implementation, used by the daemon, and by verbs if there is no daemon.
package struct FirewallService: Sendable {
  /// Where the rulesets are stored; nil: nothing is stored.
  let directory: StateDirectory?
  /// The process in which it works.
  let place: Place
  /// The connections to this host.
  let sessions: any SessionTable

  /// The process in which requests are carried out. It determines what happens after storing has failed.
  package enum Place: Sendable {
    /// The daemon, which tries to store again after this many seconds.
    case daemon(retry: Int64)
    /// A verb, which ends.
    case verb
  }

  /// A service of these parts.
  package init(_ directory: StateDirectory?, in place: Place, sessions: any SessionTable) {
    self.directory = directory
    self.place = place
    self.sessions = sessions
  }

  /// Carries out a request of `caller`. If it refuses, nothing was changed.
  package func execute<Store: RulesetStore & ~Copyable>(
    _ request: FirewallRequest, by caller: String, at now: Moment, on driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    switch request {
    case .status, .log, .temporaryGrants: throw Refusal("only the daemon can answer \(request.verb)")
    case .apply, .takeRelease: throw Refusal("the policy was not checked")
    case .accept(let digest):
      return try perform(try driver.controller.accept(digest, by: caller), &driver, .apply) {
        "Accepted: \(HistoryReport.line($0))"
      }
    case .endObservation:
      let actions = try driver.controller.endObservation(driver.candidate, by: caller)
      return try perform(actions, &driver, .apply) { "Enforcing: \(HistoryReport.line($0))" }
    case .confirm(let evidence): return try confirm(evidence, caller, &driver)
    case .history:
      guard let directory else { throw Refusal("there is no state directory, so no ruleset is stored") }
      return FirewallResult(text: HistoryReport(directory, driver.controller.state).text)
    case .rollback(let number): return try rollback(to: number, caller, &driver)
    case .panic(let change): return try panic(change, caller, now, &driver)
    case .open(let order): return try open(order, caller, &driver)
    case .close(let service, let source): return try close(service, source, caller, &driver)
    case .closeNumber(let number): return try close(number, caller, &driver)
    case .unload: return try unload(&driver)
    }
  }

  /// Puts in force a policy that was checked, or only observes it; on trial if a time is given. `promised` is called when a
  /// trial can be undone after any interruption, before the kernel is changed; a reason that it returns ends the trial.
  package func apply<Store: RulesetStore & ~Copyable>(
    _ candidate: Candidate, _ mode: EnforcementMode = .enforcing, trial: TrialTime?, by caller: String,
    at now: Moment,
    on driver: inout ControllerDriver<Store>, promised: () -> String? = { nil }
  ) throws(Refusal) -> FirewallResult {
    var confirm: Controller.Confirm?
    if let trial {
      confirm = Controller.Confirm(seconds: trial.seconds, connections: try sessions.all())
    }
    let actions = try driver.controller.apply(candidate, mode, by: caller, confirm: confirm, at: now)
    return try perform(actions, &driver, .apply, promised: promised) { _ in "" }
  }

  private func confirm<Store: RulesetStore & ~Copyable>(
    _ evidence: FirewallRequest.ConfirmationEvidence, _ caller: String,
    _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    guard let pending = driver.controller.state.pending else {
      throw Refusal("no apply on trial waits for confirmation")
    }
    if case .session(let session) = evidence {
      guard let session else {
        throw Refusal(
          "this is not a session over the network, so it does not show that new connections work: open a new "
            + "connection and confirm there, or use --console, which does not show that the network works")
      }
      guard !pending.connections.contains(session) else {
        throw Refusal(
          "this connection existed before the apply, so it does not show that new connections work: open a "
            + "new connection and confirm there")
      }
      guard try sessions.isLive(session) else {
        throw Refusal("the kernel tracks no live connection \(session): confirm from the session itself")
      }
    }
    return try perform(try driver.controller.confirm(by: caller), &driver, .confirm) { _ in "Confirmed" }
  }

  private func rollback<Store: RulesetStore & ~Copyable>(
    to asked: Int?, _ caller: String, _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    guard let directory else { throw Refusal("there is no state directory, so no ruleset is stored") }
    // A trial goes back to the ruleset before it, whichever is named.
    let state = driver.controller.state
    let number = state.pending == nil ? try directory.number(asked: asked, state) : state.pending?.back
    let actions = try driver.controller.rollback(to: number, by: caller)
    let again: PrintableText =
      number.map { "run wgfence rollback --to \($0)" } ?? "run wgfence rollback again"
    return try perform(actions, &driver, .rollback, again: again) {
      HistoryReport.rolledBack(to: $0)
    }
  }

  private func panic<Store: RulesetStore & ~Copyable>(
    _ change: FirewallRequest.PanicChange, _ caller: String, _ now: Moment,
    _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    let actions =
      switch change {
      case .begin: driver.controller.panic(driver.candidate, by: caller, at: now)
      case .end: try driver.controller.endPanic(by: caller)
      }
    return try perform(actions, &driver, change.stored) { change.report($0) }
  }

  private func unload<Store: RulesetStore & ~Copyable>(
    _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    do throws(StoreError) {
      try driver.release()
    } catch {
      throw Refusal("\(EnforcementError(error))")
    }
    return result(driver, .unload, "The table inet wgfence was removed from the kernel: nothing is filtered")
  }

  // MARK: Results

  /// Carries out the controller's actions. `again` is the command that stores the result if a verb could not.
  private func perform<Store: RulesetStore & ~Copyable>(
    _ actions: [Controller.Action], _ driver: inout ControllerDriver<Store>, _ change: StoredReport.Change,
    again: PrintableText = "run the same command again", promised: () -> String? = { nil },
    done: (Provenance?) -> PrintableText
  ) throws(Refusal) -> FirewallResult {
    if let failure = driver.perform(actions, promised: promised) { throw Refusal("\(failure)") }
    return result(driver, change, done(driver.controller.inForce), again: again)
  }

  private func result<Store: RulesetStore & ~Copyable>(
    _ driver: borrowing ControllerDriver<Store>, _ change: StoredReport.Change, _ done: PrintableText,
    again: PrintableText = "run the same command again"
  ) -> FirewallResult {
    let remedy: PrintableText =
      switch place {
      case .daemon(let seconds):
        "The daemon tries again every \(seconds) s; wgfence status shows when it is stored"
      case .verb: "Then \(again)"
      }
    let reason = driver.notPersisted
    let report = StoredReport(done: done, change: change, notPersisted: reason, remedy: remedy)
    return FirewallResult(
      text: done.isEmpty ? "" : report.text, operations: change.isEnforcement ? driver.sent : 0,
      generation: driver.observed?.generation,
      notPersisted: reason.flatMap { reason in
        report.warning.map { FirewallResult.NotPersisted(reason: reason, consequence: $0) }
      })
  }
}
