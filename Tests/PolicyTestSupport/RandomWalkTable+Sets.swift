// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset
internal import TestSupport

/// Sets and maps of every kind that a rule of these tables looks up.
extension RandomWalkTable {
  mutating func address(_ family: AddressFamily) -> IPAddress {
    let base: UInt128 = family == .ipv4 ? 0x0a0d_0000 : UInt128(0xfd13) << 112
    let far: UInt128 = family == .ipv4 ? 0xc633_6400 : UInt128(0x2001_0db8) << 96
    return IPAddress(family: family, bits: (random.oneIn(3) ? far : base) | UInt128(random.number(0...600)))
  }

  mutating func prefixLength(_ family: AddressFamily) -> Int {
    random.one(of: family == .ipv4 ? [8, 22, 24, 25, 28, 31] : [16, 64, 119, 120, 126])
  }

  /// Adds a set, or a map if there are values.
  mutating func add(
    type: UInt32, keys: [[UInt8]], isInterval: Bool = false, values: [ElementValue] = [], length: Int? = nil
  ) -> String {
    let length = length ?? keys.first?.count ?? 4
    let marks = keys.indices.map { isInterval && values.isEmpty ? UInt8($0 % 2) : 0 }
    let records = zip(keys, marks).flatMap { $0 + [$1] }
    var set = KernelSet(
      name: "s\(sets.count)", flags: isInterval ? NFT.setInterval : 0, keyType: type,
      keyLength: UInt32(length), elements: SetElements(keyLength: length, unsorted: records, values: values))
    if case .verdict? = values.first {
      set.flags |= NFT.setMap
      (set.dataType, set.dataLength) = (NFT.dataVerdict, NFT.dataVerdictLength)
    } else if case .object? = values.first {
      set.flags |= NFT.setObject
      set.objectType = NFT.objectCounter
    }
    sets.append(set)
    return set.name
  }

  static func sorted(_ keys: some Sequence<[UInt8]>) -> [[UInt8]] {
    keys.sorted { $0.lexicographicallyPrecedes($1) }
  }

  mutating func names() -> String {
    let words = ["wg0", "eth0", "docker0", "br-lan"].filter { _ in random.oneIn(2) }
    let keys = words.map { Array($0.utf8) + Array(repeating: 0, count: 16 - $0.utf8.count) }
    return add(type: NFT.typeInterfaceName, keys: Self.sorted(keys), length: 16)
  }

  static func type(_ family: AddressFamily) -> UInt32 {
    family == .ipv4 ? NFT.typeIPv4Address : NFT.typeIPv6Address
  }

  mutating func addresses(_ family: AddressFamily) -> String {
    var keys = Self.sorted(Set((0..<random.number(0...8)).map { _ in Array(address(family).bytes) }))
    let isInterval = random.oneIn(2)
    // Without the last end the last interval is open.
    if isInterval, keys.count % 2 == 1, random.oneIn(2) { keys.removeLast() }
    return add(type: Self.type(family), keys: keys, isInterval: isInterval, length: family.byteWidth)
  }

  /// A set for addresses that were masked: networks, and sometimes an address that no masked one equals.
  mutating func addresses(_ family: AddressFamily, maskedBy mask: [Expression]) -> String {
    var bits: [UInt8] = []
    if case .bitwise(_, _, let own, _)? = mask.first { bits = own }
    let keys = (0..<random.number(0...5)).map { _ in
      let bytes = Array(address(family).bytes)
      return random.oneIn(6) ? bytes : zip(bytes, bits).map { $0 & $1 }
    }
    return add(type: Self.type(family), keys: Self.sorted(Set(keys)), length: family.byteWidth)
  }

  mutating func serviceKeys() -> [[UInt8]] {
    let keys = (0..<random.number(0...6)).map { _ in
      SetKey.port(random.one(of: [.tcp, .tcp, .udp, .sctp]), UInt16(random.one(of: [22, 53, 80, 255, 256])))
    }
    return Self.sorted(Set(keys))
  }

  mutating func services() -> String {
    add(type: NFT.typeProtocol << 6 | NFT.typeService, keys: serviceKeys(), length: 8)
  }

  mutating func objectMap() -> [Expression] {
    let family = one(of: AddressFamily.allCases)
    let keys = Self.sorted(Set((0..<random.number(1...6)).map { _ in Array(address(family).bytes) }))
    let values = keys.map { _ in ElementValue.object(random.one(of: Self.counters)) }
    let set = add(type: Self.type(family), keys: keys, values: values)
    let register = register()
    return load(family, true, register) + [.objectMap(set: set, source: register)]
  }

  mutating func verdictMap(jumps: [String]) -> [Expression] {
    let register = register()
    var (keys, load, type): ([[UInt8]], [Expression], UInt32)
    var isInterval = false
    switch random.number(0...2) {
    case 0:
      let words = ["wg0", "eth0", "docker0", "br-lan"].filter { _ in random.oneIn(2) } + ["lo"]
      keys = words.map { Array($0.utf8) + Array(repeating: 0, count: 16 - $0.utf8.count) }
      (load, type) = ([name(register)], NFT.typeInterfaceName)
    case 1:
      keys = serviceKeys() + [SetKey.port(.tcp, 443)]
      (load, type) = (serviceKey(register), NFT.typeProtocol << 6 | NFT.typeService)
    default:
      let family = one(of: AddressFamily.allCases)
      keys = (0..<random.number(1...6)).map { _ in Array(address(family).bytes) }
      (load, type) = (self.load(family, random.oneIn(2), register), Self.type(family))
      isInterval = random.oneIn(2)
    }
    keys = Self.sorted(Set(keys))
    let values = keys.map { _ in ElementValue.verdict(verdict(jumps: jumps)) }
    let set = add(type: type, keys: keys, isInterval: isInterval, values: values)
    return load + [
      .lookup(set: set, source: register, destination: NFT.registerVerdict, inverted: .plain)
    ]
  }
}
