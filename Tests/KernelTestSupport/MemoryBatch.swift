// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Ruleset

/// A batch while it is carried out: the table as it would be.
///
/// Source: `net/netfilter/nf_tables_api.c`, functions `nf_tables_newtable` and the like.
struct MemoryBatch {
  /// When jumps are checked (`NFT_VALIDATE_NEED`, `NFT_VALIDATE_DO`).
  enum Validation {
    case atEnd
    case afterEach
  }

  /// The error of an operation.
  struct Failure: Error {
    let code: Int32
    init(_ code: Int32) { self.code = code }
  }

  private(set) var table: MemoryTable?
  /// The first operation that failed, with its errno.
  private(set) var failure: (operation: Int, code: Int32)?
  /// Whether it did anything that an event reports.
  private(set) var hasChanges = false
  private let key: MemoryKernel.TableKey
  private let socket: MemoryKernel.Socket
  private let validation: Validation
  /// Whether something was added that jumps or depends on its hook.
  private var needsValidation = false
  /// Whether the batch changed flags of the table, an existing chain, or deleted a base chain: then flags cannot be
  /// changed any more (`nft_table_pending_update`).
  private var hasPendingUpdate = false
  /// Whether the batch changed flags of the table: then no base chain can be added (`__NFT_TABLE_F_UPDATE`).
  private var hasNewFlags = false

  init(
    _ table: MemoryTable?, _ key: MemoryKernel.TableKey, _ socket: MemoryKernel.Socket,
    _ validation: Validation
  ) {
    self.table = table
    self.key = key
    self.socket = socket
    self.validation = validation
  }

  /// Whether the chains may stay as they are now.
  var areJumpsValid: Bool { !needsValidation || table.flatMap { JumpCheck.failure(in: $0.table) } == nil }

  /// Carries out all operations, also those after one that fails: the kernel reports every failure.
  mutating func carryOut(_ operations: [TableOperation]) {
    for (index, operation) in operations.enumerated() {
      do throws(Failure) {
        try carryOut(operation)
      } catch {
        failure = failure ?? (index, error.code)
      }
    }
  }

  private mutating func carryOut(_ operation: TableOperation) throws(Failure) {
    if let owner = table?.owner, owner != socket { throw Failure(EPERM) }
    if case .addTable(let flags, let userdata) = operation {
      return try addTable(flags: flags, userdata: userdata)
    }
    guard var current = table else { throw Failure(ENOENT) }
    let isUpdate = Self.isUpdate(operation, of: current.table)
    if hasNewFlags, case .addChain(_, .some) = operation, !isUpdate { throw Failure(EINVAL) }
    let isChanged = try Self.carryOut(operation, &current, &needsValidation)
    if case .deleteTable = operation { table = nil } else { table = current }
    if isChanged { hasChanges = true }
    if isUpdate { hasPendingUpdate = true }
    if validation == .afterEach, needsValidation, let code = JumpCheck.failure(in: current.table) {
      switch operation {
      case .addRule, .addElements: throw Failure(code)
      default: break
      }
    }
  }

  private static func isUpdate(_ operation: TableOperation, of table: KernelTable) -> Bool {
    switch operation {
    case .addChain(let name, _): table.chains.contains { $0.name == name }
    case .deleteChain(let name): table.chains.contains { $0.name == name && $0.base != nil }
    default: false
    }
  }

  /// Carries out an operation on a table that exists. Returns whether it changed anything.
  private static func carryOut(
    _ operation: TableOperation, _ table: inout MemoryTable, _ needsValidation: inout Bool
  ) throws(Failure) -> Bool {
    switch operation {
    case .addTable, .deleteTable: return true
    case .addObject(let object, let state): return table.add(object, state)
    case .deleteObject(let object): try table.delete(object)
    case .addChain(let name, let base): try table.addChain(name, base)
    case .deleteChain(let name): try table.deleteChain(name)
    case .addSet(let set): try table.add(set)
    case .deleteSet(let name): try table.deleteSet(name)
    case .addElements(let set, let elements):
      if set.dataType == NFT.dataVerdict { needsValidation = true }
      return try table.add(elements, to: set.name)
    case .deleteElements(let set, let elements): try table.delete(elements, from: set.name)
    case .addRule(let chain, let rule, let place):
      if rule.expressions.contains(where: JumpCheck.isChecked) { needsValidation = true }
      try table.add(rule, to: chain, place)
    case .deleteRule(let chain, let handle): try table.deleteRule(handle, from: chain)
    }
    return true
  }

  private mutating func addTable(flags: UInt32, userdata: [UInt8]) throws(Failure) {
    guard let old = table?.table.flags else {
      guard flags & ~Self.tableFlags == 0 else { throw Failure(EOPNOTSUPP) }
      table = MemoryTable(
        table: KernelTable(family: key.family, name: key.name, flags: flags, userdata: userdata),
        owner: flags & NFT.tableOwner != 0 ? socket : nil)
      hasChanges = true
      return
    }
    // Without flags nothing is requested.
    if flags == 0 || flags == old { return }
    let isOrphan = old & NFT.tableOwnership == NFT.tablePersist
    guard flags & ~Self.tableFlags == 0, old & NFT.tableOwner == 0 || flags & NFT.tableOwner != 0,
      flags & NFT.tableOwner == 0 || old & NFT.tableOwner != 0 || isOrphan,
      (flags ^ old) & NFT.tablePersist == 0
    else { throw Failure(EOPNOTSUPP) }
    if hasPendingUpdate { throw Failure(EINVAL) }
    (hasPendingUpdate, hasNewFlags) = (true, true)
    table?.table.flags = flags
    if flags & NFT.tableOwner != 0 { table?.owner = socket }
    hasChanges = true
  }

  /// `NFT_TABLE_F_MASK`
  private static let tableFlags = NFT.tableDormant | NFT.tableOwner | NFT.tablePersist
}
