// SPDX-License-Identifier: GPL-3.0-or-later

import CMnl
import CNftnl
import CSys
import Ruleset

/// A batch under construction: the messages of operations on one table, between a begin and an end message.
///
/// Source: `nfnetlink_rcv_batch` of `net/netfilter/nfnetlink.c`.
struct BatchEncoder: ~Copyable {
  private(set) var buffer: MessageBuffer
  private let family: UInt8
  private let table: String
  /// The sequence number of the batch's first message, the begin message. Each following message has the next
  /// number.
  let firstSequence: UInt32
  /// For each message after the begin message: the index of its operation, and its offset in the buffer.
  private(set) var messages: [(operation: Int, offset: Int)] = []
  private var setCount: UInt32 = 0

  /// `NFT_REG32_COUNT`, which Swift does not import.
  private static let fieldLimit = Int(NFT_REG32_15.rawValue - NFT_REG32_00.rawValue) + 1

  /// Begins a batch. The kernel refuses it if the ruleset has another generation by then; nil accepts any
  /// generation.
  init(
    family: UInt8, table: String, generation: UInt32?, firstSequence: UInt32, buffer: consuming MessageBuffer
  ) {
    self.buffer = buffer
    self.family = family
    self.table = table
    self.firstSequence = firstSequence
    self.buffer.removeAll()
    // The subsystem is the resource id, in network byte order as in every resource id.
    let begin = self.buffer.beginMessage(
      type: UInt16(NFNL_MSG_BATCH_BEGIN), flags: 0, family: CSYS_NFPROTO_UNSPEC, sequence: firstSequence,
      resource: UInt16(NFNL_SUBSYS_NFTABLES))
    if let generation { self.buffer.append(UInt16(NFNL_BATCH_GENID.rawValue), generation) }
    self.buffer.endMessage(begin)
  }

  /// The sequence number of the next message.
  private var nextSequence: UInt32 { firstSequence &+ UInt32(messages.count) &+ 1 }

  /// Ends the batch. Returns the sequence number of the end message, the only one that requests an ACK.
  mutating func end() -> UInt32 {
    let sequence = nextSequence
    _ = buffer.beginMessage(
      type: UInt16(NFNL_MSG_BATCH_END), flags: NLM_F_ACK, family: CSYS_NFPROTO_UNSPEC, sequence: sequence,
      resource: UInt16(NFNL_SUBSYS_NFTABLES))
    return sequence
  }

  /// Returns the memory.
  consuming func finish() -> MessageBuffer { buffer }

  /// Appends the messages of an operation.
  mutating func append(_ operation: TableOperation, index: Int) throws(CommitError) {
    try check(operation, index)
    switch operation {
    case .addTable(let flags, let userdata): try addTable(index, flags: flags, userdata: userdata)
    case .deleteTable: try deleteTable(index)
    case .addObject(let object, let state):
      try self.object(index, NFT_MSG_NEWOBJ, NLM_F_CREATE, object, state)
    case .deleteObject(let object): try self.object(index, NFT_MSG_DELOBJ, 0, object, nil)
    case .addChain(let name, let base): try chain(index, NFT_MSG_NEWCHAIN, NLM_F_CREATE, name, base)
    case .deleteChain(let name): try chain(index, NFT_MSG_DELCHAIN, 0, name, nil)
    case .addSet(let set): try addSet(index, set)
    case .deleteSet(let name): try deleteSet(index, name)
    case .addElements(let set, let elements):
      self.elements(index, NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, elements)
    case .deleteElements(let set, let elements): self.elements(index, NFT_MSG_DELSETELEM, 0, set, elements)
    case .addRule(let chain, let rule, let place): try addRule(index, chain, rule, place)
    case .deleteRule(let chain, let handle): try deleteRule(index, chain, handle)
    }
  }

