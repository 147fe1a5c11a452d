// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyLanguage
public import Ruleset

extension Controller {
  /// The daemon starts: what was in force before is put in force again, before anything is read.
  /// `isTableThere` says whether the kernel already has a table.
  public mutating func begin(at now: Moment, isTableThere: Bool) -> [Action] {
    wasTableThere = isTableThere
    var actions: [Action] = []
    if let pending = state.pending {
      let isSameBoot = pending.boot == now.boot
      actions = state.panic != nil ? endForPanic(pending) : resumeTrial(at: now)
      if state.panic == nil, isSameBoot, !actions.isEmpty { return actions + [.readPolicy] }
    }
    if state.panic == nil, isUnprotected {
      return actions + [
        .say(
          .notice, "nothing was ever in force on this machine: nothing is enforced until a policy is accepted"
        ),
        .readPolicy,
      ]
    }
    // An unknown table is better than the last resort: it stays until the policy is read.
    if state.panic != nil || state.inForce != nil || !isTableThere {
      actions.append(.enforce(beginning, .begin))
    }
    return actions + [.readPolicy]
  }

  /// What was in force before. If nothing is stored, refusing everything is better than no ruleset while the
  /// policy is read.
  private var beginning: Target {
    if state.panic != nil { return .storedPanic }
    return state.inForce.map { .stored($0) } ?? .lastResort
  }

  /// The policy file was read.
  public mutating func read(_ reading: PolicyReading, at now: Moment) -> [Action] {
    let actions = take(reading)
    guard let digest = file.digest else { return actions }
    state.file = digest
    // A file that has another content now takes effect if it gets the former one again.
    guard state.pending == nil, !state.superseded.isSubset(of: [digest]) else { return actions }
    state.superseded.formIntersection([digest])
    return [.save] + actions
  }

  private mutating func take(_ reading: PolicyReading) -> [Action] {
    switch reading {
    case .refused(let refusal):
      let isNews = if case .refused(let known) = file { known != refusal } else { true }
      file = .refused(refusal)
      guard isNews else { return [] }
      let report: PrintableText = refusal.report.isEmpty ? "" : "\n\(refusal.report)"
      let consequence: PrintableText =
        isUnprotected ? "NOTHING IS ENFORCED on this machine" : "what is in force is unchanged"
      return [.say(.error, "the policy was not accepted; \(consequence): \(refusal.reason)\(report)")]
    case .accepted(let candidate, let objection?) where isHeldBack(candidate):
      let isNews =
        if case .held(let known, let before) = file {
          known.digest != candidate.digest || before != objection
        } else { true }
      file = .held(candidate.withoutTable, objection)
      guard isNews else { return [] }
      return [
        .say(
          .warning,
          "the policy file is held back; what is in force is unchanged: \(objection.reason). "
            + "To put it in force anyway, run wgfence accept\n\(objection.report)")
      ]
    case .accepted(let candidate, let objection):
      file = .accepted(digest: candidate.digest)
      accepted = candidate.withoutTable
      if isReleased { return [] }
      if state.superseded.contains(candidate.digest), candidate.digest != inForce?.digest { return [] }
      // A trial is not interrupted: the file is read again when the trial has ended.
      if state.pending != nil { return [] }
      if state.panic != nil { return [.enforce(.candidate(candidate, .panic), .policyFile("in a panic"))] }
      if let objection, isUnprotected {
        return [
          .say(
            .warning,
            "nothing was in force on this machine, and this policy would end what works now, so it is only "
              + "observed: nothing is dropped. \(objection.reason). To enforce it, run wgfence accept\n\(objection.report)"
          ),
          .enforce(.observed(candidate, .daemon(objection.reason)), .policyFile("the policy file")),
        ]
      }
      return [.enforce(target(candidate, objection), .policyFile("the policy file"))]
    }
  }

  /// Whether nothing was ever in force on this machine.
  var isUnprotected: Bool {
    past == .nothing && state.inForce == nil && inForce == nil && !wasTableThere
  }

  /// Whether an objection holds a policy file back: it would drop packets, and is not in force already.
  private func isHeldBack(_ candidate: Candidate) -> Bool {
    if isReleased || isUnprotected || state.panic != nil || candidate.digest == inForce?.digest {
      return false
    }
    if state.superseded.contains(candidate.digest) { return false }
    if case .observed = target(candidate) { return false }
    return true
  }

