// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
public import Ruleset

/// Makes a store equal to a ruleset, in one transaction, and proves it by reading back.
public enum Enforcer {
  /// What was done.
  public struct Outcome: Sendable {
    /// What was sent; empty where the store was equal already.
    public let plan: Plan
    /// The table before.
    public let before: KernelTable?
    /// The generation that was read back.
    public let generation: UInt32
    /// The table as it was read back; before anything is sent, as it is.
    public let table: KernelTable?
  }

  /// A plan that was made before, and the table that it leads to.
  struct Planned: Sendable {
    let desired: KernelTable
    let outcome: Outcome

    /// The plan, where it leads from this state to this table. One that makes the table anew carries the counters of its
    /// moment, so it is made again.
    func plan(from generation: UInt32, to table: KernelTable) -> Plan? {
      guard outcome.plan.scope != .whole, outcome.generation == generation, desired == table else {
        return nil
      }
      return outcome.plan
    }
  }

  /// Others change rulesets too: so many times it plans anew.
  static let mostAttempts = 3

  /// Reads, plans, commits and reads back. Nothing is sent where nothing differs. `known` is what was read before: where
  /// the ruleset is of its generation still, it is not read again.
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
        // The read-back tells.
        case .uncertain: break
        }
      }
      let after = try reading { () throws(StoreError) in try store.read() }
      let rest = Plan(desired: desired, observed: after.table)
      if rest.isEmpty {
        return Outcome(plan: plan, before: before.table, generation: after.generation, table: after.table)
      }
      // Somebody changed it between the commit and the reading: then its generation moved on by more than ours.
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
    // Counters that must be made anew go on where they were.
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

/// Why the kernel is not equal to the policy.
public enum EnforcementError: Error, Sendable, CustomStringConvertible {
  /// The kernel refused an operation, and the whole transaction with it.
  case refused(Refused)
  /// The kernel could not be asked.
  case unreachable(String)
  /// The ruleset was changed by others each time that it was planned.
  case contended
  /// The kernel said yes, but what it holds differs by this plan.
  case notEqual(Plan, KernelTable?)

  /// An operation that the kernel refused.
  public struct Refused: Sendable {
    /// The operation; nil where the kernel named none of the transaction.
    public let operation: TableOperation?
    /// The operation, in words.
    public let words: String
    /// Why, in the kernel's words.
    public let reason: String
    /// The kernel's errno; nil where the operation was never sent.
    public let code: Int32?

    /// Whether the kernel does not know a flag of the table, or does not know it for this table. `EPERM` is another
    /// reason: somebody else holds the table.
    var isOfTableFlags: Bool {
      guard case .addTable = operation else { return false }
      return code != EPERM
    }
  }

  /// What a store's refusal to be read means.
  public init(_ error: StoreError) {
    switch error {
    case .stale: self = .contended
    case .refused(_, let reason, _), .uncertain(let reason), .unreachable(let reason):
      self = .unreachable(reason)
    }
  }

  /// One line, with what to do where that can be told.
  public var description: String {
    switch self {
    case .refused(let refused):
      "the kernel refused \(refused.words): \(refused.reason); nothing was changed"
    case .unreachable(let reason): reason
    case .contended:
      "something else keeps changing the nftables ruleset; nothing was changed: see `nft monitor`, then try again"
    case .notEqual(let plan, let table):
      "the kernel took the change, but does not hold what was sent: "
        + plan.operations.prefix(3).map { "\($0.sense.rawValue) \($0.subject) \($0.detail(in: table))" }
        .joined(
          separator: "; ")
    }
  }
}
