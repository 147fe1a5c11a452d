// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import Ruleset

/// Builds a table from the messages of its dumps. Everything that the model cannot represent is named in
/// `unknown`.
struct TableDecoder {
  private(set) var table: KernelTable
  /// What could not be decoded in the first malformed message; nil if everything was decoded.
  private(set) var malformed: String?
  private var chainIndices: [String: Int] = [:]
  private var lastChain: (name: [UInt8], index: Int)?

  init(family: UInt8, name: String) {
    table = KernelTable(family: family, name: name)
  }

  /// The type of the attribute with the table's name. Its constant differs between message types, but the
  /// number is always 1: `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, `NFTA_RULE_TABLE`, `NFTA_SET_TABLE`,
  /// `NFTA_OBJ_TABLE`, ….
  private static let tableAttribute = UInt16(NFTA_CHAIN_TABLE.rawValue)

  /// Whether a message belongs to this table: not every dump can be limited to one table.
  private func isOwn(_ message: NetlinkMessage, name: [UInt8]) -> Bool {
    guard message.family == table.family else { return false }
    for attribute in message.attributes where attribute.type == Self.tableAttribute {
      return attribute.textBytes.elementsEqual(name)
    }
    return false
  }

  /// Decodes `NFT_MSG_NEWTABLE`.
  mutating func readTable(_ message: NetlinkMessage) {
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_TABLE_FLAGS: table.flags = attribute.u32 ?? 0
      case NFTA_TABLE_USERDATA: table.userdata = attribute.bytes
      default: break
      }
    }
  }

  /// Decodes `NFT_MSG_NEWCHAIN`, if it belongs to the table with this name.
  mutating func readChain(_ message: NetlinkMessage, table name: [UInt8]) {
    guard isOwn(message, name: name) else { return }
    var chain = KernelChain(name: "", base: nil, rules: [])
    var (base, policy, type): (BaseChain?, BasePolicy, String) = (nil, .accept, "")
    var notes: [String] = []
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_CHAIN_NAME: chain.name = attribute.text
      case NFTA_CHAIN_HOOK: base = Self.hook(attribute.nested)
      case NFTA_CHAIN_POLICY: policy = attribute.u32.flatMap(BasePolicy.init(rawValue:)) ?? .accept
      case NFTA_CHAIN_TYPE: type = attribute.text
      case NFTA_CHAIN_FLAGS:
        let others = (attribute.u32 ?? 0) & ~NFT_CHAIN_BASE.rawValue
        if others != 0 { notes.append("flags \(others)") }
      case NFTA_CHAIN_USERDATA: notes.append("user data \(attribute.bytes)")
      default: break  // handle, use count, counters: state
      }
    }
    base?.policy = policy
    base?.type = type
    chain.base = base
    table.unknown += notes.map { "chain \(chain.name): \($0)" }
    chainIndices[chain.name] = table.chains.count
    table.chains.append(chain)
  }

  private static func hook(_ attributes: AttributeList) -> BaseChain {
    var base = BaseChain(hook: 0, priority: 0, policy: .accept)
    for attribute in attributes {
      switch attribute.type {
      case NFTA_HOOK_HOOKNUM: base.hook = attribute.u32 ?? 0
      case NFTA_HOOK_PRIORITY: base.priority = Int32(bitPattern: attribute.u32 ?? 0)
      // Of one device the kernel reports both attributes.
      case NFTA_HOOK_DEV: if base.devices.isEmpty { base.devices = [attribute.text] }
      case NFTA_HOOK_DEVS:
        base.devices = attribute.nested.map { device in
          device.type == NFT.Attribute.devicePrefix ? device.text + "*" : device.text
        }
      default: break
      }
    }
    return base
  }

  /// Decodes `NFT_MSG_NEWRULE`. The chains must have been decoded before; rules arrive in order, one chain
  /// after the other.
  mutating func readRule(_ message: NetlinkMessage, table name: [UInt8]) {
    guard isOwn(message, name: name) else { return }
    var rule = KernelRule(expressions: [])
    var chain: Int?
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_RULE_CHAIN: chain = index(ofChain: attribute)
      case NFTA_RULE_HANDLE: rule.handle = attribute.u64 ?? 0
      case NFTA_RULE_USERDATA: rule.userdata = attribute.bytes
      case NFTA_RULE_EXPRESSIONS:
        for element in attribute.nested {
          guard let expression = ExpressionDecoder.decode(element.nested) else {
            malformed = malformed ?? "an expression without a name"
            continue
          }
          rule.expressions.append(expression)
        }
      default: break  // position: the previous rule, known from the order
      }
    }
    guard let chain else {
      malformed = malformed ?? "a rule in a chain that does not exist"
      return
    }
    table.chains[chain].rules.append(rule)
  }

  private mutating func index(ofChain attribute: NetlinkAttribute) -> Int? {
    let name = attribute.textBytes
    if let lastChain, name.elementsEqual(lastChain.name) { return lastChain.index }
    guard let index = chainIndices[attribute.text] else { return nil }
    lastChain = (Array(name), index)
    return index
  }

  /// Decodes `NFT_MSG_NEWOBJ`.
  mutating func readObject(_ message: NetlinkMessage, table name: [UInt8]) {
    guard isOwn(message, name: name) else { return }
    var object = KernelObject(name: "", type: 0)
    var data = AttributeList(UnsafeRawBufferPointer(start: nil, count: 0))
    var notes: [String] = []
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_OBJ_NAME: object.name = attribute.text
      case NFTA_OBJ_TYPE: object.type = attribute.u32 ?? 0
      case NFTA_OBJ_USERDATA: notes.append("user data \(attribute.bytes)")
      case NFTA_OBJ_DATA: data = attribute.nested
      default: break
      }
    }
    if Self.isInverted(object.type, data) { object.inversion = .inverted }
    if object.type != UInt32(NFT_OBJECT_COUNTER) { notes.append("its settings") }
    table.objects.append(object)
    table.unknown += notes.map { "object \(object.name) of type \(object.type): \($0)" }
  }

  /// Whether a limit, a quota or a connection limit matches above its value: the flag with this meaning is 1
  /// in all of them.
  private static func isInverted(_ type: UInt32, _ data: AttributeList) -> Bool {
    let place: UInt16? =
      switch Int32(bitPattern: type) {
      case NFT_OBJECT_LIMIT: UInt16(NFTA_LIMIT_FLAGS.rawValue)
      case NFT_OBJECT_QUOTA: UInt16(NFTA_QUOTA_FLAGS.rawValue)
      case NFT_OBJECT_CONNLIMIT: UInt16(NFTA_CONNLIMIT_FLAGS.rawValue)
      default: nil
      }
    for attribute in data where attribute.type == place {
      return (attribute.u32 ?? 0) & NFT_LIMIT_F_INV.rawValue != 0
    }
    return false
  }

  /// Decodes `NFT_MSG_NEWFLOWTABLE`.
  mutating func readFlowtable(_ message: NetlinkMessage, table name: [UInt8]) {
    guard isOwn(message, name: name) else { return }
    for attribute in message.attributes {
      switch attribute.type {
      case NFTA_FLOWTABLE_NAME: table.unknown.append("flowtable \(attribute.text)")
      default: break
      }
    }
  }

  /// Decodes the declaration of a set, `NFT_MSG_NEWSET`. Nil if it belongs to another table.
  mutating func readSet(_ message: NetlinkMessage, table name: [UInt8]) -> SetDecoder? {
    guard isOwn(message, name: name), let read = SetDecoder(message) else { return nil }
    table.sets.append(read.set)
    table.unknown += read.notes.map { "set \(read.set.name): \($0)" }
    return read
  }

  /// Stores the elements of the set with this index.
  mutating func take(_ read: ReadElements, ofSet index: Int) {
    table.sets[index].elements = read.elements
    if let reason = read.malformed { malformed = malformed ?? "set \(table.sets[index].name): \(reason)" }
  }

  /// The decoded table. The kernel reports its parts in the order in which they were created, like the model.
  func finished() -> KernelTable {
    var table = table
    table.unknown.sort()
    return table
  }
}