  /// How a policy is put in force without a user's request: it only observes if its `observe` says so, or if what is
  /// in force only observes on a user's request or because the daemon decided so.
  func target(_ candidate: Candidate) -> Target {
    if candidate.isObserved { return .observed(candidate, .policy) }
    if inForce?.kind == .observe, let observer = inForce?.observer, observer != .policy {
      return .observed(candidate, observer)
    }
    return .candidate(candidate, .policy)
  }

  /// The same for a policy file of which is known what it would end: the daemon's own reason to observe is the present one.
  private func target(_ candidate: Candidate, _ objection: Objection?) -> Target {
    let target = target(candidate)
    if case .observed(_, .daemon) = target { return .observed(candidate, .daemon(objection?.reason)) }
    return target
  }

  /// The policy in force was compiled for another day or other live endpoints. During a trial it is not applied;
  /// during a panic its panic ruleset is.
  public mutating func recompiled(_ candidate: Candidate, because reason: String) -> [Action] {
    if candidate.digest == accepted?.digest {
      accepted = candidate.withoutTable
      // The tunnel must work in a panic too, whatever port WireGuard chooses.
      if state.panic != nil, !isReleased {
        return [.enforce(.candidate(candidate, .panic), .recompile(reason))]
      }
    }
    guard candidate.digest == inForce?.digest, state.pending == nil, state.panic == nil, !isReleased else {
      return []
    }
    return [.enforce(target(candidate), .recompile(reason))]
  }

  /// The kernel's ruleset differs from what is in force.
  public mutating func drifted(by author: String?) -> [Action] {
    isReleased ? [] : [.enforce(.same, .repair(by: author))]
  }

  /// A process that may change the ruleset begins: ends a trial as `endTrial`, and also one whose ruleset was not stored
  /// because the process that applied it was interrupted, or the disk was full: nobody could confirm it.
  public mutating func resumeTrial(at now: Moment) -> [Action] {
    guard let pending = state.pending, pending.boot == now.boot,
      state.inForce == nil || state.inForce == pending.back
    else { return endTrial(at: now) }
    return goBack(
      pending, "the ruleset of the apply by \(pending.by) was not stored, so it cannot be confirmed")
  }

  /// Ends a trial if the time for its confirmation is over, or if the machine was restarted: then the ruleset before it
  /// was loaded at boot.
  public mutating func endTrial(at now: Moment) -> [Action] {
    guard let pending = state.pending else { return [] }
    if pending.boot != now.boot {
      return [
        .say(
          .warning,
          "the machine was restarted before the apply by \(pending.by) was confirmed: "
            + "the ruleset before it is in force again")
      ] + forgetTrial(pending)
    }
    return pending.deadline <= now.sinceBoot ? goBack(pending) : []
  }

  /// A time that `alarm` named has come.
  public mutating func ring(at now: Moment) -> [Action] {
    let end = endTrial(at: now)
    if !end.isEmpty { return end }
    guard let retry, retry.moment <= now.sinceBoot else { return [] }
    if isStandIn || !isHeld { return [.enforce(beginning, .begin), .readPolicy] }
    return [.enforce(.same, .repair(by: nil)), .readPolicy]
  }

  /// A user requests that a policy be put in force, or only observed. A refusal changes nothing.
  public mutating func apply(
    _ candidate: Candidate, _ mode: EnforcementMode = .enforcing, by: String, confirm: Confirm?,
    at now: Moment
  ) throws(Refusal) -> [Action] {
    try refusePanic()
    let target: Target =
      candidate.isObserved
      ? .observed(candidate, .policy)
      : mode == .observing ? .observed(candidate, .user) : .candidate(candidate, .policy)
    try refuseTrial()
    guard let confirm else {
      return [.enforce(target, .apply(by: by, confirm: nil))]
    }
    let back = state.inForce
    // Before the first apply ever there is nothing to go back to: the table is removed.
    guard back != nil || isUnprotected else {
      throw Refusal(
        "what is in force is not stored on disk, so a trial could not be undone: "
          + "apply without --confirm first, and see `wgfence status`")
    }
    // Saved before the kernel is changed: if a process dies in between, the ruleset to go back to is known.
    state.pending = PersistedState.Pending(
      back: back, superseded: state.superseded.union([candidate.digest]),
      deadline: now.sinceBoot + confirm.seconds * 1_000_000_000,
      boot: now.boot,
      seconds: confirm.seconds, by: by, connections: confirm.connections)
    return [.promise, .enforce(target, .apply(by: by, confirm: confirm))]
  }

