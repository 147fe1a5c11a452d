// SPDX-License-Identifier: GPL-3.0-or-later

/// A table as the kernel has it, or is to have it: the value that is compared, planned, walked and written.
public struct KernelTable: Sendable, Hashable {
  /// `NFPROTO_INET` or another `NFPROTO_…` of `linux/netfilter.h`.
  public var family: UInt8
  /// Its name, unique in its family.
  public var name: String
  /// `NFT_TABLE_F_…`
  public var flags: UInt32
  /// User data of the table: type-length-value, type 0 the comment.
  public var userdata: [UInt8]
  /// In order of creation.
  public var chains: [KernelChain]
  /// In order of creation; includes anonymous sets if it was read from the kernel.
  public var sets: [KernelSet]
  /// In order of creation.
  public var objects: [KernelObject]
  /// The names of parts that the kernel reported and that this model cannot represent (flowtables).
  public var unknown: [String]
  /// Which part of the kernel has the table.
  public var subsystem: Subsystem

  /// The parts of the kernel that have tables of rules. Family and name identify a table only in one of them.
  public enum Subsystem: String, Sendable, Hashable {
    /// nf_tables, which is read and written over netlink.
    case nfTables = "nf_tables"
    /// Legacy iptables (`ip_tables`, `ip6_tables`): such a table is only walked. It is never compared with one of nf_tables,
    /// planned or written.
    case legacy
  }

  /// Creates a value from its parts.
  public init(
    family: UInt8, name: String, flags: UInt32 = 0, userdata: [UInt8] = [], chains: [KernelChain] = [],
    sets: [KernelSet] = [], objects: [KernelObject] = [], unknown: [String] = [],
    subsystem: Subsystem = .nfTables
  ) {
    self.family = family
    self.name = name
    self.flags = flags
    self.userdata = userdata
    self.chains = chains
    self.sets = sets
    self.objects = objects
    self.unknown = unknown
    self.subsystem = subsystem
  }
}

/// A chain and its rules in order.
public struct KernelChain: Sendable, Hashable {
  /// Its name, unique among its kind in its table.
  public var name: String
  /// Where a base chain hooks in; nil for others.
  public var base: BaseChain?
  /// Its rules, in the order in which a packet meets them.
  public var rules: [KernelRule]

  /// Creates a value from its parts.
  public init(name: String, base: BaseChain?, rules: [KernelRule]) {
    self.name = name
    self.base = base
    self.rules = rules
  }
}

/// Where a base chain hooks in.
public struct BaseChain: Sendable, Hashable {
  /// The hook's number in its family: `nf_inet_hooks` of `linux/netfilter.h` for ip, ip6 and inet.
  public var hook: UInt32
  /// Lower runs first; `nf_ip_hook_priorities` of `linux/netfilter_ipv4.h`.
  public var priority: Int32
  /// `filter`, `nat` or `route`.
  public var type: String
  /// What happens to a packet that no rule decides.
  public var policy: BasePolicy
  /// The devices of a netdev or ingress chain; a `*` at the end stands for all that begin so.
  public var devices: [String]

  /// Creates a value from its parts.
  public init(
    hook: UInt32, priority: Int32, type: String = "filter", policy: BasePolicy, devices: [String] = []
  ) {
    self.hook = hook
    self.priority = priority
    self.type = type
    self.policy = policy
    self.devices = devices
  }
}

/// A base chain's policy.
public enum BasePolicy: UInt32, Sendable, Hashable {
  case drop = 0
  case accept = 1
}

/// A rule as the kernel has it. Two rules are equal if they have the same effect and comment: the handle and the
/// origin do not count.
public struct KernelRule: Sendable, Hashable {
  /// What the kernel executes, in order.
  public var expressions: [Expression]
  /// User data of the rule: type-length-value, type 0 the comment with its terminating zero.
  public var userdata: [UInt8]
  /// The kernel's number for it; 0 if it was not read from the kernel.
  public var handle: UInt64
  /// Where it comes from, if it was compiled, or is equal to a rule that was. The kernel only has the comment.
  public var origin: Origin?

  /// Creates a value from its parts.
  public init(
    expressions: [Expression], userdata: [UInt8] = [], handle: UInt64 = 0, origin: Origin? = nil
  ) {
    self.expressions = expressions
    self.userdata = userdata
    self.handle = handle
    self.origin = origin
  }

  /// Whether expressions and user data are equal.
  public static func == (left: Self, right: Self) -> Bool {
    left.expressions == right.expressions && left.userdata == right.userdata
  }

  /// Hashes what makes two rules equal.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(expressions)
    hasher.combine(userdata)
  }

  /// The comment; nil if it has none.
  public var comment: String? { Userdata.text(type: 0, in: userdata) }
}

/// A set or map, with its elements.
public struct KernelSet: Sendable, Hashable {
  /// Its name, unique among its kind in its table.
  public var name: String
  /// `NFT_SET_…` flags.
  public var flags: UInt32
  /// nft's datatype number of the key; of a concatenation, 6 bits per field.
  public var keyType: UInt32
  /// Bytes of the key, with each field padded to 4.
  public var keyLength: UInt32
  /// The value's type: 0xffffff00 for verdicts, else nft's datatype number; 0 for sets and object maps.
  public var dataType: UInt32
  /// Bytes of a value.
  public var dataLength: UInt32
  /// `NFT_OBJECT_…` of an object map; 0 otherwise.
  public var objectType: UInt32
  /// Lengths of a concatenation's fields in bytes, unpadded (`NFTA_SET_DESC_CONCAT`); empty if not reported.
  public var fields: [UInt32]
  /// Maximum number of elements (`NFTA_SET_DESC_SIZE`); 0 for no limit.
  public var size: UInt32
  /// Default lifetime of an element in milliseconds; 0 for no timeout.
  public var timeout: UInt64
  /// User data of the set: nft stores the key's byte order and merge hints there.
  public var userdata: [UInt8]
  /// Its elements, packed.
  public var elements: SetElements

  /// Creates a value from its parts.
  public init(
    name: String, flags: UInt32 = 0, keyType: UInt32, keyLength: UInt32, dataType: UInt32 = 0,
    dataLength: UInt32 = 0,
    objectType: UInt32 = 0, fields: [UInt32] = [], size: UInt32 = 0, timeout: UInt64 = 0,
    userdata: [UInt8] = [],
    elements: SetElements
  ) {
    self.name = name
    self.flags = flags
    self.keyType = keyType
    self.keyLength = keyLength
    self.dataType = dataType
    self.dataLength = dataLength
    self.objectType = objectType
    self.fields = fields
    self.size = size
    self.timeout = timeout
    self.userdata = userdata
    self.elements = elements
  }

  /// Whether both are equal except for their elements.
  public func declaresSame(as other: KernelSet) -> Bool {
    name == other.name && flags == other.flags && keyType == other.keyType && keyLength == other.keyLength
      && dataType == other.dataType && dataLength == other.dataLength && objectType == other.objectType
      && fields == other.fields && size == other.size && timeout == other.timeout
      && userdata == other.userdata
  }
}

/// A named stateful object. Its state (a counter's values) is not part of this value.
public struct KernelObject: Sendable, Hashable {
  /// Its name, unique among its kind in its table.
  public var name: String
  /// `NFT_OBJECT_…`
  public var type: UInt32
  /// For a limit, a quota or a limit of connections: `plain` if it matches below the limit, `inverted` if
  /// above.
  public var inversion: Inversion

  /// Creates a value from its parts.
  public init(name: String, type: UInt32, inversion: Inversion = .plain) {
    self.name = name
    self.type = type
    self.inversion = inversion
  }
}
