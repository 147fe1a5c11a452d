// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import Ruleset

extension Controller {
  /// The daemon begins: what held before it holds again, before anything is read. `isTableThere` says whether the
  /// kernel has a table already.
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
            "the machine started again before the apply by \(pending.by) was confirmed: it went back"))
        actions += settleBack(pending)
      } else if pending.deadline <= now.sinceBoot {
        return goBack(pending) + [.readPolicy]
      }
    }
    // A table of which nothing is known is better than the last resort: it stays until the policy is read.
    if state.panic != nil || state.inForce != nil || !isTableThere {
      actions.append(.enforce(beginning, .begin))
    }
    return actions + [.readPolicy]
  }

  /// What held before. With nothing stored, letting nobody in is better than nothing while the policy is read.
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
        .say(.error, "the policy was not accepted, what is in force stays: \(refusal.reason)\(report)")
      ]
    case .accepted(let candidate):
      file = .accepted(digest: candidate.digest)
      accepted = candidate.kept
      if isReleased { return [] }
      if candidate.digest == state.superseded, candidate.digest != inForce?.digest { return [] }
      // Nobody's trial is cut short: the file is looked at again when it has ended.
      if state.pending != nil { return [] }
      if state.panic != nil { return [.enforce(.candidate(candidate, .panic), .policyFile("in a panic"))] }
      return [.enforce(.candidate(candidate, .policy), .policyFile("the policy file"))]
    }
  }

  /// The policy in force, compiled for another day or other live endpoints. While a trial or a panic lasts, it waits.
  public mutating func recompiled(_ candidate: Candidate, because reason: String) -> [Action] {
    if candidate.digest == accepted?.digest { accepted = candidate.kept }
    guard candidate.digest == inForce?.digest, state.pending == nil, state.panic == nil, !isReleased else {
      return []
    }
    return [.enforce(.candidate(candidate, .policy), .recompile(reason))]
  }

  /// The kernel does not hold what is in force.
  public mutating func drifted(by author: String?) -> [Action] {
    isReleased ? [] : [.enforce(.same, .repair(by: author))]
  }

  /// A moment that `alarm` named has come.
  public mutating func ring(at now: Moment) -> [Action] {
    if let pending = state.pending, pending.deadline <= now.sinceBoot { return goBack(pending) }
    guard let retry, retry.moment <= now.sinceBoot else { return [] }
    if isStandIn || !isHeld { return [.enforce(beginning, .begin), .readPolicy] }
    return [.enforce(.same, .repair(by: nil)), .readPolicy]
  }

  /// Somebody asks to put a policy in force. A refusal is a sentence, and changes nothing.
  public mutating func apply(
    _ candidate: Candidate, by: String, confirm: Confirm?, at now: Moment
  ) throws(Refusal) -> [Action] {
    try refusePanic()
    if let pending = state.pending {
      throw Refusal(
        "the apply by \(pending.by) waits for its confirmation: `wgfence confirm` or `wgfence rollback`")
    }
    guard let confirm else {
      return [.enforce(.candidate(candidate, .policy), .apply(by: by, confirm: nil))]
    }
    guard let back = state.inForce else {
      throw Refusal(
        "what is in force is not kept on disk, so there is nothing to go back to: apply without --confirm first, and "
          + "see wgfence status")
    }
    // Written before the kernel is touched: whoever dies in between, the way back is known.
    state.pending = PersistedState.Pending(
      back: back, deadline: now.sinceBoot + confirm.seconds * 1_000_000_000, boot: now.boot,
      seconds: confirm.seconds, by: by, connections: confirm.connections)
    return [.promise, .enforce(.candidate(candidate, .policy), .apply(by: by, confirm: confirm))]
  }

  /// The way back of a trial could not be written: the trial is not begun.
  public mutating func abandoned() { state.pending = nil }

  /// A pending apply is kept.
  public mutating func confirm(by: String) throws(Refusal) -> [Action] {
    guard let pending = state.pending else { throw Refusal("no apply waits for a confirmation") }
    state.pending = nil
    return [
      .store(.settled), .save, .say(.notice, "the apply by \(pending.by) was confirmed by \(by)"),
      .readPolicy,
    ]
  }

  /// Back to a stored ruleset. An apply on trial goes back to the one before it, whichever is named.
  public mutating func rollback(to number: Int, by: String) throws(Refusal) -> [Action] {
    try refusePanic()
    if let pending = state.pending { return goBack(pending) }
    return [.enforce(.stored(number), .rollback(by: by))]
  }

  /// Nothing but the failsafe grants from now on. It is written before the kernel is touched, so that it holds though the
  /// daemon should die in between; a disk that is full does not stop it.
  public mutating func panic(by: String, at now: Moment) -> [Action] {
    if state.panic == nil {
      state.panic = PersistedState.Panic(
        since: now.sinceEpoch, by: by, behind: state.pending?.back ?? state.inForce)
    }
    let target: Target = accepted.map { .candidate($0, .panic) } ?? .storedPanic
    return [.save, .enforce(target, .panic(by: by))]
  }

  /// A panic ends: the policy file holds again where it is valid, else what held before.
  public mutating func endPanic(by: String) throws(Refusal) -> [Action] {
    guard let panic = state.panic else { throw Refusal("there is no panic to end") }
    if let accepted, accepted.digest != state.superseded, case .accepted = file {
      return [.enforce(.candidate(accepted, .policy), .endPanic(by: by))]
    }
    // Without a policy that ever held there is nothing better than to let nobody in.
    return [.enforce(panic.behind.map { .stored($0) } ?? .lastResort, .endPanic(by: by))]
  }

  /// The table was taken out on request. What is stored stays: it holds again at the next start.
  public mutating func released() -> [Action] {
    isReleased = true
    inForce = nil
    retry = nil
    return state.pending.map { settleBack($0) } ?? []
  }

  private func refusePanic() throws(Refusal) {
    if state.panic != nil { throw Refusal("a panic holds: end it first with `wgfence panic --end`") }
  }

  /// The state that goes with what `boot` holds: as if the apply had not been.
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

/// A request that cannot be met: a sentence that says what to do, and a report behind it where there is one.
public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// The sentence and the report.
  public let text: PrintableText
  /// Refuses with a sentence.
  public init(_ text: PrintableText) { self.text = text }
  /// The text.
  public var description: String { text.description }
}
