// SPDX-License-Identifier: GPL-3.0-or-later

internal import Netlink
public import Ruleset

/// wgfence's own table in the running kernel, in the network namespace of the thread that opened it.
public struct KernelRuleset: RulesetStore, ~Copyable {
  private var socket: NFTablesSocket
  private let name: String

  /// Opens a socket to the kernel.
  public init(table name: String = Ruleset.tableName) throws(StoreError) {
    self.name = name
    do throws(NetlinkError) {
      socket = try NFTablesSocket()
    } catch {
      throw .unreachable(reason: "\(error)")
    }
  }

  /// wgfence's own table, for callers that only make a plan.
  public static func own() throws(EnforcementError) -> KernelRuleset {
    do throws(StoreError) { return try KernelRuleset() } catch { throw EnforcementError(error) }
  }

  /// Reads the table and its generation consistently.
  public mutating func read() throws(StoreError) -> StoredTable {
    // If a commit happens during a read, the result belongs to neither generation: read again.
    for _ in 0..<8 {
      do throws(NetlinkError) {
        let generation = try socket.generation()
        let table = try socket.read(family: NFT.familyInet, name: name)
        if try socket.generation() == generation { return StoredTable(table: table, generation: generation) }
      } catch {
        throw .unreachable(reason: "\(error)")
      }
    }
    throw .stale
  }

  /// The ruleset's generation: the number of the last transaction.
  public mutating func generation() throws(StoreError) -> UInt32 {
    do throws(NetlinkError) {
      return try socket.generation()
    } catch {
      throw .unreachable(reason: "\(error)")
    }
  }

  /// Sends a stored ruleset unchanged. It replaces the existing table, if there is one.
  public mutating func replay(_ ruleset: StoredRuleset) throws(StoreError) {
    do throws(CommitError) {
      try socket.replay(ruleset.batch)
    } catch {
      throw StoreError(error)
    }
  }

  /// The values of the table's counters, by name.
  public mutating func counters() throws(StoreError) -> [String: CounterState] {
    do throws(NetlinkError) {
      return try socket.counters(family: NFT.familyInet, name: name)
    } catch {
      throw .unreachable(reason: "\(error)")
    }
  }

  /// Sends the operations as one batch.
  public mutating func commit(_ operations: [TableOperation], generation: UInt32) throws(StoreError) {
    do throws(CommitError) {
      try socket.commit(operations, family: NFT.familyInet, table: name, generation: generation)
    } catch {
      throw StoreError(error)
    }
  }
}

extension StoreError {
  /// The store error for an error of a batch.
  fileprivate init(_ error: CommitError) {
    self =
      switch error {
      case .stale: .stale
      case .refused(let operation, let error):
        .refused(operation: operation, reason: "\(error)", code: error.code)
      case .inexpressible(let operation, let reason): .refused(operation: operation, reason: reason)
      case .failed(let reason): .unreachable(reason: "\(reason)")
      case .uncertain(let reason): .uncertain(reason: "\(reason)")
      }
  }
}
