// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import Ruleset
internal import TestSupport

/// Random tables of the expressions that the walk of all packets supports, in all forms that it supports, with a few
/// that it does not. All base chains of a table are at one hook.
package struct RandomWalkTable {
  var random: SeededGenerator
  private let hook: UInt32
  var sets: [KernelSet] = []

  /// The table of a seed.
  package static func make(seed: UInt64) -> KernelTable {
    var maker = RandomWalkTable(seed: seed)
    return maker.make()
  }

  private init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    hook = UInt32(random.number(0...4))
  }

  mutating func make() -> KernelTable {
    let (leaves, middle) = (["leaf0", "leaf1"], ["middle0", "middle1"])
    var chains = leaves.map { KernelChain(name: $0, base: nil, rules: rules(jumps: [])) }
    chains += middle.map { KernelChain(name: $0, base: nil, rules: rules(jumps: leaves)) }
    for number in 0..<random.number(1...2) {
      let base = BaseChain(
        hook: hook, priority: -100 + Int32(number), policy: random.oneIn(2) ? .accept : .drop)
      chains.append(KernelChain(name: "base\(number)", base: base, rules: rules(jumps: leaves + middle)))
    }
    return KernelTable(
      family: NFT.familyInet, name: "random", chains: chains, sets: sets,
      objects: Self.counters.map { KernelObject(name: $0, type: NFT.objectCounter) })
  }

  static let counters = ["c0", "c1", "c2"]

  // MARK: Rules

  mutating func rules(jumps: [String]) -> [KernelRule] {
    (0..<random.number(1...6)).map { _ in rule(jumps: jumps) }
  }

  mutating func rule(jumps: [String]) -> KernelRule {
    var expressions: [Expression] = []
    for _ in 0..<random.one(of: [0, 1, 1, 1, 2, 2, 3]) { expressions += condition() }
    if random.oneIn(4) { expressions.append(.counter) }
    switch random.number(0...9) {
    case 0, 1: expressions.append(.object(type: NFT.objectCounter, name: random.one(of: Self.counters)))
    case 2: expressions += objectMap()
    default: break
    }
    switch random.number(0...9) {
    case 0: break
    case 1: expressions.append(.reject(type: NFT.rejectICMPX, code: 3))
    case 2: expressions += transport(.tcp) + [.reject(type: NFT.rejectReset, code: 0)]
    case 3, 4: expressions += verdictMap(jumps: jumps)
    default: expressions.append(.verdict(verdict(jumps: jumps)))
    }
    return KernelRule(expressions: expressions)
  }

  mutating func verdict(jumps: [String]) -> VerdictCode {
    if !jumps.isEmpty, random.oneIn(2) {
      let chain = random.one(of: jumps)
      return random.oneIn(3) ? .goto(chain: chain) : .jump(chain: chain)
    }
    return random.one(of: [.accept, .accept, .drop, .drop, .return, .continue])
  }

  /// A register with room for 16 bytes.
  mutating func register() -> UInt32 { random.one(of: [1, 2, 3, 4, 9, 14, 17]) }

  // MARK: Conditions

  mutating func condition() -> [Expression] {
    let register = register()
    switch random.number(0...19) {
    case 0: return interface(register)
    case 1: return lookup(names(), [name(register)], register)
    case 2: return linkType(register)
    case 3:
      return [.meta(key: MetaKey.family.rawValue, destination: register)]
        + equal(register, [one(of: AddressFamily.allCases).rawValue])
    case 4:
      return [.meta(key: MetaKey.transport.rawValue, destination: register)]
        + compare(register, [random.one(of: [1, 6, 17, 50, 58, 132])])
    case 5, 6: return address(register)
    case 7, 8:
      let (family, isSource) = (one(of: AddressFamily.allCases), random.oneIn(2))
      let masked = random.oneIn(3) ? mask(register, family, length: prefixLength(family)) : []
      let set = masked.isEmpty ? addresses(family) : addresses(family, maskedBy: masked)
      return lookup(set, load(family, isSource, register) + masked, register)
    case 9: return port(offset: 2, register)
    case 10: return port(offset: 0, register)
    case 11: return lookup(services(), serviceKey(register), register)
    case 12: return hopLimit(register)
    case 13:
      let family = one(of: AddressFamily.allCases)
      return transport(family == .ipv4 ? .icmp : .icmpv6)
        + [.payload(base: NFT.payloadTransport, offset: 0, length: 1, destination: register)]
        + compare(register, [random.one(of: [0, 3, 8, 128, 133, 136])])
    case 14:
      return transport(.tcp)
        + [.payload(base: NFT.payloadTransport, offset: 13, length: 1, destination: register)]
        + masked(register, [random.one(of: [0x02, 0x12, 0x17, 0x3f])])
        + compare(register, [random.one(of: [0, 0x02, 0x10, 0x12])])
    case 15, 16: return connection(register)
    case 17: return destinationType(register)
    case 18: return temporaryGrants()
    default: return random.oneIn(4) ? unsupported(register) : address(register)
    }
  }

  /// What the walk of all packets reports as undetermined.
  mutating func unsupported(_ register: UInt32) -> [Expression] {
    random.one(of: [
      [
        .meta(key: MetaKey.mark.rawValue, destination: register),
        .compare(operation: NFT.equal, source: register, data: [1, 0, 0, 0]),
      ],
      [
        .meta(key: MetaKey.transport.rawValue, destination: register),
        .range(operation: 0, source: register, from: [6], to: [17]),
      ],
      [.limit(rate: 1000, unit: 1, burst: 5)],
    ])
  }

  mutating func one<Element>(of choices: [Element]) -> Element { random.one(of: choices) }

  /// `meta l4proto`, which most rules test before they load a field of the transport header.
  mutating func transport(_ number: IPProtocol) -> [Expression] {
    if random.oneIn(12) { return [] }
    let register = register()
    return [
      .meta(key: MetaKey.transport.rawValue, destination: register),
      .compare(operation: NFT.equal, source: register, data: [number.number]),
    ]
  }

  mutating func name(_ register: UInt32) -> Expression {
    .meta(
      key: random.oneIn(2) ? MetaKey.inputName.rawValue : MetaKey.outputName.rawValue, destination: register)
  }

  mutating func interface(_ register: UInt32) -> [Expression] {
    let whole = random.one(of: ["wg0", "eth0", "docker0", "br-lan", "br-"])
    let data =
      random.oneIn(2)
      ? Array(whole.utf8.prefix(random.number(1...whole.utf8.count)))
      : Array(whole.utf8) + Array(repeating: 0, count: 16 - whole.utf8.count)
    return [name(register)] + equal(register, data)
  }

  mutating func linkType(_ register: UInt32) -> [Expression] {
    let isInput = hook <= NFT.hookForward && (hook < NFT.hookForward || random.oneIn(2))
    return [
      .meta(key: isInput ? MetaKey.inputType.rawValue : MetaKey.outputType.rawValue, destination: register)
    ]
      + equal(
        register, HostOrder.bytes(random.one(of: [LinkType.ethernet, .linkless]).rawValue))
  }

  mutating func load(_ family: AddressFamily, _ isSource: Bool, _ register: UInt32) -> [Expression] {
    let width = family.byteWidth
    let offset: UInt32 = family == .ipv4 ? (isSource ? 12 : 16) : (isSource ? 8 : 24)
    let test: [Expression] = [
      .meta(key: MetaKey.family.rawValue, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [family.rawValue]),
    ]
    return test + [
      .payload(base: NFT.payloadNetwork, offset: offset, length: UInt32(width), destination: register)
    ]
  }

  mutating func address(_ register: UInt32) -> [Expression] {
    let family = one(of: AddressFamily.allCases)
    let load = load(family, random.oneIn(2), register)
    let bytes = Array(address(family).bytes)
    switch random.number(0...3) {
    case 0:
      let length = prefixLength(family)
      let network = Prefix(containing: address(family), length: length).address.bytes
      return load + mask(register, family, length: length)
        + equal(register, Array(network))
    case 1: return load + compare(register, Array(bytes.prefix(random.number(1...bytes.count))))
    default: return load + compare(register, bytes)
    }
  }

  mutating func port(offset: UInt32, _ register: UInt32) -> [Expression] {
    let load = Expression.payload(
      base: NFT.payloadTransport, offset: offset, length: 2, destination: register)
    let test = transport(random.one(of: [.tcp, .udp, .sctp]))
    let port = [UInt8(random.number(0...2)), UInt8(random.one(of: [0, 22, 53, 255]))]
    if random.oneIn(3) {
      // A range, as the compiler writes it.
      let upper = [port[0] + UInt8(random.number(0...1)), 255]
      return test + [
        load, .compare(operation: NFT.greaterOrEqual, source: register, data: port),
        .compare(operation: NFT.lessOrEqual, source: register, data: upper),
      ]
    }
    return test + [load] + compare(register, Array(port.prefix(random.oneIn(4) ? 1 : 2)))
  }

  mutating func hopLimit(_ register: UInt32) -> [Expression] {
    let family = one(of: AddressFamily.allCases)
    return load(family, true, register) + [
      .payload(
        base: NFT.payloadNetwork, offset: family == .ipv4 ? 8 : 7, length: 1, destination: register)
    ] + compare(register, [random.one(of: [1, 64, 255])])
  }

  mutating func connection(_ register: UInt32) -> [Expression] {
    let states: [UInt32] = [1, 2, 4, 8, 64, 6, 10, 65]
    func load(_ key: UInt32) -> [Expression] { [.ct(key: key, direction: nil, destination: register)] }
    switch random.number(0...4) {
    case 0:
      return load(ConnectionKey.state.rawValue) + masked(register, HostOrder.bytes(random.one(of: states)))
        + equal(register, [0, 0, 0, 0])
    case 1:
      return load(ConnectionKey.state.rawValue)
        + equal(register, HostOrder.bytes(random.one(of: states.prefix(5) + [])))
    case 2:
      let direction: [Expression] = [.compare(operation: NFT.equal, source: register, data: [0])]
      // The model gives a reply no original port of its own.
      let port = [UInt8(0), random.one(of: [22, 53, 255])]
      return load(ConnectionKey.direction.rawValue) + direction + transport(random.one(of: [.tcp, .udp])) + [
        .ct(key: ConnectionKey.destinationPort.rawValue, direction: 0, destination: register)
      ] + compare(register, port)
    case 3: return load(ConnectionKey.direction.rawValue) + equal(register, [UInt8(random.number(0...1))])
    default:
      return load(ConnectionKey.status.rawValue)
        + masked(register, HostOrder.bytes(random.one(of: [0x10, 0x20, 0x30] as [UInt32])))
        + equal(register, HostOrder.bytes(random.one(of: [0, 0x10, 0x20] as [UInt32])))
    }
  }

  mutating func destinationType(_ register: UInt32) -> [Expression] {
    let load = Expression.fib(
      result: RouteResult.addressType.rawValue, flags: NFT.fibDestination, destination: register)
    let types: [AddressType] = [.local, .unicast, .multicast, .broadcast]
    if random.oneIn(2) {
      return [load] + equal(register, SetKey.addressType(random.one(of: types)))
    }
    let keys = types.filter { _ in random.oneIn(2) }.map { SetKey.addressType($0) }
    return lookup(add(type: NFT.typeAddressType, keys: keys), [load], register)
  }

  mutating func masked(_ register: UInt32, _ mask: [UInt8]) -> [Expression] {
    [
      .bitwise(
        source: register, destination: register, mask: mask, xor: Array(repeating: 0, count: mask.count))
    ]
  }

  mutating func mask(_ register: UInt32, _ family: AddressFamily, length: Int) -> [Expression] {
    masked(register, Prefix(containing: IPAddress(family: family, bits: 0), length: length).maskBytes)
  }

  mutating func compare(_ register: UInt32, _ data: [UInt8]) -> [Expression] {
    [.compare(operation: UInt32(random.number(0...5)), source: register, data: data)]
  }

  /// Equal or not equal: the order of these values has no meaning.
  mutating func equal(_ register: UInt32, _ data: [UInt8]) -> [Expression] {
    [.compare(operation: UInt32(random.number(0...1)), source: register, data: data)]
  }

  mutating func lookup(_ set: String, _ load: [Expression], _ register: UInt32) -> [Expression] {
    load + [
      .lookup(set: set, source: register, destination: nil, inverted: random.oneIn(3) ? .inverted : .plain)
    ]
  }

  mutating func serviceKey(_ register: UInt32) -> [Expression] {
    let next = register < 8 ? 8 + (register - 1) * 4 + 1 : register + 1
    return [
      .meta(key: MetaKey.transport.rawValue, destination: register),
      .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: next),
    ]
  }

  /// `ip saddr . meta l4proto . th dport @set`, with ranges in each field.
  mutating func temporaryGrants() -> [Expression] {
    let family = one(of: AddressFamily.allCases)
    let width = family.byteWidth
    var records: [UInt8] = []
    for number in 0..<random.number(0...4) {
      let prefix = Prefix(containing: address(family), length: prefixLength(family))
      let transport: IPProtocol = random.one(of: [.tcp, .udp])
      // Ports of different elements do not overlap.
      let first = UInt16(number * 50 + random.number(0...20))
      records += prefix.address.bytes + SetKey.port(transport, first)
      records += prefix.last.bytes + SetKey.port(transport, first + UInt16(random.number(0...20))) + [0]
    }
    let elements = SetElements(keyLength: width + 8, hasKeyEnd: true, unsorted: records)
    sets.append(
      KernelSet(
        name: "s\(sets.count)", flags: NFT.setInterval | NFT.setConcatenation, keyType: 0,
        keyLength: UInt32(width + 8), fields: [UInt32(width), 1, 2], elements: elements))
    let isSource = !random.oneIn(5)
    return load(family, isSource, 1) + [
      .meta(key: MetaKey.transport.rawValue, destination: NFT.register(at: width)),
      .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: NFT.register(at: width + 4)),
      .lookup(set: sets[sets.count - 1].name, source: 1, destination: nil, inverted: .plain),
    ]
  }
}
