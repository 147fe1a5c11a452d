// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import Glibc
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyCompiler
internal import PolicyFiles
internal import PolicyLanguage
internal import Ruleset

/// What clients of the control socket ask for.
extension Daemon {
  /// Answers a request: everything that goes into the client's outbox.
  func answer(_ request: ControlRequest, _ client: ControlClient) {
    do throws(Refusal) {
      guard request["version"] == ControlRequest.version else {
        throw Refusal("the daemon is of another version of wgfence: restart it (systemctl restart wgfence)")
      }
      // Another namespace has another firewall: who asks there does not mean this one.
      if client.home == .otherNamespace {
        throw Refusal(
          "this daemon keeps another network namespace than yours: name the right --socket, or none")
      }
      try refuseLate(request, client)
      if let status = try dispatch(request, client) { finish(client, status) }
    } catch {
      refuse(client, error)
    }
  }

  private func refuse(_ client: ControlClient, _ refusal: Refusal) {
    client.outbox += ControlFrame(.note, text: "wgfence: error: \(refusal.text)\n").bytes
    finish(client, 1)
  }

  /// Refuses a request whose client waits no more: it has reported a failure, so nothing may take effect.
  private func refuseLate(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) {
    guard request.isChange else { return }
    let refusal =
      request.expiry(at: Clock.sinceBoot)
      ?? (client.connection.isPeerConnected ? nil : Self.clientGone)
    guard let refusal else { return }
    sayNotCarriedOut(request, client, refusal)
    throw refusal
  }

  /// A request was refused since its client waits no more.
  private func sayNotCarriedOut(_ request: ControlRequest, _ client: ControlClient, _ refusal: Refusal) {
    journal.say(
      .warning, "'\(request.verb)' by \(client.name) was not carried out: \(refusal.text)", about: .clients)
  }

  /// A client closed its connection while its policy was checked: the policy is not put in force.
  func clientIsGone(_ client: ControlClient) {
    guard case .checking(let request, _) = client.mode else { return }
    sayNotCarriedOut(request, client, Self.clientGone)
  }

  private static let clientGone = Refusal("its client is gone: nothing was changed")

  /// Adds what came of it. Where that is in force and could not be stored, it says so; returns the exit status.
  private func conclude(_ client: ControlClient, _ report: StoredReport) -> UInt8 {
    client.outbox += ControlFrame(.output, text: report.text).bytes
    guard let warning = report.warning else { return 0 }
    client.outbox += ControlFrame(.note, text: "wgfence: error: \(warning)\n").bytes
    return 1
  }

  /// What was done, with whether it is stored.
  private func report(_ done: PrintableText, _ change: StoredReport.Change) -> StoredReport {
    StoredReport(
      done: done, change: change, notPersisted: driver.notPersisted,
      remedy:
        "The daemon tries again every \(Self.storingInterval / 1_000_000_000) s; wgfence status says when it is stored"
    )
  }

  private func finish(_ client: ControlClient, _ status: UInt8) {
    client.outbox += ControlFrame(.exit, [status]).bytes
    client.mode = .ending
  }

  /// Does what is asked. Returns the exit status; nil where the answer goes on, or comes later.
  private func dispatch(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) -> UInt8? {
    switch request.verb {
    case "status": return status(request, client)
    case "apply":
      try beginApply(request, client)
      return nil
    case "confirm": return try confirm(request, client)
    case "rollback": return try rollback(request, client)
    case "panic": return try panic(request, client)
    case "open": return try open(request, client)
    case "unload": return try unload(client)
    case "log":
      client.mode = .following(request["format"] == "json" ? .json : .text)
      if drops == nil { throw Refusal("dropped packets are not logged here: see the daemon's journal") }
      return nil
    default: throw Refusal("the daemon knows no verb '\(request.verb)': is it older than this program?")
    }
  }

  // MARK: apply

