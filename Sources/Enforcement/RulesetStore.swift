// SPDX-License-Identifier: GPL-3.0-or-later

public import Ruleset

/// A store of a ruleset: the kernel, or in a test a replacement for it.
public protocol RulesetStore: ~Copyable {
  /// Reads wgfence's own table (nil if it does not exist), with the ruleset's generation.
  mutating func read() throws(StoreError) -> StoredTable

  /// The ruleset's generation: the number of the last transaction of any program. Faster than `read`.
  mutating func generation() throws(StoreError) -> UInt32

  /// The values of the table's counters, by name.
  mutating func counters() throws(StoreError) -> [String: CounterState]

  /// Sends the operations as one transaction, which succeeds or fails as a whole. Fails with `stale` if the
  /// ruleset has another generation by then.
  mutating func commit(_ operations: [TableOperation], generation: UInt32) throws(StoreError)
}

extension RulesetStore where Self: ~Copyable {
  /// Deletes wgfence's own table, if it exists.
  public mutating func removeTable() throws(StoreError) {
    let now = try read()
    if now.table != nil { try commit([.deleteTable], generation: now.generation) }
  }
}

/// A table as it was read.
public struct StoredTable: Sendable {
  /// The table; nil if it does not exist.
  public var table: KernelTable?
  /// The ruleset's generation at the read: the number of the last transaction of any program.
  public var generation: UInt32

  /// Creates a table with its generation.
  public init(table: KernelTable?, generation: UInt32) {
    self.table = table
    self.generation = generation
  }
}

/// The reason why a store did not do what was requested.
public enum StoreError: Error, Sendable, Hashable {
  /// Another program changed the ruleset in the meantime; nothing was done.
  case stale
  /// The operation with this index was refused, and the whole transaction with it; nothing was done. `code` is the
  /// kernel's errno; nil if the operation was not sent.
  case refused(operation: Int, reason: String, code: Int32? = nil)
  /// It is not known whether it was done: read the store to find out.
  case uncertain(reason: String)
  /// The store could not be queried.
  case unreachable(reason: String)
}
