// SPDX-License-Identifier: GPL-3.0-or-later

public import Enforcement
import Glibc
public import Ruleset

/// wgfence's own table in a kernel in memory. Single commits can be made to fail in ways that a kernel cannot be made
/// to fail in a test.
public struct MemoryRuleset: RulesetStore {
  /// A failure of one commit, or of all.
  public enum Fault: Sendable {
    /// Nothing is done.
    case error(StoreError)
    /// The batch is committed, but its answer is lost.
    case lostAnswer
    /// Another process commits these operations first.
    case overtaken([TableOperation])
    /// The batch is committed, and then another process changes the table, in the same generation: a kernel that does
    /// something else than what it acknowledges.
    case altered(@Sendable (inout KernelTable) -> Void)
  }

  /// The kernel.
  public var kernel = MemoryKernel()
  /// The failures of the next commits, in order; nil for a commit that does not fail.
  public var faults: [Fault?] = []
  /// The failure of every commit, after those of `faults`.
  public var permanentFault: StoreError?
  /// All batches that were sent.
  public private(set) var sent: [[TableOperation]] = []

  private let key = MemoryKernel.TableKey(family: NFT.familyInet, name: Ruleset.tableName)
  private let socket = MemoryKernel.Socket(1)
  private let other = MemoryKernel.Socket(2)

  /// A store in a kernel without tables.
  public init() {}

  /// A store that has a table.
  public init(holding table: KernelTable) {
    install(table)
  }

  /// The table; nil if it does not exist.
  public var table: KernelTable? { kernel.table(key) }

  /// Whether it has exactly this table: nothing would have to be changed.
  public func holds(_ table: KernelTable) -> Bool {
    self.table != nil && Plan(desired: table, observed: self.table).isEmpty
  }

  /// Another process makes the table equal to this one.
  public mutating func install(_ table: KernelTable) {
    change(Plan(desired: table, observed: self.table).operations)
  }

  /// Another process changes the table.
  public mutating func change(_ operations: [TableOperation]) {
    do throws(MemoryKernel.Refusal) {
      try kernel.commit(operations, to: key, generation: nil, by: other)
    } catch {
      preconditionFailure("\(error): \(operations)")
    }
  }

  /// A rule counts a packet.
  public mutating func count(_ counter: String, bytes: UInt64) {
    kernel.count(counter, of: key, bytes: bytes)
  }

  // MARK: RulesetStore

  /// Reads the table and its generation.
  public mutating func read() throws(StoreError) -> StoredTable {
    StoredTable(table: table, generation: kernel.generation)
  }

  /// The ruleset's generation.
  public mutating func generation() throws(StoreError) -> UInt32 { kernel.generation }

  /// The values of the table's counters, by name.
  public mutating func counters() throws(StoreError) -> [String: CounterState] { kernel.counters(key) }

  /// Sends the operations as one batch.
  public mutating func commit(_ operations: [TableOperation], generation: UInt32) throws(StoreError) {
    sent.append(operations)
    let fault = faults.isEmpty ? permanentFault.map { .error($0) } : faults.removeFirst()
    switch fault {
    case .error(let error): throw error
    case .overtaken(let others): change(others)
    case .lostAnswer, .altered, nil: break
    }
    do throws(MemoryKernel.Refusal) {
      try kernel.commit(operations, to: key, generation: generation, by: socket)
    } catch {
      switch error {
      case .stale: throw .stale
      case .operation(let index, let code):
        throw .refused(operation: index, reason: String(cString: strerror(code)), code: code)
      }
    }
    switch fault {
    case .lostAnswer: throw .uncertain(reason: String(cString: strerror(ENOBUFS)))
    case .altered(let change): kernel.alter(key, change)
    case .error, .overtaken, nil: break
    }
  }
}
