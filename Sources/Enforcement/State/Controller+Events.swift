// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import Ruleset

extension Controller {
  /// The daemon starts: what was in force before is put in force again, before anything is read.
  /// `isTableThere` says whether the kernel already has a table.
  public mutating func begin(at now: Moment, isTableThere: Bool) -> [Action] {
    wasTableThere = isTableThere
    var actions: [Action] = []
    if let pending = state.pending {
      if state.panic != nil {
        actions += settleBack(pending)
      } else if pending.boot != now.boot {
        actions.append(
          .say(
            .warning,
            "the machine was restarted before the apply by \(pending.by) was confirmed: "
              + "the ruleset before it is in force again"))
        actions += settleBack(pending)
      } else if pending.deadline <= now.sinceBoot {
        return goBack(pending) + [.readPolicy]
      }
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
    switch reading {
    case .refused(let refusal):
      let isNews = if case .refused(let known) = file { known != refusal } else { true }
      file = .refused(refusal)
      guard isNews else { return [] }
      let report: PrintableText = refusal.report.isEmpty ? "" : "\n\(refusal.report)"
      return [
        .say(.error, "the policy was not accepted; what is in force is unchanged: \(refusal.reason)\(report)")
      ]
    case .accepted(let candidate):
      file = .accepted(digest: candidate.digest)
      accepted = candidate.kept
      if isReleased { return [] }
      if candidate.digest == state.superseded, candidate.digest != inForce?.digest { return [] }
      // A trial is not interrupted: the file is read again when the trial has ended.
      if state.pending != nil { return [] }
      if state.panic != nil { return [.enforce(.candidate(candidate, .panic), .policyFile("in a panic"))] }
      return [.enforce(.candidate(candidate, .policy), .policyFile("the policy file"))]
    }
  }

  /// The policy in force was compiled for another day or other live endpoints. During a trial it is not applied;
  /// during a panic its panic ruleset is.
  public mutating func recompiled(_ candidate: Candidate, because reason: String) -> [Action] {
    if candidate.digest == accepted?.digest {
      accepted = candidate.kept
      // The tunnel must work in a panic too, whatever port WireGuard chooses.
      if state.panic != nil, !isReleased {
        return [.enforce(.candidate(candidate, .panic), .recompile(reason))]
      }
    }
    guard candidate.digest == inForce?.digest, state.pending == nil, state.panic == nil, !isReleased else {
      return []
    }
    return [.enforce(.candidate(candidate, .policy), .recompile(reason))]
  }

  /// The kernel's ruleset differs from what is in force.
  public mutating func drifted(by author: String?) -> [Action] {
    isReleased ? [] : [.enforce(.same, .repair(by: author))]
  }

  /// A time that `alarm` named has come.
  public mutating func ring(at now: Moment) -> [Action] {
    if let pending = state.pending, pending.deadline <= now.sinceBoot { return goBack(pending) }
    guard let retry, retry.moment <= now.sinceBoot else { return [] }
    if isStandIn || !isHeld { return [.enforce(beginning, .begin), .readPolicy] }
    return [.enforce(.same, .repair(by: nil)), .readPolicy]
  }

  /// A user requests that a policy be put in force. A refusal changes nothing.
  public mutating func apply(
    _ candidate: Candidate, by: String, confirm: Confirm?, at now: Moment
  ) throws(Refusal) -> [Action] {
    try refusePanic()
    if let pending = state.pending {
      throw Refusal(
        "the apply by \(pending.by) is not confirmed yet: run `wgfence confirm` or `wgfence rollback` first")
    }
    guard let confirm else {
      return [.enforce(.candidate(candidate, .policy), .apply(by: by, confirm: nil))]
    }
    guard let back = state.inForce else {
      throw Refusal(
        "what is in force is not stored on disk, so a trial could not be undone: "
          + "apply without --confirm first, and see `wgfence status`")
    }
    // Saved before the kernel is changed: if a process dies in between, the ruleset to go back to is known.
    state.pending = PersistedState.Pending(
      back: back, deadline: now.sinceBoot + confirm.seconds * 1_000_000_000, boot: now.boot,
      seconds: confirm.seconds, by: by, connections: confirm.connections)
    return [.promise, .enforce(.candidate(candidate, .policy), .apply(by: by, confirm: confirm))]
  }

  /// The state for undoing a trial could not be saved: the trial does not start.
  public mutating func abandoned() { state.pending = nil }

  /// A user confirms a pending apply.
  public mutating func confirm(by: String) throws(Refusal) -> [Action] {
    guard let pending = state.pending else { throw Refusal("no apply is waiting for confirmation") }
    state.pending = nil
    return [
      .store(.settled), .save, .say(.notice, "the apply by \(pending.by) was confirmed by \(by)"),
      .readPolicy,
    ]
  }

  /// A user requests a stored ruleset. During a trial it goes back to the ruleset before the trial, whichever
  /// was named.
  public mutating func rollback(to number: Int, by: String) throws(Refusal) -> [Action] {
    try refusePanic()
    if let pending = state.pending { return goBack(pending) }
    return [.enforce(.stored(number), .rollback(by: by))]
  }

  /// A user declares a panic: only the failsafe grants are in force from now on. The state is saved before
  /// the kernel is changed, so that the panic stays in force even if the daemon dies in between. A full disk
  /// does not prevent it.
  public mutating func panic(by: String, at now: Moment) -> [Action] {
    if state.panic == nil {
      state.panic = PersistedState.Panic(
        since: now.sinceEpoch, by: by, behind: state.pending?.back ?? state.inForce)
    }
    let target: Target = accepted.map { .candidate($0, .panic) } ?? .storedPanic
    return [.save, .enforce(target, .panic(by: by))]
  }

  /// A user ends a panic: the policy file is in force again if it is valid, else what was in force before.
  public mutating func endPanic(by: String) throws(Refusal) -> [Action] {
    guard let panic = state.panic else { throw Refusal("there is no panic to end") }
    if let accepted, accepted.digest != state.superseded, case .accepted = file {
      return [.enforce(.candidate(accepted, .policy), .endPanic(by: by))]
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

  private func refusePanic() throws(Refusal) {
    if state.panic != nil { throw Refusal("a panic is in force: end it first with `wgfence panic --end`") }
  }

  /// The state that matches the stored `boot` ruleset: as if the apply had not happened.
  mutating func settleBack(_ pending: PersistedState.Pending) -> [Action] {
    let trial = state.inForce.flatMap { $0 == pending.back ? nil : $0 }
    state.pending = nil
    state.inForce = pending.back
    state.superseded = file.digest ?? state.superseded
    return [.save] + (trial.map { [.discard($0)] } ?? [])
  }

  private func goBack(_ pending: PersistedState.Pending) -> [Action] {
    [.enforce(.stored(pending.back), .goBack("the apply by \(pending.by) was not confirmed"))]
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
