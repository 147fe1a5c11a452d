// SPDX-License-Identifier: GPL-3.0-or-later

extension Keeper {
  /// What came of making the kernel equal to a target.
  public enum Enforcement: Sendable {
    /// The kernel holds it, read back. `changes` operations were sent; 0: it held it already.
    case equal(changes: Int, Provenance)
    /// It does not; what it held before, it holds still. The reason in a sentence.
    case failed(String)
  }

  /// The kernel was made equal to a target, or refused. `next` is a number that no stored ruleset has.
  public mutating func enforced(
    _ purpose: Purpose, _ target: Target, _ outcome: Enforcement, next: Int, at now: Moment
  ) -> [Action] {
    switch outcome {
    case .failed(let reason): return failed(purpose, reason, at: now)
    case .equal(let changes, let provenance):
      retry = nil
      tally.lastSuccess = now.sinceEpoch
      if changes > 0 { tally.applies += 1 }
      return succeeded(purpose, target, changes, provenance, next)
    }
  }

  private mutating func succeeded(
    _ purpose: Purpose, _ target: Target, _ changes: Int, _ provenance: Provenance, _ next: Int
  ) -> [Action] {
    let before = inForce
    if case .same = target {} else { inForce = provenance }
    switch purpose {
    case .begin:
      return changes == 0
        ? [] : [.say(.notice, "the ruleset of \(provenance.path) is in force again: \(Self.count(changes))")]
    case .repair(let author):
      guard changes > 0 else { return [] }
      tally.repairs += 1
      let who = author.map { " by \($0)" } ?? ""
      return [.say(.warning, "the ruleset was changed\(who): repaired, \(Self.count(changes))")]
    case .policyFile(let reason):
      state.superseded = nil
      guard changes > 0 || before?.digest != provenance.digest || state.inForce == nil else { return [] }
      if state.panic != nil {
        return [.storePanic, .say(.notice, "the panic holds, with the new policy's failsafe grants")]
      }
      return keep(next) + [.say(.notice, "\(reason): in force, \(Self.count(changes))")]
    case .apply(let by, let confirm):
      let digest = file.digest
      state.superseded = digest == provenance.digest ? nil : digest
      if confirm != nil {
        state.inForce = next
        return [
          .store(number: next, .pending), .save,
          .say(
            .notice,
            "applied by \(by), to be confirmed within \(confirm?.seconds ?? 0) s: \(Self.count(changes))"),
        ]
      }
      return keep(next) + [.say(.notice, "applied by \(by): \(Self.count(changes))")]
    case .rollback(let by):
      state.superseded = file.digest == provenance.digest ? nil : file.digest
      return keep(next) + [.say(.notice, "rolled back by \(by): \(Self.count(changes))")]
    case .goBack(let reason):
      if let pending = state.pending { state.inForce = pending.back }
      state.pending = nil
      state.superseded = file.digest == provenance.digest ? nil : file.digest
      return [.save, .say(.warning, "\(reason): went back, \(Self.count(changes))"), .readPolicy]
    case .panic(let by):
      if state.panic == nil {
        state.panic = KeptState.Panic(since: provenance.since, by: by, behind: state.inForce)
      }
      return [.storePanic, .save, .say(.warning, "panic declared by \(by): nothing but the failsafe grants")]
    case .endPanic(let by):
      state.panic = nil
      return keep(next) + [.say(.notice, "the panic was ended by \(by)")]
    }
  }

  /// What is in force now is kept, and loaded at boot from now on.
  private mutating func keep(_ number: Int) -> [Action] {
    state.inForce = number
    return [.store(number: number, .settled), .save]
  }

  private static func count(_ changes: Int) -> String { changes == 1 ? "1 change" : "\(changes) changes" }

  /// Nothing was changed. What must become true is tried again, ever less often; what a person asked for is not.
  private mutating func failed(_ purpose: Purpose, _ reason: String, at now: Moment) -> [Action] {
    tally.failures += 1
    let (what, isPersistent): (String, Persistence) =
      switch purpose {
      case .begin: ("the last ruleset could not be put in force", .again)
      case .policyFile: ("the policy could not be put in force, what was stays", .again)
      case .apply: ("the policy could not be put in force, what was stays", .once)
      case .rollback: ("could not roll back", .once)
      case .goBack: ("could not go back", .again)
      case .panic: ("the panic's ruleset could not be put in force", .once)
      case .endPanic: ("the panic could not be ended", .once)
      case .repair: ("the ruleset has drifted and could not be repaired", .again)
      }
    var actions: [Action] = [.say(.error, "\(what): \(reason)")]
    if case .apply(_, .some) = purpose {
      state.pending = nil
      actions.append(.save)
    }
    if isPersistent == .again {
      let failures = (retry?.failures ?? 0) + 1
      // 0.1 s, doubled to a minute.
      let pause: Int64 = min(100_000_000 << Int64(min(failures - 1, 10)), 60_000_000_000)
      retry = Retry(moment: now.sinceBoot + pause, failures: failures)
      if case .goBack = purpose { state.pending?.deadline = now.sinceBoot + pause }
    }
    return actions
  }

  private enum Persistence {
    case again
    case once
  }
}
