// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// What survives a restart: the rulesets and the state, in the state directory.
extension ControllerDriver where Store: ~Copyable {
  /// Stores what is in force under a number of its own, with its rulesets for a lock-down and a panic. If it is settled,
  /// they are those for the next boot.
  mutating func store(_ settlement: Controller.Settlement) {
    guard let directory, let provenance = controller.inForce else { return }
    // What another process put in force is known as that process stored it.
    let known = storedNumber ?? (desired == nil ? controller.state.inForce : nil)
    let table = desired ?? known.flatMap { directory.ruleset($0).value?.table }
    let number = known ?? (directory.numbers().last ?? 0) + 1
    let held = [controller.state.inForce, controller.state.pending?.back, controller.state.panic?.behind]
      .compactMap { $0 }
    let candidate = candidate
    let result = persist(.rulesets) { (directory) throws(StateError) in
      guard let table else {
        throw StateError("the ruleset in force is not known here, and its stored copy cannot be read")
      }
      let ruleset = try Self.stored(table, provenance)
      if known == nil { try directory.write(ruleset, number: number, holding: held) }
      if settlement == .settled { try directory.write(ruleset, .boot) }
      // A machine on which nothing was dropped drops nothing in a lock-down either.
      let mode: EnforcementMode = provenance.kind == .observe ? .observing : .enforcing
      let slots: [(slot: StateDirectory.Slot, trial: StateDirectory.Slot, kind: Provenance.Kind)] = [
        (.lockDown, .trialLockDown, .lockDown), (.panic, .trialPanic, .panic),
      ]
      for (slot, trial, kind) in slots {
        if let candidate {
          var provenance = provenance
          (provenance.kind, provenance.observer) = (kind, nil)
          let ruleset = try Self.stored(candidate.table(kind, mode), provenance)
          try directory.write(ruleset, settlement == .settled ? slot : trial)
        }
      }
      if settlement == .settled { try directory.endTrial(of: candidate == nil ? provenance.digest : nil) }
    }
    storedNumber = result == .stored ? number : nil
    controller.stored(storedNumber)
  }

  /// Completes what another process left when it ended while it stored: a settled ruleset that is not the one for boot yet, and
  /// rulesets that no state names.
  public mutating func completeStoring() {
    guard let directory else { return }
    let state = controller.state
    directory.removeUnnamed(state)
    guard state.pending == nil, state.panic == nil, let number = state.inForce,
      let ruleset = directory.ruleset(number).value,
      directory.ruleset(.boot).value?.provenance != ruleset.provenance
    else { return }
    persist(.rulesets) { (directory) throws(StateError) in
      try directory.write(ruleset, .boot)
      try directory.endTrial(of: ruleset.provenance.digest)
    }
  }

  /// Stores what is in force again if a file for boot or for a panic is missing or damaged.
  public mutating func restoreMissing() {
    guard let directory, candidate != nil, controller.inForce != nil, !controller.isReleased,
      controller.state.pending == nil, controller.state.panic == nil, directory.isIncomplete
    else { return }
    perform([.store(.settled), .save])
  }

  mutating func storePanic() {
    guard let desired, let provenance = controller.inForce else { return }
    persist(.rulesets) { (directory) throws(StateError) in
      let ruleset = try Self.stored(desired, provenance)
      try directory.write(ruleset, .panic)
      try directory.write(ruleset, .boot)
    }
  }

  private static func stored(_ table: KernelTable, _ provenance: Provenance) throws(StateError)
    -> StoredRuleset
  {
    do throws(StoreError) {
      return try StoredRuleset(table, provenance)
    } catch {
      throw StateError("\(EnforcementError(error))")
    }
  }

  enum StoreResult {
    case stored
    case failed
  }

  @discardableResult
  mutating func save() -> StoreResult {
    let state = controller.state
    return persist(.state) { (directory) throws(StateError) in try directory.write(state) }
  }

  /// Deletes the stored ruleset of a trial. If that fails, a rollback could lead to it: this is reported, and
  /// changes nothing else.
  func discard(_ number: Int) {
    do throws(StateError) {
      try directory?.remove(number: number)
      try directory?.endTrial(of: nil)
    } catch {
      environment.say(
        .warning, "the stored ruleset \(number) of a trial that went back could not be deleted: \(error)")
    }
  }

  /// Stores a part. A failure is reported once as long as its reason stays the same.
  @discardableResult
  private mutating func persist(_ part: Part, _ body: (StateDirectory) throws(StateError) -> Void)
    -> StoreResult
  {
    guard let directory else { return .stored }
    do throws(StateError) {
      try body(directory)
      if failures.removeValue(forKey: part) != nil, failures.isEmpty {
        environment.say(.notice, "what is in force is now stored on disk again")
      }
      return .stored
    } catch {
      if failures.updateValue(error.description, forKey: part) != error.description {
        environment.say(
          .error,
          "what is in force is not stored for the next restart: \(error); it stays in force in the kernel")
      }
      return .failed
    }
  }
}