  /// Throws if names or user data are longer than the kernel's limit: libnftnl would write them past the end
  /// of its memory.
  private func check(_ operation: TableOperation, _ index: Int) throws(CommitError) {
    let (name, userdata): (String, [UInt8])
    switch operation {
    case .addTable(_, let data): (name, userdata) = (table, data)
    case .deleteTable: (name, userdata) = (table, [])
    case .addObject(let object, _), .deleteObject(let object): (name, userdata) = (object.name, [])
    case .addChain(let chain, let base): (name, userdata) = (chain, Array((base?.devices.first ?? "").utf8))
    case .deleteChain(let chain), .deleteRule(let chain, _): (name, userdata) = (chain, [])
    case .addSet(let set), .addElements(let set, _), .deleteElements(let set, _):
      (name, userdata) = (set.name, set.userdata)
    case .deleteSet(let set): (name, userdata) = (set, [])
    case .addRule(let chain, let rule, _): (name, userdata) = (chain, rule.userdata)
    }
    if case .addChain(_, let base?) = operation, base.devices.count > 1 {
      throw .inexpressible(operation: index, reason: "the chain \(name) has several devices")
    }
    for text in [name, table] where text.utf8.count >= Int(NFT_NAME_MAXLEN) {
      throw .inexpressible(
        operation: index, reason: "a name has \(text.utf8.count) bytes, more than \(NFT_NAME_MAXLEN - 1)")
    }
    guard userdata.count <= Int(NFT_USERDATA_MAXLEN) else {
      throw .inexpressible(
        operation: index,
        reason: "the user data has \(userdata.count) bytes, more than \(NFT_USERDATA_MAXLEN)")
    }
  }

  private mutating func begin(_ index: Int, _ type: nf_tables_msg_types, _ flags: Int32) -> Int {
    let offset = buffer.beginMessage(
      type: Netlink.nfTables(type), flags: flags, family: family, sequence: nextSequence)
    messages.append((operation: index, offset: offset))
    return offset
  }

  private static func exhausted(_ index: Int) -> CommitError {
    .inexpressible(operation: index, reason: "libnftnl could not allocate memory")
  }

  private mutating func addTable(_ index: Int, flags: UInt32, userdata: [UInt8]) throws(CommitError) {
    guard let built = Nftnl.Table() else { throw Self.exhausted(index) }
    built.set(NFTNL_TABLE_NAME, table)
    // Flags that are left out do not change an existing table.
    if flags != 0 { built.set(NFTNL_TABLE_FLAGS, flags) }
    if !userdata.isEmpty { built.set(NFTNL_TABLE_USERDATA, userdata) }
    let offset = begin(index, NFT_MSG_NEWTABLE, NLM_F_CREATE)
    buffer.extend(offset) { nftnl_table_nlmsg_build_payload($0, built.pointer) }
  }

  private mutating func deleteTable(_ index: Int) throws(CommitError) {
    guard let built = Nftnl.Table() else { throw Self.exhausted(index) }
    built.set(NFTNL_TABLE_NAME, table)
    let offset = begin(index, NFT_MSG_DELTABLE, 0)
    buffer.extend(offset) { nftnl_table_nlmsg_build_payload($0, built.pointer) }
  }

  private mutating func object(
    _ index: Int, _ type: nf_tables_msg_types, _ flags: Int32, _ object: KernelObject, _ state: CounterState?
  ) throws(CommitError) {
    guard let built = Nftnl.Object() else { throw Self.exhausted(index) }
    guard state == nil || object.type == UInt32(NFT_OBJECT_COUNTER) else {
      throw .inexpressible(
        operation: index, reason: "objects of type \(object.type) cannot be added, only counters")
    }
    built.set(Int(NFTNL_OBJ_TABLE), table)
    built.set(Int(NFTNL_OBJ_NAME), object.name)
    built.set(Int(NFTNL_OBJ_TYPE), object.type)
    if let state {
      built.set(Int(NFTNL_OBJ_CTR_PKTS), long: state.packets)
      built.set(Int(NFTNL_OBJ_CTR_BYTES), long: state.bytes)
    }
    let offset = begin(index, type, flags)
    buffer.extend(offset) { nftnl_obj_nlmsg_build_payload($0, built.pointer) }
  }

  private mutating func chain(
    _ index: Int, _ type: nf_tables_msg_types, _ flags: Int32, _ name: String, _ base: BaseChain?
  ) throws(CommitError) {
    guard let built = Nftnl.Chain() else { throw Self.exhausted(index) }
    built.set(NFTNL_CHAIN_TABLE, table)
    built.set(NFTNL_CHAIN_NAME, name)
    if let base {
      built.set(NFTNL_CHAIN_HOOKNUM, base.hook)
      built.set(NFTNL_CHAIN_PRIO, UInt32(bitPattern: base.priority))
      built.set(NFTNL_CHAIN_POLICY, base.policy.rawValue)
      built.set(NFTNL_CHAIN_TYPE, base.type)
      if let device = base.devices.first { built.set(NFTNL_CHAIN_DEV, device) }
    }
    let offset = begin(index, type, flags)
    buffer.extend(offset) { nftnl_chain_nlmsg_build_payload($0, built.pointer) }
  }

