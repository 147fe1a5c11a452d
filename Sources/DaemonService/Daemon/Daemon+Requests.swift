// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PolicyFiles
internal import PolicyLanguage
internal import Ruleset

/// Requests of the control socket's clients.
extension Daemon {
  /// Answers a request. The answer is written to the client's outbox.
  func answer(_ payload: [UInt8], _ client: ControlClient) {
    do throws(Refusal) {
      // Another network namespace has its own firewall: a client there does not mean this one.
      if client.home == .otherNamespace {
        throw Refusal(
          "this daemon runs in another network namespace than yours: set --socket to the daemon of yours")
      }
      let request = try ControlRequest(payload: payload)
      try refuseLate(request, client)
      try carryOut(request, client)
    } catch {
      refuse(client, error)
    }
  }

  func refuse(_ client: ControlClient, _ refusal: Refusal) {
    client.outbox += ControlFrame(.note, text: "wgfence: error: \(refusal.text)\n").bytes
    finish(client, 1)
  }

  private func finish(_ client: ControlClient, _ result: FirewallResult) {
    client.outbox += result.frame.bytes
    finish(client, result.exitStatus)
  }

  func finish(_ client: ControlClient, _ status: UInt8) {
    client.outbox += ControlFrame(.exit, [status]).bytes
    client.mode = .ending
  }

  /// Refuses a request whose client no longer waits. It has already reported a failure, so nothing may change.
  func refuseLate(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) {
    guard request.request.isChange else { return }
    let refusal =
      request.expiry(at: Clock.sinceBoot)
      ?? (client.connection.isPeerConnected ? nil : Self.clientGone)
    guard let refusal else { return }
    sayNotCarriedOut(request, client, refusal)
    throw refusal
  }

  /// Logs that a request was refused because its client no longer waits.
  private func sayNotCarriedOut(_ request: ControlRequest, _ client: ControlClient, _ refusal: Refusal) {
    journal.say(
      .warning, "'\(request.request.verb)' by \(client.name) was not carried out: \(refusal.text)",
      about: .clients)
  }

  /// A client closed its connection while its policy was being checked: the policy is not put in force.
  func clientIsGone(_ client: ControlClient) {
    let request: ControlRequest
    switch client.mode {
    case .checking(let asked, _, _), .checkingRelease(let asked): request = asked
    case .asking, .waiting, .following, .ending: return
    }
    sayNotCarriedOut(request, client, Self.clientGone)
  }

  private static let clientGone = Refusal("the client has disconnected: nothing was changed")

  /// Answers at once, or starts a check that is answered later.
  private func carryOut(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) {
    switch request.request {
    case .status(let form):
      if schedule.ready == nil { return status(form, client) }
      client.mode = .waiting(form)
      client.deadline = nil
    case .temporaryGrants(let form): temporaryGrants(form, client)
    case .log(let form):
      client.mode = .following(form)
      if drops == nil { throw Refusal("dropped packets are not logged here: see the daemon's journal") }
    case .apply(let policy, let mode, let trial): try beginApply(policy, mode, trial, request, client)
    case .takeRelease(let length, _): try beginRelease(length, request, client)
    case .accept, .endObservation, .confirm, .history, .rollback, .panic, .open, .close, .closeNumber,
      .unload:
      let result = try service.execute(
        request.request, by: client.name, at: environment.now(), on: &driver)
      changed(by: request.request, client)
      finish(client, result)
    }
  }

  /// What the daemon does after a request was carried out.
  private func changed(by request: FirewallRequest, _ client: ControlClient) {
    switch request {
    case .status, .log, .history, .temporaryGrants: break
    case .apply, .takeRelease, .accept, .endObservation, .confirm, .rollback, .panic: policyWasRead()
    case .open, .close, .closeNumber: refresh = .wanted
    case .unload:
      journal.say(
        .warning,
        "the ruleset was removed by \(client.name): nothing is enforced until the next apply or restart")
    }
  }

  // MARK: apply

