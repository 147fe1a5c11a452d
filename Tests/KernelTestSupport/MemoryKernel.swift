// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
public import Ruleset

/// nf_tables in memory: tables, a generation, and batches that succeed or fail as a whole, with the kernel's errors.
///
/// It has the semantics of Linux 6.18 for the operations that wgfence sends. `MemoryKernelTests` compares it with the
/// running kernel.
public struct MemoryKernel: Sendable {
  /// A table by its family (`NFPROTO_…`) and name.
  public struct TableKey: Sendable, Hashable {
    let family: UInt8
    let name: String

    /// A key of these parts.
    public init(family: UInt8, name: String) {
      self.family = family
      self.name = name
    }
  }

  /// A netlink socket, by its number: the owner of a table is a socket.
  public struct Socket: Sendable, Hashable {
    let number: UInt32

    /// The socket of a number.
    public init(_ number: UInt32) { self.number = number }
  }

  /// An event as `NFNLGRP_NFTABLES` reports it: a committed batch.
  public struct Change: Sendable, Hashable {
    /// The ruleset's generation after it.
    public let generation: UInt32
    /// The table that it changed.
    public let table: TableKey
    /// Who sent it.
    public let author: Socket
  }

  /// Why a batch was refused.
  public enum Refusal: Error, Sendable, Hashable {
    /// The ruleset has another generation (`ERESTART`).
    case stale
    /// The first operation that was refused, and its errno.
    case operation(Int, code: Int32)
  }

  private var tables: [TableKey: MemoryTable] = [:]
  /// The number of the last batch that changed something.
  public private(set) var generation: UInt32 = 1
  private var listeners: [[Change]] = []

  /// A kernel without tables.
  public init() {}

  // MARK: Reading

  /// A table as it is read back; nil if it does not exist.
  public func table(_ key: TableKey) -> KernelTable? { tables[key]?.table }

  /// The values of a table's counters, by name; empty if it does not exist.
  public func counters(_ key: TableKey) -> [String: CounterState] { tables[key]?.counters ?? [:] }

  // MARK: Listening

  /// A listener for changes from now on, by its number.
  public mutating func listen() -> Int {
    listeners.append([])
    return listeners.count - 1
  }

  /// The changes since a listener was last asked.
  public mutating func changes(for listener: Int) -> [Change] {
    defer { listeners[listener] = [] }
    return listeners[listener]
  }

  private mutating func changed(_ key: TableKey, by author: Socket) {
    generation &+= 1
    for index in listeners.indices {
      listeners[index].append(Change(generation: generation, table: key, author: author))
    }
  }

  // MARK: Writing

  /// Carries out a batch for one table, all of it or nothing. A batch that changes nothing has no new generation.
  /// Without a generation the batch is accepted at any.
  ///
  /// As in the kernel, jumps are only checked at the end, if no operation failed. If they are wrong, the batch is begun
  /// again and they are checked after each operation, to find the wrong one.
  public mutating func commit(
    _ operations: [TableOperation], to key: TableKey, generation planned: UInt32?, by socket: Socket
  ) throws(Refusal) {
    if let planned, planned != generation { throw .stale }
    var batch = MemoryBatch(tables[key], key, socket, .atEnd)
    batch.carryOut(operations)
    if batch.failure == nil, !batch.areJumpsValid {
      batch = MemoryBatch(tables[key], key, socket, .afterEach)
      batch.carryOut(operations)
    }
    if let (operation, code) = batch.failure { throw .operation(operation, code: code) }
    guard batch.hasChanges else { return }
    tables[key] = batch.table?.committed()
    changed(key, by: socket)
  }

  /// Closes a socket: its tables are removed, or remain without an owner if they are persistent. The kernel does this
  /// without an event, and the generation stays.
  public mutating func close(_ socket: Socket) {
    for (key, table) in tables where table.owner == socket {
      if table.table.flags & NFT.tablePersist != 0 {
        tables[key]?.owner = nil
        tables[key]?.table.flags &= ~NFT.tableOwner
      } else {
        tables[key] = nil
      }
    }
  }

  /// Counts a packet in a named counter of a table, as the kernel does for a packet that a rule matches.
  public mutating func count(_ counter: String, of key: TableKey, bytes: UInt64) {
    tables[key]?.counters[counter]?.packets += 1
    tables[key]?.counters[counter]?.bytes += bytes
  }

  /// Changes a table without a batch and without a new generation, as only a wrong kernel does.
  mutating func alter(_ key: TableKey, _ change: (inout KernelTable) -> Void) {
    guard var table = tables[key]?.table else { return }
    change(&table)
    tables[key]?.table = table
  }
}

/// A table with what its value does not hold.
struct MemoryTable: Sendable {
  var table: KernelTable
  /// The socket that owns it (`NFT_TABLE_F_OWNER`).
  var owner: MemoryKernel.Socket?
  var counters: [String: CounterState] = [:]
  /// The last handle that was given to a part of it.
  var lastHandle: UInt64 = 0
  /// The sizes that sets take when the batch is committed.
  var newSizes: [String: UInt32] = [:]

  /// The table after the commit of a batch.
  func committed() -> MemoryTable {
    var table = self
    for index in table.table.sets.indices {
      if let size = newSizes[table.table.sets[index].name] { table.table.sets[index].size = size }
    }
    table.newSizes = [:]
    return table
  }
}
