// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyLanguage
public import Ruleset

/// Carries out what a `Controller` decides, with the kernel's table, the state directory and the journal.
public struct ControllerDriver<Store: RulesetStore & ~Copyable>: ~Copyable {
  /// The controller that decides.
  public var controller: Controller
  /// The store of the ruleset.
  public var store: Store
  /// The result of the last read or write of the store; its handles are the store's.
  public private(set) var observed: StoredTable?
  /// The table that the store must have, as expressions.
  public private(set) var desired: KernelTable?
  /// The policy of what is in force; nil if only a stored ruleset is known.
  public private(set) var candidate: Candidate?
  /// Whether this process requests ownership of the table.
  public private(set) var ownership: Ownership
  /// The number of operations that the last enforcement sent.
  public private(set) var sent = 0
  /// What could not be stored on disk, and why; nil if everything is stored. If not nil, what is in force
  /// does not survive a restart.
  public var notPersisted: String? { failures[.state] ?? failures[.rulesets] }
  /// The reason why each part is not stored. One part that is stored does not hide that another is not.
  var failures: [Part: String] = [:]
  /// The result of the last `plan`.
  private var planned: Enforcer.Planned?
  /// The number under which what is in force is stored; nil if it is not stored.
  var storedNumber: Int?
  /// The number of the stored ruleset that was put in force; nil if it was not a stored one.
  var sourceNumber: Int?

  let directory: StateDirectory?
  let environment: any ControllerEnvironment
  private let resort: KernelTable

  /// Whether the table has an owner.
  public enum Ownership: Sendable {
    /// This process requests the ownership.
    case asked
    /// This process does not request it: a verb that ends at once, an older kernel, or `--ownership off`.
    case shared
  }

  /// A part of what is stored.
  enum Part {
    /// The state.
    case state
    /// The rulesets: those with a number, and those for boot, lock-down and panic.
    case rulesets
  }

  /// Creates a driver for a store. Without a directory nothing survives a restart.
  public init(
    _ controller: Controller, store: consuming Store, directory: StateDirectory?, ownership: Ownership,
    lastResort: KernelTable, environment: any ControllerEnvironment
  ) {
    self.controller = controller
    self.store = store
    self.directory = directory
    self.ownership = ownership
    self.environment = environment
    resort = lastResort
  }

  /// Carries out actions and all actions that follow from them. Returns the failure of the first enforcement
  /// that failed, with what could not be stored in addition. If no enforcement failed, `notPersisted` says
  /// what could not be stored.
  ///
  /// `promised` is called when the state for undoing a trial is on disk, before the kernel is changed: a reason that it returns
  /// ends the trial before it began.
  @discardableResult
  public mutating func perform(_ actions: [Controller.Action], promised: () -> String? = { nil }) -> String? {
    var failure: String?
    var rest = actions[...]
    while let action = rest.popFirst() {
      switch action {
      case .say(let severity, let text): environment.say(severity, text)
      case .readPolicy:
        if let reading = environment.readPolicy() {
          rest = (controller.read(reading, at: environment.now()) + rest)[...]
        }
      case .discard(let number): discard(number)
      case .save: save()
      case .settle:
        guard save() == .stored else { break }
        store(.settled)
        save()
      case .promise:
        guard save() == .stored else {
          controller.abandoned()
          return failure
            ?? "the ruleset to go back to could not be written, so nothing was changed: \(notPersisted ?? "")"
        }
        if let reason = promised() {
          controller.abandoned()
          save()
          return failure ?? reason
        }
      case .enforce(let target, let purpose):
        let outcome = enforce(target, purpose)
        if case .failed(let reason) = outcome { failure = failure ?? reason }
        rest = (controller.enforced(purpose, target, outcome, at: environment.now()) + rest)[...]
      case .removeTable(let reason):
        var problem: String?
        do throws(StoreError) { try store.removeTable() } catch {
          problem = "\(EnforcementError(error))"
          failure = failure ?? problem
        }
        forgetRuleset()
        rest = (controller.removed(reason, failure: problem, at: environment.now()) + rest)[...]
      case .store(let settlement): store(settlement)
      case .storePanic: storePanic()
      }
    }
    guard let failure, let notPersisted else { return failure }
    return "\(failure). In addition, the state on disk could not be written and may differ: \(notPersisted)"
  }

  /// Tries again to store what is in force, if that failed before.
  public mutating func storeAgain() {
    guard notPersisted != nil else { return }
    if desired == nil {
      perform([.save])
    } else if controller.state.panic != nil {
      perform([.storePanic, .save])
    } else {
      perform(controller.state.pending == nil ? [.settle] : [.store(.pending), .save])
    }
  }