  /// A user consents to the policy file that is held back, or that is only observed because of an objection. `digest`
  /// is the beginning of the digest of the file that the user has seen; nil: whatever it is now.
  public mutating func accept(_ digest: String?, by: String) throws(Refusal) -> [Action] {
    try refusePanic()
    try refuseTrial()
    let candidate: Candidate
    if case .held(let held, _) = file {
      candidate = held
    } else if case .daemon? = inForce?.observer, let accepted, accepted.digest == inForce?.digest {
      candidate = accepted
    } else {
      throw Refusal("no policy file is held back: see wgfence status")
    }
    if let digest, !candidate.digest.hasPrefix(digest) {
      throw Refusal(
        "the policy file that is held back has the digest \(candidate.digest), not \(digest): look at it again"
      )
    }
    file = .accepted(digest: candidate.digest)
    accepted = candidate
    return [
      .enforce(
        candidate.isObserved ? .observed(candidate, .policy) : .candidate(candidate, .policy), .accept(by: by)
      )
    ]
  }

  /// A user ends the observe mode: the policy that is observed is enforced. `candidate` is that policy, if it is known.
  public mutating func endObservation(_ candidate: Candidate?, by: String) throws(Refusal) -> [Action] {
    try refusePanic()
    try refuseTrial()
    guard let inForce, inForce.kind == .observe else {
      throw Refusal("the observe mode is not in force: see wgfence status")
    }
    guard
      let candidate = [candidate, accepted].compactMap({ $0 }).first(where: { $0.digest == inForce.digest })
    else {
      throw Refusal(
        "the policy that is observed is not known any more: run wgfence apply \(inForce.path)")
    }
    if candidate.isObserved {
      throw Refusal("'observe' of \(candidate.policy.path) names \(candidate.machine): remove it there")
    }
    return [.enforce(.candidate(candidate, .policy), .endObservation(by: by))]
  }

  /// The state for undoing a trial could not be saved: the trial does not start.
  public mutating func abandoned() { state.pending = nil }

  /// A user confirms a pending apply.
  public mutating func confirm(by: String) throws(Refusal) -> [Action] {
    guard let pending = state.pending else { throw Refusal("no apply is waiting for confirmation") }
    state.pending = nil
    return [
      .settle, .say(.notice, "the apply by \(pending.by) was confirmed by \(by)"), .readPolicy,
    ]
  }

  /// A user requests a stored ruleset. During a trial it goes back to the ruleset before the trial, whichever
  /// was named.
  public mutating func rollback(to number: Int?, by: String) throws(Refusal) -> [Action] {
    try refusePanic()
    if let pending = state.pending { return goBack(pending) }
    guard let number else { throw Refusal("there is no stored ruleset before this one") }
    return [.enforce(.stored(number), .rollback(by: by))]
  }

  /// A user declares a panic: only the failsafe grants are in force from now on. The state is saved before
  /// the kernel is changed, so that the panic stays in force even if the daemon dies in between. A full disk
  /// does not prevent it.
  ///
  /// `candidate` is the policy of what is in force, if it is known: its failsafe grants are in force in the panic. If it is
  /// not, those that were stored with what is in force.
  public mutating func panic(_ candidate: Candidate? = nil, by: String, at now: Moment) -> [Action] {
    if state.panic == nil {
      state.panic = PersistedState.Panic(
        // The first ruleset of a machine is in force again after the panic, even if it was on trial.
        since: now.sinceEpoch, by: by, behind: state.pending?.back ?? state.inForce ?? lastStored.number,
        observer: inForce?.observer)
    }
    // A built-in ruleset has no digest.
    let known = [candidate, accepted].compactMap { $0 }.first { candidate in
      inForce.map { $0.digest == candidate.digest || $0.digest.isEmpty } ?? true
    }
    let target: Target = known.map { .candidate($0, .panic) } ?? .storedPanic
    return [.save, .enforce(target, .panic(by: by))]
  }

