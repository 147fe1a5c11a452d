// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Ruleset

/// Makes a store equal to a ruleset in one transaction, and verifies the result by reading it back.
public enum Enforcer {
  /// The result of an enforcement.
  public struct Outcome: Sendable {
    /// The operations that were sent; empty if the store was equal already.
    public let plan: Plan
    /// The table before the change.
    public let before: KernelTable?
    /// The generation that was read back.
    public let generation: UInt32
    /// The table that was read back; for a plan that was not sent, the current table.
    public let table: KernelTable?
  }

  /// An earlier plan, and the table that it leads to.
  struct Planned: Sendable {
    let desired: KernelTable
    let outcome: Outcome

    /// The plan, if it leads from this generation to this table. A plan that replaces the whole table carries the
    /// counters of its time, so it is never used again.
    func plan(from generation: UInt32, to table: KernelTable) -> Plan? {
      guard outcome.plan.scope != .whole, outcome.generation == generation, desired == table else {
        return nil
      }
      return outcome.plan
    }
  }

  /// How often a plan is made before giving up, because other programs change the ruleset too.
  static let mostAttempts = 3

  /// Reads, plans, commits and reads back. Sends nothing if the plan is empty. `known` is the result of an
  /// earlier read: it is used instead of a new read if the ruleset still has its generation.
  public static func apply(
    _ desired: KernelTable, to store: inout some RulesetStore & ~Copyable, knowing known: StoredTable? = nil
  ) throws(EnforcementError) -> Outcome {
    try apply(desired, to: &store, knowing: known, planned: nil)
  }

  /// The same with a plan that was made before.
  static func apply(
    _ desired: KernelTable, to store: inout some RulesetStore & ~Copyable, knowing known: StoredTable?,
    planned: Planned?
  ) throws(EnforcementError) -> Outcome {
    for attempt in 0..<mostAttempts {
      let before = try reading { () throws(StoreError) in
        if attempt == 0, let known, try store.generation() == known.generation { return known }
        return try store.read()
      }
      let plan =
        if let known = planned?.plan(from: before.generation, to: desired) {
          known
        } else {
          try plan(desired, before.table, &store)
        }
      if plan.isEmpty {
        return Outcome(
          plan: plan, before: before.table, generation: before.generation, table: before.table)
      }
      do throws(StoreError) {
        try store.commit(plan.operations, generation: before.generation)
      } catch {
        switch error {
        case .stale: continue
        case .refused(let index, let reason, let code):
          let operation = plan.operations.indices.contains(index) ? plan.operations[index] : nil
          throw .refused(
            EnforcementError.Refused(
              operation: operation,
              words: operation.map { "\($0.subject) \($0.detail(in: before.table))" } ?? "the change",
              reason: reason, code: code))
        case .unreachable(let reason): throw .unreachable(reason)
        // The read-back shows whether it was committed.
        case .uncertain: break
        }
      }
      let after = try reading { () throws(StoreError) in try store.read() }
      let rest = Plan(desired: desired, observed: after.table)
      if rest.isEmpty {
        return Outcome(plan: plan, before: before.table, generation: after.generation, table: after.table)
      }
      // If another program committed between the commit and the read-back, the generation advanced by more
      // than one.
      if after.generation == before.generation &+ 1 { throw .notEqual(rest, after.table) }
    }
    throw .contended
  }

  /// The plan that `apply` would send now.
  public static func plan(
    _ desired: KernelTable, in store: inout some RulesetStore & ~Copyable
  ) throws(EnforcementError) -> Outcome {
    let before = try reading { () throws(StoreError) in try store.read() }
    let plan = try plan(desired, before.table, &store)
    return Outcome(plan: plan, before: before.table, generation: before.generation, table: before.table)
  }

  private static func plan(
    _ desired: KernelTable, _ observed: KernelTable?, _ store: inout some RulesetStore & ~Copyable
  ) throws(EnforcementError) -> Plan {
    let plan = Plan(desired: desired, observed: observed)
    // Counters that must be created again continue with their values.
    guard plan.scope == .whole else { return plan }
    let counters = try reading { () throws(StoreError) in try store.counters() }
    return Plan(desired: desired, observed: observed, counters: counters)
  }

  private static func reading<Value>(_ body: () throws(StoreError) -> Value) throws(EnforcementError) -> Value
  {
    do throws(StoreError) {
      return try body()
    } catch {
      throw EnforcementError(error)
    }
  }
}

/// The reason why the kernel was not made equal to the policy.
public enum EnforcementError: Error, Sendable, CustomStringConvertible {
  /// The kernel refused an operation, and the whole transaction with it.
  case refused(Refused)
  /// The kernel could not be queried.
  case unreachable(String)
  /// Other programs changed the ruleset during every attempt.
  case contended
  /// The kernel acknowledged the change, but its table still differs by this plan.
  case notEqual(Plan, KernelTable?)

  /// An operation that the kernel refused.
  public struct Refused: Sendable {
    /// The operation; nil if the kernel named none.
    public let operation: TableOperation?
    /// The operation, in words.
    public let words: String
    /// The reason, in the kernel's words.
    public let reason: String
    /// The kernel's errno; nil if the operation was not sent.
    public let code: Int32?

    /// Whether the kernel does not support a flag of the table. `EPERM` has another reason: another process owns the
    /// table.
    var isOfTableFlags: Bool {
      guard case .addTable = operation else { return false }
      return code != EPERM
    }
  }

  /// The meaning of an error of a store that was read.
  public init(_ error: StoreError) {
    switch error {
    case .stale: self = .contended
    case .refused(_, let reason, _), .uncertain(let reason), .unreachable(let reason):
      self = .unreachable(reason)
    }
  }

  /// One line, with what to do if that is known.
  public var description: String {
    switch self {
    case .refused(let refused):
      "the kernel refused \(refused.words): \(refused.reason); nothing was changed"
    case .unreachable(let reason): reason
    case .contended:
      "another program keeps changing the nftables ruleset; nothing was changed: "
        + "find it with `nft monitor`, then try again"
    case .notEqual(let plan, let table):
      "the kernel acknowledged the change, but its table differs from what was sent: "
        + plan.operations.prefix(3).map { "\($0.sense.rawValue) \($0.subject) \($0.detail(in: table))" }
        .joined(
          separator: "; ")
    }
  }
}
