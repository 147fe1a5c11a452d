// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import LinuxHost
internal import Netlink
package import NetworkModel
internal import PolicyFiles
internal import ReleaseFiles
internal import Releases

/// Signed releases: the daemon verifies what a client hands over, and takes it before it touches the kernel.
extension Daemon {
  /// Verifies and checks the release that a client sent, on another thread; `endRelease` continues with the result.
  func beginRelease(_ length: Int, _ request: ControlRequest, _ client: ControlClient) throws(Refusal) {
    guard let file = client.file else { throw Refusal("the release was not received completely") }
    guard length <= ReleaseBundle.limit else {
      throw Refusal("the release is larger than \(ReleaseBundle.limit >> 20) MiB")
    }
    guard let places = settings.fleet else {
      throw Refusal("this daemon has no place for a trust file: --fleet-trust")
    }
    guard client.owner == .root || !checks.isBusy(for: client.owner) else {
      throw Refusal("another policy that you sent is being checked: wait until that check has ended")
    }
    var policies = PolicyLoader(
      daemon: settings.machine, extent: client.owner == .root ? .any : .bounded)
    policies.lastFacts = lastFacts
    let (loader, inForce) = (ReleaseLoader(policies), driver.controller.inForce?.digest)
    client.mode = .checkingRelease(request)
    client.deadline = nil
    checks.add(.client(client.token, client.owner)) {
      do {
        let bytes = try MemoryFile.read(file.descriptor, lengths: [length])[0]
        let release = try ReleaseLoader.verify(bytes, in: places.membership())
        return try loader.load(release, at: UTCTime(seconds: Int64(Today.time)), unless: inForce)
      } catch {
        return PolicyLoader.unreadable("", "\(error)")
      }
    }
  }

  /// A release was checked for a client: takes it and then puts it in force as a changed policy file, or sends the client
  /// the reason why not.
  func endRelease(_ client: ControlClient, _ loaded: PolicyLoader.Loaded) {
    guard case .checkingRelease(let request) = client.mode else { return }
    client.deadline = Clock.sinceBoot + ControlClient.patience
    do throws(Refusal) {
      guard let release = loaded.release, case .accepted(let candidate, let objection) = loaded.reading else {
        guard case .refused(let refusal) = loaded.reading else { throw Refusal("the release is refused") }
        throw Refusal("\(refusal.reason)\(refusal.report.isEmpty ? "" : "\n\(refusal.report)")")
      }
      try refuseLate(request, client)
      var (isAgain, failure): (Bool, String?) = (driver.controller.isSuperseded(loaded.digest), nil)
      // One in force already, or one that would end something, is not put in force by this.
      if case .takeRelease(_, let trial?) = request.request, objection == nil,
        driver.controller.inForce?.digest != loaded.digest
      {
        failure = try begin(trial, of: candidate, release, client)
        isAgain = false
      } else {
        try take(release, client)
      }
      let other = driver.perform(driver.controller.read(environment.take(loaded), at: environment.now()))
      policyWasRead()
      if let failure = failure ?? other {
        throw Refusal("release \(release.statement.serial) was taken, but is not in force: \(failure)")
      }
      // A local apply or a rollback overrides it: accepting it again is a request like another apply.
      if isAgain, objection == nil {
        _ = try service.apply(candidate, trial: nil, by: client.name, at: environment.now(), on: &driver)
        policyWasRead()
      }
      let answer = ReleaseAnswer(release.statement, candidate, objection, driver.controller)
      client.outbox += ControlFrame(.output, text: answer.text).bytes
      finish(client, answer.status)
    } catch {
      refuse(client, error)
    }
    flush(client, client.token)
  }

  /// Puts a release in force on trial. It is taken after the ruleset to go back to is on disk, so that no interruption leaves it
  /// in force without a way back, and before the kernel is changed. Returns why it was taken and is not in force; nil if it is.
  private func begin(
    _ trial: TrialTime, of candidate: Candidate, _ release: ReleaseCheck.Verified, _ client: ControlClient
  ) throws(Refusal) -> String? {
    try ReleaseLoader.permitTrial(
      release.statement, trial, inForce: driver.controller.inForce, at: UTCTime(seconds: Int64(Today.time)))
    let moment = environment.now()
    var isTaken = false
    do throws(Refusal) {
      _ = try service.apply(candidate, trial: trial, by: client.name, at: moment, on: &driver) {
        do throws(Refusal) { try take(release, client) } catch { return "\(error)" }
        isTaken = true
        return nil
      }
    } catch {
      if isTaken { return "\(error)" }
      throw error
    }
    return nil
  }

  /// Takes a release. Another one may have been taken while this one was checked, so the ratchet is read again.
  private func take(_ release: ReleaseCheck.Verified, _ client: ControlClient) throws(Refusal) {
    guard let places = settings.fleet, case .member(let check) = places.membership() else {
      throw Refusal("this machine has left its fleet meanwhile: nothing was changed")
    }
    do throws(ReleaseRefusal) { _ = try check.verify(release.bundle) } catch {
      throw Refusal("the release is refused: \(error)")
    }
    // It was taken before, and can be read.
    if let taken = try? places.release(check), taken.digest == release.digest { return }
    do throws(SystemError) { try places.take(release) } catch {
      throw Refusal("the release could not be stored, so nothing was changed: \(error)")
    }
    journal.say(.notice, "release \(release.statement.serial) was taken, handed over by \(client.name)")
  }
}

/// What became of a release that was taken, for who handed it over.
package struct ReleaseAnswer {
  /// One or more lines.
  package let text: PrintableText
  /// 0 if it is in force, or will be when a trial or a panic ends; 2 if it waits for a person.
  package let status: UInt8

  /// The answer by what the controller has in force.
  init(_ statement: Statement, _ candidate: Candidate, _ objection: Objection?, _ controller: Controller) {
    let name: PrintableText = "Release \(statement.serial) of \(statement.fleet), epoch \(statement.epoch)"
    if let inForce = controller.inForce, inForce.digest == candidate.digest, !controller.isReleased {
      let how: PrintableText =
        controller.state.panic != nil
        ? "was taken; a panic is in force until wgfence panic --end"
        : controller.state.pending.map {
          "is in force on trial: in \($0.seconds) s the release before it is in force again, unless wgfence confirm is run over "
            + "a new connection"
        } ?? (controller.isObserving ? "is observed: nothing is dropped" : "is in force")
      (text, status) = ("\(name), \(how).\n", 0)
    } else if let objection {
      text =
        "\(name), was taken and is held back; the ruleset before it is in force: \(objection.reason).\n\(objection.report)"
        + "To put it in force anyway: wgfence accept \(candidate.digest.prefix(12))\n"
      status = 2
    } else if controller.state.pending != nil || controller.state.panic != nil {
      (text, status) = ("\(name), was taken; it is put in force when the trial or the panic has ended.\n", 0)
    } else {
      (text, status) = ("\(name), was taken, and is not in force: see wgfence status.\n", 2)
    }
  }
}