  /// Deletes the table, and enforces nothing until a request. `notPersisted` says whether the resulting state
  /// is stored.
  public mutating func release() throws(StoreError) {
    try store.removeTable()
    forgetRuleset()
    failures[.rulesets] = nil
    perform(controller.released())
  }

  /// Nothing must be in the store any more.
  private mutating func forgetRuleset() {
    (desired, observed, candidate, storedNumber, sourceNumber) = (nil, nil, nil, nil, nil)
  }

  /// Writes to the journal what was done outside the controller's decisions.
  public func say(_ severity: Controller.Severity, _ text: PrintableText) { environment.say(severity, text) }

  /// The policy of what is in force was read by a process that did not put it in force itself. Where nothing is in force,
  /// it is the policy for a panic.
  public mutating func know(_ candidate: Candidate) {
    if controller.inForce.map({ $0.digest == candidate.digest }) ?? true {
      self.candidate = candidate.withoutTable
    }
  }

  /// Discards the last read: the table was changed without a plan, by a temporary grant.
  public mutating func forgetObserved() { observed = nil }

  /// Compares the store with what must be in force. If they differ, reports it to the controller, with the
  /// program that changed the ruleset.
  public mutating func verify(author: String?) {
    guard let desired else { return }
    do throws(StoreError) {
      let now = try store.read()
      observed = now
      if Plan(desired: held(desired), observed: now.table).isEmpty {
        controller.tally.lastSuccess = environment.now().sinceEpoch
        return
      }
    } catch {
      environment.say(.warning, "the ruleset could not be read: \(EnforcementError(error))")
    }
    perform(controller.drifted(by: author))
  }

  /// Whether the ruleset still has the generation at which it was last verified to be equal: then nothing
  /// needs to be read.
  public mutating func isUnchanged() -> Bool {
    guard let observed, let generation = try? store.generation() else { return false }
    guard observed.generation == generation else { return false }
    // What is tried again is not equal.
    if controller.retry == nil { controller.tally.lastSuccess = environment.now().sinceEpoch }
    return true
  }

  /// The current table, read only if something changed since the last read.
  public mutating func current() throws(StoreError) -> StoredTable {
    if let observed, try store.generation() == observed.generation { return observed }
    let now = try store.read()
    observed = now
    return now
  }

  /// Another program committed a change that did not touch the table: what was read is also valid for that
  /// generation.
  public mutating func passed(generation: UInt32) {
    if let known = observed?.generation, Int32(bitPattern: generation &- known) > 0 {
      observed?.generation = generation
    }
  }

  /// The number of operations that would make a table equal to what must be in force.
  public func driftCount(of table: KernelTable?) -> Int {
    guard let desired else { return 0 }
    return Plan(desired: held(desired), observed: table).operations.count
  }

  private func held(_ table: KernelTable) -> KernelTable {
    var table = table
    if case .asked = ownership { table.flags |= NFT.tableOwnership }
    return table
  }

  private mutating func enforce(_ target: Controller.Target, _ purpose: Controller.Purpose)
    -> Controller.Enforcement
  {
    let (table, provenance, candidate): (KernelTable, Provenance, Candidate?)
    switch resolve(target, purpose) {
    case .failure(let refusal): return .failed(refusal.description)
    case .success(let found): (table, provenance, candidate) = found
    }
    let outcome: Enforcer.Outcome
    do throws(EnforcementError) {
      outcome = try apply(table)
    } catch {
      observed = nil
      return .failed(error.description)
    }
    observed = StoredTable(table: outcome.table, generation: outcome.generation)
    // The table that was read back is equal, and one copy is enough.
    desired = outcome.table?.lasting ?? table
    sent = outcome.plan.operations.count
    switch (target, purpose) {
    case (.same, _): break
    case (.stored(let number), .begin), (.stored(let number), .goBack), (.stored(let number), .endPanic):
      (self.candidate, storedNumber, sourceNumber) = (candidate, number, number)
    case (.stored(let number), _): (self.candidate, storedNumber, sourceNumber) = (candidate, nil, number)
    case (.candidate, _), (.observed, _), (.storedPanic, _), (.lastResort, _):
      (self.candidate, storedNumber, sourceNumber) = (candidate, nil, nil)
    }
    return .equal(changes: sent, provenance)
  }

  /// What putting a policy in force would change now. It is not worked out again when the policy is put in force, unless
  /// the ruleset changed meanwhile.
  public mutating func plan(
    _ candidate: Candidate, _ mode: EnforcementMode = .enforcing
  ) throws(EnforcementError) -> Enforcer.Outcome {
    let table = held(notBefore(candidate).table(mode))
    let outcome = try Enforcer.plan(table, in: &store)
    planned = Enforcer.Planned(desired: table, outcome: outcome)
    observed = StoredTable(table: outcome.before, generation: outcome.generation)
    return outcome
  }