  /// Has the policy that a client handed over checked beside the loop; `endApply` goes on with it.
  private func beginApply(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) {
    let names = (request["lists"] ?? "").split(separator: "\n").map { String($0) }
    let lengths = (request["lengths"] ?? "").split(separator: " ").map { Int($0) ?? -1 }
    guard let file = client.file, lengths.count == names.count + 1, let path = request["path"] else {
      throw Refusal("the policy was not handed over whole")
    }
    guard lengths[0] <= PolicyFile.policyLimit,
      lengths.dropFirst().allSatisfy({ (0...PolicyDecoder.listBytesLimit).contains($0) }),
      lengths.dropFirst().reduce(0, +) <= PolicyDecoder.listBytesLimit
    else {
      throw Refusal(
        "the policy is larger than \(PolicyFile.policyLimit >> 20) MiB, or its lists together than "
          + "\(PolicyDecoder.listBytesLimit >> 20) MiB")
    }
    var confirm: Int64?
    if let seconds = request.number("confirm") {
      guard (5...86_400).contains(seconds) else { throw Refusal("--confirm takes 5 s to 24 h") }
      confirm = seconds
    }
    guard client.owner == .root || !checks.isBusy(for: client.owner) else {
      throw Refusal("another policy of yours is being checked: wait until that has ended")
    }
    var machine = settings.machine
    if let named = request["machine"] { machine.given = named }
    let reader = PolicyReader(machine: machine, extent: client.owner == .root ? .any : .bounded)
    client.mode = .checking(request, confirm: confirm)
    client.deadline = nil
    checks.add(.client(client.token, client.owner)) {
      do throws(SystemError) {
        let parts = try MemoryFile.read(file.descriptor, lengths: lengths)
        let lists = Dictionary(zip(names, parts.dropFirst()), uniquingKeysWith: { first, _ in first })
        return reader.read(path, .bytes(parts[0])) { name in
          (name, lists[name].map { .bytes($0) } ?? .unreadable(reason: "not handed over"))
        }
      } catch {
        return reader.refused("", "\(error)", "", [])
      }
    }
  }

  /// A policy was checked for a client: it is put in force, or the client is told why not.
  func endApply(_ client: ControlClient, _ reading: PolicyReading) {
    guard case .checking(let request, let confirm) = client.mode else { return }
    client.deadline = Clock.sinceBoot + ControlClient.patience
    do throws(Refusal) {
      switch reading {
      case .accepted(let candidate):
        // Checking a policy takes time.
        try refuseLate(request, client)
        try apply(candidate, confirm, client)
      case .refused(let refusal): throw Refusal("\(refusal.reason)\n\(refusal.report)")
      }
      finish(client, 0)
    } catch {
      refuse(client, error)
    }
    flush(client, client.token)
  }

  private func apply(_ candidate: Candidate, _ seconds: Int64?, _ client: ControlClient) throws(Refusal) {
    var confirm: Controller.Confirm?
    if let seconds { confirm = Controller.Confirm(seconds: seconds, connections: try SessionFlow.all()) }
    let actions = try driver.controller.apply(
      candidate, by: client.name, confirm: confirm, at: environment.now())
    if let failure = driver.perform(actions) { throw Refusal("\(failure)") }
    policyWasRead()
    var result = ControlResult()
    result["generation"] = driver.observed.map { String($0.generation) }
    result["operations"] = String(driver.sent)
    result["unkept"] = driver.notPersisted
    client.outbox += result.frame.bytes
    if let warning = report("", .apply).warning {
      client.outbox += ControlFrame(.note, text: "wgfence: error: \(warning)\n").bytes
    }
  }

  private func confirm(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) -> UInt8 {
    guard let pending = driver.controller.state.pending else {
      throw Refusal("no apply is waiting for confirmation")
    }
    if request["console"] == nil {
      guard let session = request["session"] else {
        throw Refusal(
          "this is no session over the network, so it does not show that a new one can be made: open a new "
            + "connection and confirm there, or say --console, which proves nothing about the network")
      }
      guard !pending.connections.contains(session) else {
        throw Refusal(
          "this connection was there before the apply, so it does not show that a new one can be made: open a "
            + "new connection and confirm there")
      }
      guard try SessionFlow.isLive(session) else {
        throw Refusal("the kernel knows no live connection \(session): confirm from the session itself")
      }
    }
    if let failure = driver.perform(try driver.controller.confirm(by: client.name)) {
      throw Refusal("\(failure)")
    }
    policyWasRead()
    return conclude(client, report("Confirmed", .confirm))
  }

  private func rollback(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) -> UInt8 {
    let directory = settings.stateDirectory
    if request["list"] != nil {
      client.outbox +=
        ControlFrame(.output, text: HistoryReport.text(directory, driver.controller.state)).bytes
      return 0
    }
    let number = try directory.number(asked: request.number("to").map { Int($0) }, driver.controller.state)
    if let failure = driver.perform(try driver.controller.rollback(to: number, by: client.name)) {
      throw Refusal("\(failure)")
    }
    policyWasRead()
    return conclude(client, report(HistoryReport.rolledBack(to: driver.controller.inForce), .rollback))
  }

