// SPDX-License-Identifier: GPL-3.0-or-later

extension Keeper {
  /// The daemon begins: what held before it holds again, before anything is read. `isTableThere` says whether the
  /// kernel has a table already.
  public mutating func begin(at now: Moment, isTableThere: Bool) -> [Action] {
    var actions: [Action] = []
    if let pending = state.pending {
      if pending.boot != now.boot {
        actions.append(
          .say(
            .warning,
            "the machine started again before the apply by \(pending.by) was confirmed: it went back"))
        actions += settleBack(pending)
      } else if pending.deadline <= now.sinceBoot {
        return goBack(pending) + [.readPolicy]
      }
    }
    if state.panic != nil {
      actions.append(.enforce(.storedPanic, .begin))
    } else if let number = state.inForce {
      actions.append(.enforce(.stored(number), .begin))
    } else if !isTableThere {
      // Better than nothing while the policy is read: nobody else is to be let in meanwhile.
      actions.append(.enforce(.lastResort, .begin))
    }
    return actions + [.readPolicy]
  }

  /// The policy file was read.
  public mutating func read(_ reading: PolicyReading, at now: Moment) -> [Action] {
    switch reading {
    case .refused(let refusal):
      let isNews = if case .refused(let known) = file { known != refusal } else { true }
      file = .refused(refusal)
      guard isNews else { return [] }
      let report = refusal.report.isEmpty ? "" : "\n\(refusal.report)"
      return [
        .say(.error, "the policy was not accepted, what is in force stays: \(refusal.reason)\(report)")
      ]
    case .accepted(let candidate):
      file = .accepted(digest: candidate.digest)
      accepted = candidate
      if candidate.digest == state.superseded { return [] }
      // Nobody's trial is cut short: the file is looked at again when it has ended.
      if state.pending != nil { return [] }
      if state.panic != nil { return [.enforce(.candidate(candidate, .panic), .policyFile("in a panic"))] }
      return [.enforce(.candidate(candidate, .policy), .policyFile("the policy file"))]
    }
  }

  /// The day or a live endpoint changed: the policy in force is compiled again.
  public mutating func recompiled(_ candidate: Candidate, because reason: String) -> [Action] {
    accepted = candidate
    guard candidate.digest == inForce?.digest, state.pending == nil, state.panic == nil else { return [] }
    return [.enforce(.candidate(candidate, .policy), .policyFile(reason))]
  }

  /// The kernel does not hold what is in force.
  public mutating func drifted(by author: String?) -> [Action] { [.enforce(.same, .repair(by: author))] }

  /// A moment that `alarm` named has come.
  public mutating func ring(at now: Moment) -> [Action] {
    if let pending = state.pending, pending.deadline <= now.sinceBoot { return goBack(pending) }
    if let retry, retry.moment <= now.sinceBoot { return [.enforce(.same, .repair(by: nil)), .readPolicy] }
    return []
  }

  /// Somebody asks to put a policy in force. A refusal is a sentence.
  public mutating func apply(
    _ candidate: Candidate, by: String, confirm: Confirm?, at now: Moment
  ) throws(Refusal) -> [Action] {
    if state.panic != nil { throw Refusal("a panic holds: end it first with `wgfence panic --end`") }
    if let pending = state.pending {
      throw Refusal(
        "the apply by \(pending.by) waits for its confirmation: `wgfence confirm` or `wgfence rollback`")
    }
    guard let confirm else {
      return [.enforce(.candidate(candidate, .policy), .apply(by: by, confirm: nil))]
    }
    guard let back = state.inForce else {
      throw Refusal("there is no ruleset before this one to go back to: apply without --confirm first")
    }
    // Written before the kernel is touched: whoever dies in between, the way back is known.
    state.pending = KeptState.Pending(
      back: back, deadline: now.sinceBoot + confirm.seconds * 1_000_000_000, boot: now.boot,
      seconds: confirm.seconds, by: by, connections: confirm.connections)
    return [.save, .enforce(.candidate(candidate, .policy), .apply(by: by, confirm: confirm))]
  }

  /// A pending apply is kept.
  public mutating func confirm(by: String) throws(Refusal) -> [Action] {
    guard let pending = state.pending else { throw Refusal("no apply waits for a confirmation") }
    state.pending = nil
    let number = state.inForce ?? pending.back
    return [
      .store(number: number, .settled), .save,
      .say(.notice, "the apply by \(pending.by) was confirmed by \(by)"),
      .readPolicy,
    ]
  }

  /// Back to a stored ruleset.
  public mutating func rollback(to number: Int, by: String) throws(Refusal) -> [Action] {
    if state.panic != nil { throw Refusal("a panic holds: end it first with `wgfence panic --end`") }
    if let pending = state.pending { return goBack(pending) }
    return [.enforce(.stored(number), .rollback(by: by))]
  }

  /// Nothing but the failsafe grants from now on.
  public mutating func panic(by: String) -> [Action] {
    var actions: [Action] = []
    if let pending = state.pending { actions += settleBack(pending) }
    let target: Target = accepted.map { .candidate($0, .panic) } ?? .storedPanic
    return actions + [.enforce(target, .panic(by: by))]
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

  /// The state that goes with what `boot` holds: as if the apply had not been.
  private mutating func settleBack(_ pending: KeptState.Pending) -> [Action] {
    state.pending = nil
    state.inForce = pending.back
    state.superseded = file.digest ?? state.superseded
    return [.save]
  }

  private mutating func goBack(_ pending: KeptState.Pending) -> [Action] {
    [.enforce(.stored(pending.back), .goBack("the apply by \(pending.by) was not confirmed"))]
  }
}

/// A request that cannot be met: a sentence that says what to do.
public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
  /// The sentence.
  public let description: String
  /// Refuses with a sentence.
  public init(_ description: String) { self.description = description }
}
