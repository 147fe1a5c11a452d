// SPDX-License-Identifier: GPL-3.0-or-later

public import Ruleset

/// Where a ruleset is kept: the kernel, or in a test something that behaves like it.
public protocol RulesetStore: ~Copyable {
  /// The own table as it is, nil where there is none, with the generation that it is of.
  mutating func read() throws(StoreError) -> StoredTable

  /// The number of the last transaction, whoever's it was: quicker than reading.
  mutating func generation() throws(StoreError) -> UInt32

  /// What the own table's counters have counted, by name.
  mutating func counters() throws(StoreError) -> [String: CounterState]

  /// Sends the operations as one transaction, which fails as a whole or not at all, and fails as `stale` where the
  /// ruleset is not of this generation any more.
  mutating func commit(_ operations: [TableOperation], generation: UInt32) throws(StoreError)
}

extension RulesetStore where Self: ~Copyable {
  /// Takes the own table out, where there is one.
  public mutating func removeTable() throws(StoreError) {
    let now = try read()
    if now.table != nil { try commit([.deleteTable], generation: now.generation) }
  }
}

/// A table as it was read.
public struct StoredTable: Sendable {
  /// The table; nil where there is none.
  public var table: KernelTable?
  /// The number of the last transaction before it was read, whoever's it was.
  public var generation: UInt32

  /// A table of a generation.
  public init(table: KernelTable?, generation: UInt32) {
    self.table = table
    self.generation = generation
  }
}

/// Why a store did not do what it was asked.
public enum StoreError: Error, Sendable, Hashable {
  /// Somebody else changed the ruleset in between; nothing was done.
  case stale
  /// The operation of this index was refused, and all with it; nothing was done. `code` is the kernel's errno; nil where
  /// the operation was never sent.
  case refused(operation: Int, reason: String, code: Int32? = nil)
  /// Whether it was done is not known: only reading tells.
  case uncertain(reason: String)
  /// It could not be asked at all.
  case unreachable(reason: String)
}