  private func panic(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) -> UInt8 {
    let wish: PanicRequest = request["end"] == nil ? .begin : .end
    let actions =
      switch wish {
      case .begin: driver.controller.panic(by: client.name, at: environment.now())
      case .end: try driver.controller.endPanic(by: client.name)
      }
    if let failure = driver.perform(actions) { throw Refusal("\(failure)") }
    policyWasRead()
    return conclude(client, report(wish.report(driver.controller.inForce), wish.change))
  }

  private func unload(_ client: ControlClient) throws(Refusal) -> UInt8 {
    do throws(StoreError) {
      try driver.release()
    } catch {
      throw Refusal("\(EnforcementError(error))")
    }
    journal.say(
      .warning,
      "the ruleset was taken out by \(client.name): nothing is enforced until the next apply or restart")
    return conclude(client, report("inet wgfence is out of the kernel: nothing is protected", .unload))
  }

  // MARK: open

  private func open(_ request: ControlRequest, _ client: ControlClient) throws(Refusal) -> UInt8 {
    guard !driver.controller.isReleased, driver.controller.state.panic == nil,
      let (policy, machine, _) = policyInForce,
      driver.candidate != nil
    else {
      throw Refusal("nothing can be opened: no policy is in force (see wgfence status)")
    }
    let order: TemporaryGrantRequest
    do throws(TemporaryGrantError) {
      order = try TemporaryGrantRequest(
        policy, machine: machine, service: request["service"] ?? "", from: request["from"] ?? "",
        lasting: GrantDuration(request["for"] ?? "1s"), who: client.name,
        because: request["because"] ?? (request["end"] == nil ? "" : "ended"))
    } catch {
      throw Refusal("\(error)")
    }
    let isEnd = request["end"] != nil
    // An element that ends by itself meanwhile makes the kernel refuse: then it is read and tried again.
    var lastError: StoreError?
    for _ in 0..<4 {
      do throws(StoreError) {
        let now = try driver.current()
        guard let table = now.table else { throw StoreError.stale }
        let operations: [TableOperation]
        do throws(TemporaryGrantError) {
          operations = try isEnd ? order.endingOperations(on: table) : order.operations(on: table)
        } catch {
          client.outbox += ControlFrame(.note, text: "wgfence: error: \(error)\n").bytes
          return 1
        }
        if operations.isEmpty {
          client.outbox +=
            ControlFrame(
              .output, text: isEnd ? "Nothing of that is open.\n" : "It is open for longer already.\n"
            ).bytes
          return 0
        }
        try driver.store.commit(operations, generation: now.generation)
        lastError = nil
      } catch {
        lastError = error
        driver.forgetObserved()
        continue
      }
      break
    }
    if let lastError { throw Refusal("\(EnforcementError(lastError))") }
    driver.forgetObserved()
    let what = "\(request["service"] ?? "") from \(request["from"] ?? "")"
    let said: PrintableText =
      isEnd
      ? "closed \(what), by \(client.name)"
      : "opened \(what) for \(request["for"] ?? ""), by \(client.name): \(request["because"] ?? "")"
    journal.say(.notice, said)
    for warning in order.warnings {
      client.outbox += ControlFrame(.note, text: "wgfence: warning: \(warning)\n").bytes
    }
    client.outbox += ControlFrame(.output, text: "\(said).\n").bytes
    refresh = .wanted
    return 0
  }

  // MARK: status

  /// One line for the service manager.
  var statusLine: PrintableText {
    let controller = driver.controller
    if controller.isReleased { return "unloaded: nothing is enforced" }
    if let panic = controller.state.panic { return "panic, declared by \(panic.by)" }
    if controller.state.pending != nil { return "an apply waits for its confirmation" }
    if case .refused(let refusal) = controller.file {
      return "policy not accepted, the last good one holds: \(refusal.reason)"
    }
    guard let inForce = controller.inForce else { return "nothing in force" }
    return "enforcing \(inForce.path) as \(inForce.machine)"
  }

  private func status(_ request: ControlRequest, _ client: ControlClient) -> UInt8 {
    let report = StatusReport(self)
    let frame =
      request["format"] == "json"
      ? ControlFrame(.output, document: report.json) : ControlFrame(.output, text: report.text)
    client.outbox += frame.bytes
    return report.isFine ? 0 : 2
  }
}