  /// Checks the policy that a client sent, on another thread; `endApply` continues with the result.
  private func beginApply(
    _ policy: PolicyHandover, _ mode: EnforcementMode, _ trial: TrialTime?, _ request: ControlRequest,
    _ client: ControlClient
  ) throws(Refusal) {
    guard let file = client.file else { throw Refusal("the policy was not received completely") }
    guard policy.lengths[0] <= PolicyFile.policyLimit,
      policy.lengths.dropFirst().allSatisfy({ $0 <= PolicyDecoder.listBytesLimit }),
      policy.lengths.dropFirst().reduce(0, +) <= PolicyDecoder.listBytesLimit
    else {
      throw Refusal(
        "the policy is larger than \(PolicyFile.policyLimit >> 20) MiB, or its lists together than "
          + "\(PolicyDecoder.listBytesLimit >> 20) MiB")
    }
    guard client.owner == .root || !checks.isBusy(for: client.owner) else {
      throw Refusal("another policy that you sent is being checked: wait until that check has ended")
    }
    var machine = settings.machine
    if let named = policy.machine { machine.given = named }
    var loader = PolicyLoader(daemon: machine, extent: client.owner == .root ? .any : .bounded)
    loader.lastFacts = lastFacts
    client.mode = .checking(request, mode, trial)
    client.deadline = nil
    checks.add(.client(client.token, client.owner)) { [loader] in
      do throws(SystemError) {
        let parts = try MemoryFile.read(file.descriptor, lengths: policy.lengths)
        let lists = Dictionary(
          zip(policy.lists, parts.dropFirst()), uniquingKeysWith: { first, _ in first })
        return loader.load(policy.path, .bytes(parts[0])) { name in
          (name, lists[name].map { .bytes($0) } ?? .unreadable(reason: "it was not sent with the policy"))
        }
      } catch {
        return PolicyLoader.unreadable("", "\(error)")
      }
    }
  }

  /// A policy was checked for a client: puts it in force, or sends the client the reason why not.
  func endApply(_ client: ControlClient, _ reading: PolicyReading) {
    guard case .checking(let request, let mode, let trial) = client.mode else { return }
    client.deadline = Clock.sinceBoot + ControlClient.patience
    do throws(Refusal) {
      switch reading {
      case .accepted(let candidate, _):
        // The client has asked about what stops working. The request may have expired during the check.
        try refuseLate(request, client)
        let result = try service.apply(
          candidate, mode, trial: trial, by: client.name, at: environment.now(), on: &driver)
        changed(by: request.request, client)
        finish(client, result)
      case .refused(let refusal): throw Refusal("\(refusal.reason)\n\(refusal.report)")
      }
    } catch {
      refuse(client, error)
    }
    flush(client, client.token)
  }

  // MARK: status

  /// One line for the service manager.
  var statusLine: PrintableText {
    let controller = driver.controller
    if controller.isReleased { return "unloaded: nothing is enforced" }
    if let panic = controller.state.panic { return "panic, begun by \(panic.by)" }
    if controller.state.pending != nil { return "an apply on trial waits for confirmation" }
    if case .refused(let refusal) = controller.file {
      return "policy not accepted, the last accepted one is in force: \(refusal.reason)"
    }
    guard let inForce = controller.inForce else { return "NOTHING IS ENFORCED" }
    if controller.isObserving {
      return "OBSERVE MODE: nothing is dropped; observing \(inForce.path) as \(inForce.machine)"
    }
    if case .held(_, let objection) = controller.file {
      return "the policy file is held back: \(objection.reason)"
    }
    return "enforcing \(inForce.path) as \(inForce.machine)"
  }

  /// Answers the clients that asked for the status before the policy file was read.
  func answerWaiting() {
    for (token, client) in clients.all {
      guard case .waiting(let form) = client.mode else { continue }
      client.deadline = Clock.sinceBoot + ControlClient.patience
      status(form, client)
      flush(client, token)
    }
  }

  private func status(_ form: FirewallRequest.ReportForm, _ client: ControlClient) {
    let report = StatusReport(self)
    let frame =
      switch form {
      case .text: ControlFrame(.output, text: report.text)
      case .json: ControlFrame(.output, document: report.json)
      }
    client.outbox += frame.bytes
    finish(client, report.isFine ? 0 : 2)
  }

  // MARK: open --list

  private func temporaryGrants(_ form: FirewallRequest.ReportForm, _ client: ControlClient) {
    let report = TemporaryGrantList(self)
    let frame =
      switch form {
      case .text: ControlFrame(.output, text: report.text)
      case .json: ControlFrame(.output, document: report.json)
      }
    client.outbox += frame.bytes
    finish(client, 0)
  }
}