  /// A user ends a panic: the policy file is in force again if it is valid, else what was in force before.
  public mutating func endPanic(by: String) throws(Refusal) -> [Action] {
    guard let panic = state.panic else { throw Refusal("there is no panic to end") }
    if let accepted, !state.superseded.contains(accepted.digest), case .accepted = file {
      return [.enforce(afterPanic(accepted, panic), .endPanic(by: by))]
    }
    // If no policy was ever in force, refusing everything is the best choice.
    return [.enforce(panic.behind.map { .stored($0) } ?? .lastResort, .endPanic(by: by))]
  }

  /// The table was deleted on request. What is stored stays, and is in force again after the next start.
  public mutating func released() -> [Action] {
    isReleased = true
    inForce = nil
    retry = nil
    return state.pending.map { settleBack($0) } ?? []
  }

  /// How the policy file is put in force after a panic: as what was in force before the panic.
  private func afterPanic(_ candidate: Candidate, _ panic: PersistedState.Panic) -> Target {
    if candidate.isObserved { return .observed(candidate, .policy) }
    if let observer = panic.observer, observer != .policy { return .observed(candidate, observer) }
    return .candidate(candidate, .policy)
  }

  private func refuseTrial() throws(Refusal) {
    guard let pending = state.pending else { return }
    throw Refusal(
      "the apply by \(pending.by) is not confirmed yet: run `wgfence confirm` or `wgfence rollback` first")
  }

  private func refusePanic() throws(Refusal) {
    if state.panic != nil { throw Refusal("a panic is in force: end it first with `wgfence panic --end`") }
  }

  /// The state that matches the stored `boot` ruleset: as if the apply had not happened, except that the policy on trial is not
  /// put in force from the policy file.
  mutating func settleBack(_ pending: PersistedState.Pending) -> [Action] {
    let trial = state.inForce.flatMap { $0 == pending.back ? nil : $0 }
    state.pending = nil
    state.inForce = pending.back
    state.superseded = pending.superseded
    (isUnstored, lastStored) = (false, (state.inForce, state.superseded))
    return [.save] + (trial.map { [.discard($0)] } ?? [])
  }

  /// A restart of the machine ended a trial: what is in force is the ruleset before it, of which only the number is known.
  private mutating func forgetTrial(_ pending: PersistedState.Pending) -> [Action] {
    let isStored = state.inForce != pending.back
    let actions = settleBack(pending)
    if isStored { inForce = nil }
    return actions
  }

  /// A panic ends a trial. If nothing was in force before it, its ruleset stays stored, since there is no other.
  mutating func endForPanic(_ pending: PersistedState.Pending) -> [Action] {
    if pending.back != nil { return settleBack(pending) }
    state.pending = nil
    return [.save]
  }

  private func goBack(_ pending: PersistedState.Pending, _ why: String? = nil) -> [Action] {
    let reason = why ?? "the apply by \(pending.by) was not confirmed"
    return [pending.back.map { .enforce(.stored($0), .goBack(reason)) } ?? .removeTable(reason)]
  }

  /// The table of a trial was removed, or could not be: then it is tried again.
  public mutating func removed(_ reason: String, failure: String?, at now: Moment) -> [Action] {
    if let failure {
      state.pending?.deadline = now.sinceBoot + 1_000_000_000
      return [.say(.error, "\(reason), but the table could not be removed: \(failure)")]
    }
    inForce = nil
    return (state.pending.map { settleBack($0) } ?? [.save]) + [
      .say(
        .warning, "\(reason): nothing was in force before it, so the table was removed: NOTHING IS ENFORCED"),
      .readPolicy,
    ]
  }
}

/// A request that cannot be carried out: a sentence that says what to do, followed by a report if there is
/// one.
public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// The sentence and the report.
  public let text: PrintableText
  /// Creates a refusal with a sentence.
  public init(_ text: PrintableText) { self.text = text }
  /// The text.
  public var description: String { text.description }
}
