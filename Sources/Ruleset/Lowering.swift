// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// Translates rules into what the kernel executes. Pure, and total: every rule that can be written can be
/// lowered.
public enum Lowering {
  /// The kernel's view of a ruleset.
  public static func table(_ ruleset: Ruleset) -> KernelTable {
    KernelTable(
      family: NFT.familyInet, name: Ruleset.tableName,
      chains: ruleset.chains.map { chain in
        KernelChain(name: chain.name, base: chain.base, rules: chain.rules.map(rule))
      },
      sets: ruleset.sets.map(set),
      objects: ruleset.counters.map { KernelObject(name: $0.name, type: NFT.objectCounter) })
  }

  static func set(_ set: NamedSet) -> KernelSet {
    var flags: UInt32 = 0
    switch set.layout {
    case .exact: break
    case .interval: flags |= NFT.setInterval
    case .timedRanges: flags |= NFT.setInterval | NFT.setTimeout | NFT.setConcatenation
    }
    switch set.kind {
    case .set: break
    case .verdicts: flags |= NFT.setMap
    case .counters: flags |= NFT.setObject
    }
    return KernelSet(
      name: set.name, flags: flags, keyType: set.key.type, keyLength: UInt32(set.key.length),
      dataType: set.kind == .verdicts ? NFT.dataVerdict : 0,
      dataLength: set.kind == .verdicts ? NFT.dataVerdictLength : 0,
      objectType: set.kind == .counters ? NFT.objectCounter : 0,
      // The kernel needs the field lengths if each field is a range.
      fields: set.layout == .timedRanges ? set.key.fields : [], size: UInt32(set.size),
      userdata: set.key.byteOrder.map { Userdata.number($0, type: NFT.udataSetKeyByteOrder) } ?? [],
      elements: set.elements)
  }

  /// The kernel's view of a rule.
  public static func rule(_ rule: Rule) -> KernelRule {
    var lowering = RuleLowering()
    for match in rule.matches { lowering.add(match) }
    if let log = rule.log { lowering.add(log) }
    if let count = rule.count { lowering.add(count) }
    if let action = rule.action { lowering.add(action) }
    return KernelRule(
      expressions: lowering.expressions, userdata: Userdata.text(rule.origin.comment, type: NFT.udataComment))
  }
}

/// The expressions of one rule while it is lowered.
private struct RuleLowering {
  var expressions: [Expression] = []
  /// What the rule has checked already, so that it does not check it again.
  private var family: AddressFamily?
  private var transport: IPProtocol?

  private static let register = NFT.register1

  package mutating func add(_ match: Match) {
    switch match {
    case .interface(let side, let comparison, let pattern):
      loadInterface(side)
      switch pattern {
      case .exact(let name): compare(comparison, SetKey.interface(name))
      // Unpadded: only the bytes of the name's beginning are compared.
      case .beginning(let start): compare(comparison, Array(start.description.utf8))
      }
    case .interfaceType(let side, let comparison, let type):
      load(.meta(key: side == .input ? NFT.metaInputType : NFT.metaOutputType, destination: Self.register))
      compare(comparison, HostOrder.bytes(type.rawValue))
    case .interfaceSet(let side, let comparison, let set):
      loadInterface(side)
      lookup(set, inverted: comparison == .equal ? .plain : .inverted)
    case .address(let side, let comparison, let prefix):
      loadAddress(prefix.family, side)
      if prefix.length < prefix.family.bitWidth { mask(prefix.maskBytes) }
      compare(comparison, prefix.address.bytes)
    case .addressSet(let family, let side, let set, let maskLength):
      loadAddress(family, side)
      if let maskLength, maskLength < family.bitWidth {
        mask(Prefix(containing: IPAddress(family: family, bits: 0), length: maskLength).maskBytes)
      }
      lookup(set, inverted: .plain)
    case .transport(let comparison, let number):
      if comparison == .equal {
        require(number)
      } else {
        load(.meta(key: NFT.metaProtocol, destination: Self.register))
        compare(.notEqual, [number.number])
      }
    case .port(let number, let side, let range):
      require(number)
      load(payload: NFT.payloadTransport, offset: side == .source ? 0 : 2, length: 2)
      compare(
        range: [UInt8(range.lower >> 8), UInt8(range.lower & 0xff)],
        [UInt8(range.upper >> 8), UInt8(range.upper & 0xff)])
    case .portSet(let comparison, let set):
      loadPortKey()
      lookup(set, inverted: comparison == .equal ? .plain : .inverted)
    case .sourceAndPortSet(let family, let set):
      loadAddress(family, .source)
      loadPortKey(at: family.byteWidth)
      lookup(set, inverted: .plain)
    case .icmpType(let family, let range):
      require(family == .ipv4 ? .icmp : .icmpv6)
      load(payload: NFT.payloadTransport, offset: 0, length: 1)
      compare(range: [range.lowerBound], [range.upperBound])
    case .hopLimit(let limit):
      require(.ipv6)
      load(payload: NFT.payloadNetwork, offset: 7, length: 1)
      compare(.equal, [limit])
    case .tcpFlags(let mask, let comparison, let flags):
      require(.tcp)
      load(payload: NFT.payloadTransport, offset: 13, length: 1)
      self.mask([mask.rawValue])
      compare(comparison, [flags.rawValue])
    case .ctDirection(let direction):
      load(.ct(key: NFT.ctDirection, direction: nil, destination: Self.register))
      compare(.equal, [direction.rawValue])
    case .ctState(let states):
      load(.ct(key: NFT.ctState, direction: nil, destination: Self.register))
      requireAny(states.rawValue)
    case .ctStatus(let status):
      load(.ct(key: NFT.ctStatus, direction: nil, destination: Self.register))
      requireAny(status.rawValue)
    case .destinationType(let comparison, let type):
      loadDestinationType()
      compare(comparison, host(type.rawValue))
    case .destinationTypeSet(let comparison, let set):
      loadDestinationType()
      lookup(set, inverted: comparison == .equal ? .plain : .inverted)
    case .originalPort(let number, let range):
      require(number)
      load(
        .ct(
          key: NFT.ctDestinationPort, direction: ConnectionDirection.original.rawValue,
          destination: Self.register))
      compare(
        range: [UInt8(range.lower >> 8), UInt8(range.lower & 0xff)],
        [UInt8(range.upper >> 8), UInt8(range.upper & 0xff)])
    case .sourceRoute(let route):
      require(route.family)
      load(.extensionHeader(route))
      compare(.equal, [1])
    }
  }