  private mutating func addSet(_ index: Int, _ set: KernelSet) throws(CommitError) {
    guard set.fields.count <= Self.fieldLimit, set.fields.allSatisfy({ $0 <= UInt32(UInt8.max) }) else {
      throw .inexpressible(
        operation: index, reason: "the key has more or longer fields than the kernel has registers")
    }
    guard let built = Nftnl.Set() else { throw Self.exhausted(index) }
    setCount += 1
    built.set(NFTNL_SET_TABLE, table)
    built.set(NFTNL_SET_NAME, set.name)
    built.set(NFTNL_SET_ID, setCount)
    built.set(NFTNL_SET_FLAGS, set.flags)
    built.set(NFTNL_SET_KEY_TYPE, set.keyType)
    built.set(NFTNL_SET_KEY_LEN, set.keyLength)
    if set.flags & NFT_SET_MAP.rawValue != 0 {
      built.set(NFTNL_SET_DATA_TYPE, set.dataType)
      built.set(NFTNL_SET_DATA_LEN, set.dataLength)
    }
    if set.flags & NFT_SET_OBJECT.rawValue != 0 { built.set(NFTNL_SET_OBJ_TYPE, set.objectType) }
    if set.size != 0 { built.set(NFTNL_SET_DESC_SIZE, set.size) }
    if !set.fields.isEmpty {
      built.set(NFTNL_SET_DESC_CONCAT, set.fields.map { UInt8(truncatingIfNeeded: $0) })
    }
    if set.timeout != 0 { built.set(NFTNL_SET_TIMEOUT, long: set.timeout) }
    if !set.userdata.isEmpty { built.set(NFTNL_SET_USERDATA, set.userdata) }
    let offset = begin(index, NFT_MSG_NEWSET, NLM_F_CREATE)
    buffer.extend(offset) { nftnl_set_nlmsg_build_payload($0, built.pointer) }
  }

  private mutating func deleteSet(_ index: Int, _ name: String) throws(CommitError) {
    guard let built = Nftnl.Set() else { throw Self.exhausted(index) }
    built.set(NFTNL_SET_TABLE, table)
    built.set(NFTNL_SET_NAME, name)
    let offset = begin(index, NFT_MSG_DELSET, 0)
    buffer.extend(offset) { nftnl_set_nlmsg_build_payload($0, built.pointer) }
  }

  private mutating func elements(
    _ index: Int, _ type: nf_tables_msg_types, _ flags: Int32, _ set: KernelSet, _ elements: SetElements
  ) {
    var next = 0
    while next < elements.count {
      let offset = begin(index, type, flags)
      next = ElementEncoder.append(elements, from: next, set: set, table: table, to: &buffer)
      buffer.endMessage(offset)
    }
  }

  private mutating func addRule(
    _ index: Int, _ chain: String, _ rule: KernelRule, _ place: RulePlace
  ) throws(CommitError) {
    guard let built = Nftnl.Rule() else { throw Self.exhausted(index) }
    built.set(NFTNL_RULE_TABLE, table)
    built.set(NFTNL_RULE_CHAIN, chain)
    if !rule.userdata.isEmpty { built.set(NFTNL_RULE_USERDATA, rule.userdata) }
    var flags = NLM_F_CREATE
    switch place {
    case .end: flags |= NLM_F_APPEND
    case .before(let handle): built.set(NFTNL_RULE_POSITION, handle)
    }
    let offset = begin(index, NFT_MSG_NEWRULE, flags)
    buffer.extend(offset) { nftnl_rule_nlmsg_build_payload($0, built.pointer) }
    let list = buffer.beginNest(UInt16(NFTA_RULE_EXPRESSIONS.rawValue))
    for expression in rule.expressions {
      guard ExpressionEncoder.append(expression, to: &buffer, message: offset),
        buffer.count - list <= Netlink.attributeLimit
      else {
        throw .inexpressible(
          operation: index,
          reason:
            "the data of expression \(ExpressionEncoder.name(of: expression)) does not fit into a message")
      }
    }
    buffer.endNest(list)
    buffer.endMessage(offset)
  }

  private mutating func deleteRule(_ index: Int, _ chain: String, _ handle: UInt64) throws(CommitError) {
    guard let built = Nftnl.Rule() else { throw Self.exhausted(index) }
    built.set(NFTNL_RULE_TABLE, table)
    built.set(NFTNL_RULE_CHAIN, chain)
    built.set(NFTNL_RULE_HANDLE, handle)
    let offset = begin(index, NFT_MSG_DELRULE, 0)
    buffer.extend(offset) { nftnl_rule_nlmsg_build_payload($0, built.pointer) }
  }
}