  private mutating func apply(_ table: KernelTable) throws(EnforcementError) -> Enforcer.Outcome {
    // If this fails, the enforcement reports it.
    let before = try? current()
    if let before, before.table == nil { environment.adoptConnections(before: table) }
    let outcome = try load(table)
    if let old = before?.table, old.translations != table.translations {
      environment.endTranslatedConnections(from: old, to: table)
    }
    return outcome
  }

  private mutating func load(_ table: KernelTable) throws(EnforcementError) -> Enforcer.Outcome {
    do throws(EnforcementError) {
      let known = planned
      planned = nil
      return try Enforcer.apply(held(table), to: &store, knowing: observed, planned: known)
    } catch {
      // A kernel before Linux 6.9 does not support persistent ownership: then changes by others are only seen
      // as events.
      guard case .asked = ownership, case .refused(let refused) = error, refused.isOfTableFlags else {
        throw error
      }
      ownership = .shared
      environment.say(
        .notice,
        "this kernel does not support table ownership (\(refused.reason)): changes by others are repaired instead"
      )
      return try Enforcer.apply(held(table), to: &store, knowing: observed)
    }
  }

  /// The candidate, compiled for the day of what is in force if the clock was set back since: a grant that
  /// has ended stays closed.
  private func notBefore(_ candidate: Candidate) -> Candidate {
    guard let since = controller.inForce?.since else { return candidate }
    let day = CalendarDate(secondsSince1970: Int(clamping: since))
    return candidate.today < day ? candidate.again(today: day, live: candidate.live) : candidate
  }

  private func resolve(_ target: Controller.Target, _ purpose: Controller.Purpose) -> Result<
    (KernelTable, Provenance, Candidate?), Refusal
  > {
    let now = environment.now().sinceEpoch
    switch target {
    case .observed(let asked, let observer):
      let candidate = notBefore(asked)
      return .success(
        (
          candidate.table(.observe),
          candidate.provenance(.observe, observer: observer, by: purpose.author, since: now),
          candidate.withoutTable
        ))
    case .candidate(let asked, let kind):
      let candidate = notBefore(asked)
      return .success(
        (
          candidate.table(kind), candidate.provenance(kind, by: purpose.author, since: now),
          candidate.withoutTable
        ))
    case .same:
      guard let desired, let provenance = controller.inForce else {
        return .failure(Refusal("nothing is in force yet"))
      }
      return .success((desired, provenance, candidate))
    case .lastResort:
      let provenance = Provenance(
        kind: .lockDown, path: "built in", digest: "", machine: "", by: purpose.author, since: now)
      return .success((resort, provenance, nil))
    case .stored(let number):
      let found = stored(directory?.ruleset(number) ?? .absent, "the stored ruleset \(number)")
      // The ruleset for boot is the same one: what was in force before a trial or before a restart.
      if case .failure = found, purpose.isReturn {
        let twin = stored(directory?.ruleset(.boot) ?? .absent, "the stored ruleset for boot")
        if case .success = twin { return twin }
      }
      return found
    case .storedPanic:
      let found = stored(storedPanic(purpose), "the stored ruleset for a panic")
      if case .failure = found {
        let provenance = Provenance(
          kind: .panic, path: "built in", digest: "", machine: "", by: purpose.author, since: now)
        return .success((resort, provenance, nil))
      }
      return found
    }
  }

  /// The ruleset of a panic: of the one that was in force before a restart, or of what is in force now.
  private func storedPanic(_ purpose: Controller.Purpose) -> StateDirectory.Content<StoredRuleset> {
    guard let directory else { return .absent }
    if purpose == .begin, let boot = directory.ruleset(.boot).value, boot.provenance.kind == .panic {
      return .whole(boot)
    }
    return directory.panic(of: controller.state.inForce, digest: controller.inForce?.digest)
  }

  private func stored(_ content: StateDirectory.Content<StoredRuleset>, _ what: String) -> Result<
    (KernelTable, Provenance, Candidate?), Refusal
  > {
    switch content {
    case .absent: return .failure(Refusal("\(what) does not exist"))
    case .damaged(let why): return .failure(Refusal("\(why)"))
    case .whole(let ruleset):
      guard let table = ruleset.table else { return .failure(Refusal("\(what) cannot be read")) }
      return .success((table, ruleset.provenance, nil))
    }
  }
}

extension KernelTable {
  /// The table without what is temporary: elements with a timeout, and the ownership.
  fileprivate var lasting: KernelTable {
    var table = self
    table.flags &= ~NFT.tableOwnership
    for index in table.sets.indices where table.sets[index].flags & NFT.setTimeout != 0 {
      table.sets[index].elements = table.sets[index].elements.lasting
    }
    return table
  }
}