  package mutating func add(_ log: DropLog) {
    load(.limit(rate: DropLog.rate, unit: 1, burst: DropLog.burst))
    load(.log(prefix: log.prefix, group: DropLog.group, captured: DropLog.capturedLength))
  }

  package mutating func add(_ count: Count) {
    switch count {
    case .named(let name): load(.object(type: NFT.objectCounter, name: name))
    case .bySource(let family, let map):
      loadAddress(family, .source)
      load(.objectMap(set: map, source: Self.register))
    }
  }

  package mutating func add(_ action: Action) {
    switch action {
    case .accept: load(.verdict(.accept))
    case .drop: load(.verdict(.drop))
    case .return: load(.verdict(.return))
    case .jump(let chain): load(.verdict(.jump(chain: chain)))
    case .goto(let chain): load(.verdict(.goto(chain: chain)))
    case .reject: load(.reject(type: NFT.rejectICMPX, code: NFT.icmpxAdminProhibited))
    case .reset:
      require(.tcp)
      load(.reject(type: NFT.rejectReset, code: 0))
    case .byInputInterface(let map):
      loadInterface(.input)
      verdict(from: map)
    case .byPort(let map):
      loadPortKey()
      verdict(from: map)
    case .byDestination(let family, let map):
      loadAddress(family, .destination)
      verdict(from: map)
    }
  }

  private mutating func load(_ expression: Expression) { expressions.append(expression) }

  private mutating func load(payload base: UInt32, offset: UInt32, length: UInt32) {
    load(.payload(base: base, offset: offset, length: length, destination: Self.register))
  }

  private mutating func loadInterface(_ side: InterfaceSide) {
    load(.meta(key: side == .input ? NFT.metaInputName : NFT.metaOutputName, destination: Self.register))
  }

  private mutating func loadAddress(_ family: AddressFamily, _ side: AddressSide) {
    require(family)
    let offset: UInt32 =
      switch (family, side) {
      case (.ipv4, .source): 12
      case (.ipv4, .destination): 16
      case (.ipv6, .source): 8
      case (.ipv6, .destination): 24
      }
    load(payload: NFT.payloadNetwork, offset: offset, length: UInt32(family.byteWidth))
  }

  /// `meta l4proto . th dport`, in two successive registers; the first of them is `place` bytes from the
  /// first of all.
  private mutating func loadPortKey(at place: Int = 0) {
    load(.meta(key: NFT.metaProtocol, destination: NFT.register(at: place)))
    load(.payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: NFT.register(at: place + 4)))
  }

  private mutating func loadDestinationType() {
    load(.fib(result: NFT.fibAddressType, flags: NFT.fibDestination, destination: Self.register))
  }

  /// `meta nfproto ipv4`, once per rule: a header field means nothing in the other family.
  private mutating func require(_ family: AddressFamily) {
    guard self.family != family else { return }
    load(.meta(key: NFT.metaFamily, destination: Self.register))
    compare(.equal, [family.rawValue])
    self.family = family
  }

  /// `meta l4proto tcp`, once per rule.
  private mutating func require(_ number: IPProtocol) {
    guard transport != number else { return }
    load(.meta(key: NFT.metaProtocol, destination: Self.register))
    compare(.equal, [number.number])
    transport = number
  }

  private mutating func compare(_ comparison: Comparison, _ data: [UInt8]) {
    load(
      .compare(operation: comparison == .equal ? NFT.equal : NFT.notEqual, source: Self.register, data: data))
  }

  private mutating func compare(range from: [UInt8], _ to: [UInt8]) {
    if from == to {
      compare(.equal, from)
    } else {
      load(.compare(operation: NFT.greaterOrEqual, source: Self.register, data: from))
      load(.compare(operation: NFT.lessOrEqual, source: Self.register, data: to))
    }
  }

  private mutating func mask(_ mask: [UInt8]) {
    load(
      .bitwise(
        source: Self.register, destination: Self.register, mask: mask,
        xor: Array(repeating: 0, count: mask.count)))
  }

  private mutating func requireAny(_ bits: UInt32) {
    mask(host(bits))
    compare(.notEqual, [0, 0, 0, 0])
  }

  private mutating func lookup(_ set: String, inverted: Inversion) {
    load(.lookup(set: set, source: Self.register, destination: nil, inverted: inverted))
  }

  private mutating func verdict(from map: String) {
    load(.lookup(set: map, source: Self.register, destination: NFT.registerVerdict, inverted: .plain))
  }

  /// A number in the host's order.
  private func host(_ number: UInt32) -> [UInt8] {
    let shifts: [UInt32] = UInt32(1).littleEndian == 1 ? [0, 8, 16, 24] : [24, 16, 8, 0]
    return shifts.map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}
