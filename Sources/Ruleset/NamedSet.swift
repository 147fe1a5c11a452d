// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel

/// A set or map of a ruleset: what its keys are, and its elements as the kernel holds them.
public struct NamedSet: Sendable, Hashable {
  /// What a key is made of.
  public enum Key: Sendable, Hashable {
    case ipv4Address
    case ipv6Address
    case interfaceName
    /// Protocol and destination port.
    case transportAndPort
    /// The type of an address in the routing table (`AddressType`), 4 bytes in host order.
    case addressType
    /// Source address, protocol and destination port.
    case sourceAndPort(AddressFamily)

    /// The key of addresses of this family.
    public static func address(_ family: AddressFamily) -> Key {
      family == .ipv4 ? .ipv4Address : .ipv6Address
    }
  }

  /// What a key maps to.
  public enum Kind: Sendable, Hashable {
    case set
    case verdicts
    case counters
  }

  /// How the kernel stores the elements.
  public enum Layout: Sendable, Hashable {
    /// Single keys in a hash: a lookup and a change cost the same at every size.
    case exact
    /// Ranges, half open: each begins at one element and ends at an element with the flag for the end of an
    /// interval.
    case interval
    /// Ranges in every field of the key, each with a timeout.
    case timedRanges
    /// Single keys that a rule adds, each with a budget of connections and a timeout in milliseconds.
    case budgets(timeout: UInt64)
  }

  /// Its name in the table.
  public var name: String
  /// What its keys are made of.
  public var key: Key
  /// What its keys map to.
  public var kind: Kind
  /// How the kernel stores it.
  public var layout: Layout
  /// Its elements, packed.
  public var elements: SetElements

  /// A set of these parts.
  public init(name: String, key: Key, kind: Kind, layout: Layout = .exact, elements: SetElements) {
    self.name = name
    self.key = key
    self.kind = kind
    self.layout = layout
    self.elements = elements
  }
}

extension NamedSet {
  /// The smallest number of elements for which a set declares a size.
  private static let leastSized = 1_024

  /// The maximum number of elements, declared to the kernel. The kernel then uses a hash of fixed size, which
  /// is faster to fill and to search than one that grows. A power of two, so that a set can change within it.
  /// 0 (no limit) for small sets, which are often replaced, and for intervals. Budgets have a limit always: whoever sends
  /// packets adds elements.
  public var size: Int {
    if case .budgets = layout { return Int(ConnectionLimitExpression.size) }
    guard layout == .exact, elements.count >= Self.leastSized else { return 0 }
    var size = Self.leastSized
    while size < elements.count { size *= 2 }
    return size
  }
}

extension NamedSet.Key {
  /// Bytes of a key, with each field padded to 4.
  public var length: Int {
    switch self {
    case .ipv4Address, .addressType: 4
    case .ipv6Address, .interfaceName: 16
    case .transportAndPort: 8
    case .sourceAndPort(let family): family.byteWidth + 8
    }
  }

  /// nft's datatype number.
  var type: UInt32 {
    switch self {
    case .ipv4Address: NFT.typeIPv4Address
    case .ipv6Address: NFT.typeIPv6Address
    case .interfaceName: NFT.typeInterfaceName
    case .addressType: NFT.typeAddressType
    case .transportAndPort: NFT.typeProtocol << 6 | NFT.typeService
    case .sourceAndPort(let family):
      Self.address(family).type << 12 | NFT.typeProtocol << 6 | NFT.typeService
    }
  }

  /// How nft writes the type.
  var typeText: String {
    switch self {
    case .ipv4Address: "ipv4_addr"
    case .ipv6Address: "ipv6_addr"
    case .interfaceName: "ifname"
    case .addressType: "fib_addrtype"
    case .transportAndPort: "inet_proto . inet_service"
    case .sourceAndPort(let family): "\(Self.address(family).typeText) . inet_proto . inet_service"
    }
  }

  /// The byte order that nft writes into the set's user data; nil if it writes none.
  var byteOrder: UInt32? {
    switch self {
    case .ipv4Address, .ipv6Address: NFT.byteOrderBig
    case .interfaceName, .addressType: NFT.byteOrderHost
    case .transportAndPort, .sourceAndPort: nil
    }
  }

  /// Bytes of each field of a concatenation; empty for a key with one field.
  var fields: [UInt32] {
    switch self {
    case .ipv4Address, .ipv6Address, .interfaceName, .addressType: []
    case .transportAndPort: [1, 2]
    case .sourceAndPort(let family): [UInt32(family.byteWidth), 1, 2]
    }
  }
}

/// Keys as they are in registers.
public enum SetKey {
  /// An interface's name, zero-padded to 16 bytes: never a prefix match.
  public static func interface(_ name: InterfaceName) -> [UInt8] {
    let bytes = Array(name.description.utf8)
    return bytes + Array(repeating: 0, count: 16 - bytes.count)
  }

  /// The first name in byte order after all names with this beginning: the end of their interval.
  public static func afterInterfaces(beginning start: InterfaceName) -> [UInt8] {
    // Names are UTF-8, whose bytes are less than 0xff.
    var bytes = interface(start)
    bytes[start.description.utf8.count - 1] += 1
    return bytes
  }

  /// The type of an address, in host order.
  public static func addressType(_ type: AddressType) -> [UInt8] {
    HostOrder.bytes(type.rawValue)
  }

  /// Protocol and port, each padded to 4 bytes, the port in network order.
  public static func port(_ number: IPProtocol, _ port: UInt16) -> [UInt8] {
    [number.number, 0, 0, 0, UInt8(port >> 8), UInt8(port & 0xff), 0, 0]
  }
}
