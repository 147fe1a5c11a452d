// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

extension Controller {
  /// The result of making the kernel equal to a target.
  public enum Enforcement: Sendable {
    /// The kernel is equal, verified by reading back. `changes` operations were sent; 0 if it was equal
    /// already.
    case equal(changes: Int, Provenance)
    /// The kernel is not equal, and was not changed. The reason, in one sentence.
    case failed(String)
  }

  /// The driver made the kernel equal to a target, or failed.
  public mutating func enforced(
    _ purpose: Purpose, _ target: Target, _ outcome: Enforcement, at now: Moment
  ) -> [Action] {
    switch outcome {
    case .failed(let reason): return failed(purpose, target, reason, at: now)
    case .equal(let changes, let provenance):
      (isHeld, isReleased) = (true, false)
      // The last resort stays only until the stored ruleset, or a policy, can be put in force.
      if case .lastResort = target, case .begin = purpose {} else { isStandIn = false }
      if !isStandIn { retry = nil }
      tally.lastSuccess = now.sinceEpoch
      if changes > 0 { tally.applies += 1 }
      return succeeded(purpose, target, changes, provenance)
    }
  }

  /// What is in force was stored under this number. Nil if it could not be stored: then nothing can go back
  /// to it.
  public mutating func stored(_ number: Int?) {
    state.inForce = number
    isUnstored = number == nil
    if number != nil { lastStored = (number, state.superseded) }
  }

  private mutating func succeeded(
    _ purpose: Purpose, _ target: Target, _ changes: Int, _ provenance: Provenance
  ) -> [Action] {
    let before = inForce
    if case .same = target {} else { inForce = provenance }
    let count = changes == 1 ? "1 change" : "\(changes) changes"
    switch purpose {
    case .begin:
      return changes == 0
        ? [] : [.say(.notice, "the ruleset of \(provenance.path) is in force again: \(count)")]
    case .repair(let author):
      guard changes > 0 else { return [] }
      tally.repairs += 1
      let who = author.map { " by \($0)" } ?? ""
      return [.say(.warning, "the ruleset was changed\(who): repaired, \(count)")]
    case .policyFile(let reason):
      state.superseded = []
      guard changes > 0 || before?.digest != provenance.digest || state.inForce == nil else { return [] }
      if state.panic != nil {
        return [
          .storePanic, .say(.notice, "the panic stays in force, with the new policy's failsafe grants"),
        ]
      }
      return Self.store + [.say(.notice, "\(reason): in force, \(count)")]
    case .recompile(let reason):
      return changes == 0 ? [] : Self.store + [.say(.notice, "\(reason): in force, \(count)")]
    case .apply(let by, let confirm):
      supersede(unless: provenance)
      guard let confirm else { return Self.store + [.say(.notice, "applied by \(by): \(count)")] }
      return [
        .store(.pending), .save,
        .say(.notice, "applied by \(by), to be confirmed within \(confirm.seconds) s: \(count)"),
      ]
    case .accept(let by):
      state.superseded = []
      return Self.store + [.say(.notice, "the policy file was accepted by \(by): in force, \(count)")]
    case .endObservation(let by):
      return Self.store + [.say(.notice, "the observe mode was ended by \(by): enforcing, \(count)")]
    case .rollback(let by):
      supersede(unless: provenance)
      return Self.store + [.say(.notice, "rolled back by \(by): \(count)")]
    case .goBack(let reason):
      let settled = state.pending.map { settleBack($0) } ?? [.save]
      state.superseded.remove(provenance.digest)
      return settled + [
        .say(.warning, "\(reason): the ruleset before it is in force again: \(count)"), .readPolicy,
      ]
    case .panic(let by):
      let settled = state.pending.map { endForPanic($0) } ?? []
      return settled + [
        .storePanic, .save, .say(.warning, "panic declared by \(by): only the failsafe grants are in force"),
      ]
    case .endPanic(let by):
      state.panic = nil
      return Self.store + [.say(.notice, "the panic was ended by \(by)")]
    }
  }

  /// Stores what is in force now, as the ruleset that is loaded at boot.
  private static let store: [Action] = [.store(.settled), .save]

  /// What a user requested overrides the policy file, unless the file has the same content.
  private mutating func supersede(unless provenance: Provenance) {
    let digest = file.digest ?? state.file
    state.superseded = digest.map { $0 == provenance.digest ? [] : [$0] } ?? []
  }

  /// Nothing was changed. What must become true is tried again, with growing pauses; what a person requested
  /// is not.
  private mutating func failed(
    _ purpose: Purpose, _ target: Target, _ reason: String, at now: Moment
  ) -> [Action] {
    tally.failures += 1
    let what: PrintableText =
      switch purpose {
      case .begin: "the last ruleset could not be put in force"
      case .policyFile, .recompile, .apply, .accept:
        "the policy could not be put in force; what was in force before is unchanged"
      case .rollback: "the rollback failed"
      case .endObservation: "the observe mode could not be ended"
      case .goBack: "the ruleset before the trial could not be put in force"
      case .panic: "the ruleset of the panic could not be put in force"
      case .endPanic: "the panic could not be ended"
      case .repair: "the ruleset has drifted and could not be repaired"
      }
    var actions: [Action] = [.say(.error, "\(what): \(reason)")]
    switch purpose {
    case .begin:
      again(at: now)
      // No ruleset protects the machine: put the last resort in force meanwhile.
      if case .lastResort = target {
      } else if !isHeld, !wasTableThere {
        isStandIn = true
        actions.append(.enforce(.lastResort, .begin))
      }
    case .policyFile, .recompile, .repair: again(at: now)
    case .goBack:
      let pause = again(at: now)
      state.pending?.deadline = now.sinceBoot + pause
    case .apply(_, .some):
      // A policy that became that of the file for the trial is not put in force without it.
      if let pending = state.pending, file.digest.map({ !pending.superseded.contains($0) }) ?? true {
        state.superseded = pending.superseded
      }
      state.pending = nil
      actions.append(.save)
    case .panic:
      // A panic that is already in force stays.
      if inForce?.kind != .panic { state.panic = nil }
      actions.append(.save)
    case .apply(_, nil), .rollback, .accept, .endObservation, .endPanic: break
    }
    return actions
  }

  /// Schedules another attempt: after 0.1 s, then after twice as long each time, at most 60 s. Returns the
  /// pause in nanoseconds.
  @discardableResult
  private mutating func again(at now: Moment) -> Int64 {
    let failures = (retry?.failures ?? 0) + 1
    let pause: Int64 = min(100_000_000 << Int64(min(failures - 1, 10)), 60_000_000_000)
    retry = Retry(moment: now.sinceBoot + pause, failures: failures)
    return pause
  }
}
