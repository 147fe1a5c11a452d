// SPDX-License-Identifier: GPL-3.0-or-later

/// One change to a table in the kernel: one nf_tables message (for elements, as many as they need).
public enum TableOperation: Sendable, Hashable {
  /// Adds the table, with its flags and user data; its chains, sets and objects have operations of their own.
  case addTable(flags: UInt32, userdata: [UInt8])
  /// Deletes the table with everything in it.
  case deleteTable
  /// Adds an object. A counter starts at these values.
  case addObject(KernelObject, CounterState)
  case deleteObject(KernelObject)
  /// Adds a chain without rules.
  case addChain(name: String, base: BaseChain?)
  /// Deletes a chain, which must have no rules left.
  case deleteChain(name: String)
  /// Adds a set without elements: its own elements are ignored.
  case addSet(KernelSet)
  case deleteSet(name: String)
  /// Adds elements to a set. The set is given by its declaration; its own elements are ignored.
  case addElements(set: KernelSet, SetElements)
  case deleteElements(set: KernelSet, SetElements)
  /// Adds a rule.
  case addRule(chain: String, KernelRule, place: RulePlace)
  /// Deletes the rule of this handle.
  case deleteRule(chain: String, handle: UInt64)
}

/// Where in its chain a rule is added.
public enum RulePlace: Sendable, Hashable {
  /// After the last one.
  case end
  /// Before the rule of this handle.
  case before(handle: UInt64)
}

/// What a counter has counted.
public struct CounterState: Sendable, Hashable {
  /// Packets.
  public var packets: UInt64
  /// Bytes, of the packets from their network header on.
  public var bytes: UInt64

  /// Counts to start with.
  public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
    self.packets = packets
    self.bytes = bytes
  }

  /// Nothing counted yet.
  public static let zero = CounterState()
}
