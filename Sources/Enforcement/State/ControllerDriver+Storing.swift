// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset

/// What survives a restart: the rulesets and the state, in the state directory.
extension ControllerDriver where Store: ~Copyable {
  /// Stores what is in force under a number of its own, with its rulesets for a lock-down and a panic: they are those of its
  /// policy, or, where only a stored ruleset is known, those of the ruleset that was put in force. If it is settled, all are
  /// those for the next boot.
  mutating func store(_ settlement: Controller.Settlement) {
    guard let directory, let provenance = controller.inForce else { return }
    // What another process put in force is known as that process stored it.
    let known = storedNumber ?? (desired == nil ? controller.state.inForce : nil)
    let table = desired ?? known.flatMap { directory.ruleset($0).value?.table }
    let held = [controller.state.inForce, controller.state.pending?.back, controller.state.panic?.behind]
      .compactMap { $0 }
    let (candidate, source, state) = (candidate, known ?? sourceNumber, controller.lastingState)
    // What a trial left that went back while nothing could be deleted has no number that the state names.
    if known == nil { directory.removeUnnamed(state) }
    let number = known ?? (directory.numbers().last ?? 0) + 1
    let result = persist(.rulesets) { (directory) throws(StateError) in
      guard let table else {
        throw StateError("the ruleset in force is not known here, and its stored copy cannot be read")
      }
      // A machine on which nothing was dropped drops nothing in a lock-down either.
      let mode: EnforcementMode = provenance.kind == .observe ? .observing : .enforcing
      for (slot, kind) in [(StateDirectory.Slot.lockDown, Provenance.Kind.lockDown), (.panic, .panic)] {
        if let candidate {
          var provenance = provenance
          (provenance.kind, provenance.observer) = (kind, nil)
          try directory.write(try Self.stored(candidate.table(kind, mode), provenance), slot, of: number)
        } else if let source, source != number, let own = directory.ruleset(slot, of: source).value {
          try directory.write(own, slot, of: number)
        }
      }
      if known == nil {
        try directory.write(try Self.stored(table, provenance), number: number, holding: held)
      }
      if settlement == .settled { try directory.settle(number) }
    }
    storedNumber = result == .stored ? number : nil
    controller.stored(storedNumber)
  }

  /// Completes what another process left when it ended while it stored: a panic that no boot loads yet, a settled ruleset that is
  /// not the one for boot yet, and rulesets that no state names.
  public mutating func completeStoring() {
    guard let directory else { return }
    let state = controller.state
    directory.removeUnnamed(state)
    let boot = directory.ruleset(.boot).value?.provenance
    if state.panic != nil {
      if boot?.kind != .panic, controller.inForce?.kind == .panic { storePanic() }
      return
    }
    guard state.pending == nil, let number = state.inForce, let ruleset = directory.ruleset(number).value,
      boot != ruleset.provenance
    else { return }
    persist(.rulesets) { (directory) throws(StateError) in try directory.settle(number) }
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
    let state = controller.lastingState
    return persist(.state) { (directory) throws(StateError) in try directory.write(state) }
  }

  /// Deletes the stored ruleset of a trial. If that fails, a rollback could lead to it: this is reported, and
  /// changes nothing else.
  func discard(_ number: Int) {
    do throws(StateError) {
      try directory?.remove(number: number)
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
