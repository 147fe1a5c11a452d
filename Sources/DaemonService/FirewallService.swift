// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import NetworkModel
internal import PolicyAnalysis
internal import Ruleset

/// Carries out what people ask of the firewall: the one implementation, in the daemon and in a verb where there is none.
package struct FirewallService: Sendable {
  /// Where the rulesets are stored; nil where nothing survives.
  let directory: StateDirectory?
  /// In which process it works.
  let place: Place
  /// What is known of connections to this host.
  let sessions: any SessionTable

  /// In which process requests are carried out: that decides how something is stored after all that could not be.
  package enum Place: Sendable {
    /// The daemon, which tries to store it again after so many seconds.
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

  /// Carries out a request of somebody's. It changes nothing where it refuses.
  package func execute<Store: RulesetStore & ~Copyable>(
    _ request: FirewallRequest, by caller: String, at now: Moment, on driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    switch request {
    case .status, .log: throw Refusal("\(request.verb) is answered by the daemon alone")
    case .apply: throw Refusal("the policy was not checked")
    case .confirm(let evidence): return try confirm(evidence, caller, &driver)
    case .history:
      guard let directory else { throw Refusal("nothing is stored here") }
      return FirewallResult(text: HistoryReport.text(directory, driver.controller.state))
    case .rollback(let number): return try rollback(to: number, caller, &driver)
    case .panic(let change): return try panic(change, caller, now, &driver)
    case .open(let order): return try open(order, caller, &driver)
    case .close(let service, let source): return try close(service, source, caller, &driver)
    case .unload: return try unload(&driver)
    }
  }

  /// Puts in force a policy that was checked, on trial where a time is given.
  package func apply<Store: RulesetStore & ~Copyable>(
    _ candidate: Candidate, trial: TrialTime?, by caller: String, at now: Moment,
    on driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    var confirm: Controller.Confirm?
    if let trial {
      confirm = Controller.Confirm(seconds: trial.seconds, connections: try sessions.all())
    }
    let actions = try driver.controller.apply(candidate, by: caller, confirm: confirm, at: now)
    return try perform(actions, &driver, .apply) { _ in "" }
  }

  private func confirm<Store: RulesetStore & ~Copyable>(
    _ evidence: FirewallRequest.ConfirmationEvidence, _ caller: String,
    _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    guard let pending = driver.controller.state.pending else {
      throw Refusal("no apply waits for a confirmation")
    }
    if case .session(let session) = evidence {
      guard let session else {
        throw Refusal(
          "this is no session over the network, so it does not show that a new one can be made: open a new "
            + "connection and confirm there, or say --console, which proves nothing about the network")
      }
      guard !pending.connections.contains(session) else {
        throw Refusal(
          "this connection was there before the apply, so it does not show that a new one can be made: open a "
            + "new connection and confirm there")
      }
      guard try sessions.isLive(session) else {
        throw Refusal("the kernel knows no live connection \(session): confirm from the session itself")
      }
    }
    return try perform(try driver.controller.confirm(by: caller), &driver, .confirm) { _ in "Confirmed" }
  }

  private func rollback<Store: RulesetStore & ~Copyable>(
    to asked: Int?, _ caller: String, _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    guard let directory else { throw Refusal("nothing is stored here, so there is nothing to go back to") }
    let number = try directory.number(asked: asked, driver.controller.state)
    let actions = try driver.controller.rollback(to: number, by: caller)
    return try perform(actions, &driver, .rollback, again: "run wgfence rollback --to \(number)") {
      HistoryReport.rolledBack(to: $0)
    }
  }

  private func panic<Store: RulesetStore & ~Copyable>(
    _ change: FirewallRequest.PanicChange, _ caller: String, _ now: Moment,
    _ driver: inout ControllerDriver<Store>
  ) throws(Refusal) -> FirewallResult {
    let actions =
      switch change {
      case .begin: driver.controller.panic(by: caller, at: now)
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
    return result(driver, .unload, "inet wgfence is out of the kernel: nothing is protected")
  }

  // MARK: Results

  /// Does what was decided. `again` is the command that stores it where a verb could not.
  private func perform<Store: RulesetStore & ~Copyable>(
    _ actions: [Controller.Action], _ driver: inout ControllerDriver<Store>, _ change: StoredReport.Change,
    again: PrintableText = "run the same command again", done: (Provenance?) -> PrintableText
  ) throws(Refusal) -> FirewallResult {
    if let failure = driver.perform(actions) { throw Refusal("\(failure)") }
    return result(driver, change, done(driver.controller.inForce), again: again)
  }

  private func result<Store: RulesetStore & ~Copyable>(
    _ driver: borrowing ControllerDriver<Store>, _ change: StoredReport.Change, _ done: PrintableText,
    again: PrintableText = "run the same command again"
  ) -> FirewallResult {
    let remedy: PrintableText =
      switch place {
      case .daemon(let seconds):
        "The daemon tries again every \(seconds) s; wgfence status says when it is stored"
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
