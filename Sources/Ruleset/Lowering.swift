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
    case .budgets: flags |= NFT.setTimeout | NFT.setEvaluated
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
    if let tag = rule.tag { lowering.add(tag) }
    if let action = rule.action { lowering.add(action) }
    return KernelRule(
      expressions: lowering.expressions, userdata: Userdata.text(rule.origin.comment, type: NFT.udataComment),
      origin: rule.origin)
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
      load(.meta(side == .input ? .inputType : .outputType))
      compare(comparison, HostOrder.bytes(type.rawValue))
    case .interfaceSet(let side, let comparison, let set):
      loadInterface(side)
      lookup(set, inverted: comparison == .equal ? .plain : .inverted)
    case .family(let family): require(family)
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
        load(.meta(.transport))
        compare(.notEqual, [number.number])
      }
    case .port(let number, let side, let range):
      require(number)
      load(.header(side == .source ? .sourcePort : .destinationPort))
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
      load(.header(.icmpType))
      compare(range: [range.lowerBound], [range.upperBound])
    case .hopLimit(let limit):
      require(.ipv6)
      load(.header(.ipv6HopLimit))
      compare(.equal, [limit])
    case .tcpFlags(let mask, let comparison, let flags):
      require(.tcp)
      load(.header(.tcpFlags))
      self.mask([mask.rawValue])
      compare(comparison, [flags.rawValue])
    case .ctDirection(let direction):
      load(.connection(.direction, nil))
      compare(.equal, [direction.rawValue])
    case .ctState(let states):
      load(.connection(.state, nil))
      requireAny(states.rawValue)
    case .ctStatus(let status):
      load(.connection(.status, nil))
      requireAny(status.rawValue)
    case .ctStatusNone(let status):
      load(.connection(.status, nil))
      mask(HostOrder.bytes(status.rawValue))
      compare(.equal, [0, 0, 0, 0])
    case .destinationType(let comparison, let type):
      loadDestinationType()
      compare(comparison, HostOrder.bytes(type.rawValue))
    case .destinationTypeSet(let comparison, let set):
      loadDestinationType()
      lookup(set, inverted: comparison == .equal ? .plain : .inverted)
    case .originalPort(let number, let range):
      require(number)
      load(.connection(.destinationPort, .original))
      compare(
        range: [UInt8(range.lower >> 8), UInt8(range.lower & 0xff)],
        [UInt8(range.upper >> 8), UInt8(range.upper & 0xff)])
    case .tagged(let comparison):
      load(.meta(.mark))
      mask(HostOrder.bytes(PacketTag.bit))
      compare(comparison, HostOrder.bytes(PacketTag.bit))
    case .aboveLimit(let family, let set, let limit):
      loadAddress(family, .source)
      let length = ConnectionLimit.prefixLength(family)
      if length < family.bitWidth {
        mask(Prefix(containing: IPAddress(family: family, bits: 0), length: length).maskBytes)
      }
      append(ConnectionLimitExpression.expression(set: set, source: Self.register, limit))
    case .belowRate(let rate):
      append(.limit(rate: UInt64(rate.perSecond), unit: 1, burst: rate.perSecond))
    case .longIPv4Options:
      require(.ipv4)
      load(.header(.ipv4HeaderLength))
      mask([0x0f])
      compare(range: [IPv4Options.longHeader.lowerBound], [IPv4Options.longHeader.upperBound])
    case .packetType(let comparison, let type):
      load(.meta(.packetType))
      compare(comparison, [type.rawValue])
    case .routingHeader:
      require(.ipv6)
      load(.sourceRoute(.routingHeader))
      compare(.equal, [1])
    }
  }

  package mutating func add(_ log: DropLog) {
    append(.limit(rate: DropLog.rate, unit: 1, burst: DropLog.burst))
    append(.log(prefix: log.prefix, group: DropLog.group, captured: DropLog.capturedLength))
  }

  package mutating func add(_ count: Count) {
    switch count {
    case .named(let name): append(.object(type: NFT.objectCounter, name: name))
    case .bySource(let family, let map):
      loadAddress(family, .source)
      append(.objectMap(set: map, source: Self.register))
    }
  }

  package mutating func add(_ tag: PacketTag.Change) {
    load(.meta(.mark))
    append(
      .bitwise(
        source: Self.register, destination: Self.register, mask: HostOrder.bytes(~PacketTag.bit),
        xor: HostOrder.bytes(tag.xor)))
    append(.metaSet(key: MetaKey.mark.rawValue, source: Self.register))
  }

  package mutating func add(_ action: Action) {
    switch action {
    case .accept: append(.verdict(.accept))
    case .drop: append(.verdict(.drop))
    case .return: append(.verdict(.return))
    case .jump(let chain): append(.verdict(.jump(chain: chain)))
    case .goto(let chain): append(.verdict(.goto(chain: chain)))
    case .reject: append(.reject(type: NFT.rejectICMPX, code: NFT.icmpxAdminProhibited))
    case .reset:
      require(.tcp)
      append(.reject(type: NFT.rejectReset, code: 0))
    case .byInputInterface(let map):
      loadInterface(.input)
      verdict(from: map)
    case .byPort(let map):
      loadPortKey()
      verdict(from: map)
    case .byDestination(let family, let map):
      loadAddress(family, .destination)
      verdict(from: map)
    case .translate(let translation):
      if let family = translation.family { require(family) }
      expressions += translation.expressions
    }
  }

  private mutating func append(_ expression: Expression) { expressions.append(expression) }

  /// Loads a field; in a concatenation, `place` bytes from the first field.
  private mutating func load(_ field: PacketField, at place: Int = 0) {
    append(field.load(into: NFT.register(at: place)))
  }

  private mutating func loadInterface(_ side: InterfaceSide) {
    load(.meta(side == .input ? .inputName : .outputName))
  }

  private mutating func loadAddress(_ family: AddressFamily, _ side: AddressSide) {
    require(family)
    let field: HeaderField =
      switch (family, side) {
      case (.ipv4, .source): .ipv4Source
      case (.ipv4, .destination): .ipv4Destination
      case (.ipv6, .source): .ipv6Source
      case (.ipv6, .destination): .ipv6Destination
      }
    load(.header(field))
  }

  /// `meta l4proto . th dport`, in two successive registers; the first of them is `place` bytes from the
  /// first of all.
  private mutating func loadPortKey(at place: Int = 0) {
    load(.meta(.transport), at: place)
    load(.header(.destinationPort), at: place + 4)
  }

  private mutating func loadDestinationType() {
    load(.route(.addressType, flags: NFT.fibDestination))
  }

  /// `meta nfproto ipv4`, once per rule: a header field means nothing in the other family.
  private mutating func require(_ family: AddressFamily) {
    guard self.family != family else { return }
    load(.meta(.family))
    compare(.equal, [family.rawValue])
    self.family = family
  }

  /// `meta l4proto tcp`, once per rule.
  private mutating func require(_ number: IPProtocol) {
    guard transport != number else { return }
    load(.meta(.transport))
    compare(.equal, [number.number])
    transport = number
  }

  private mutating func compare(_ comparison: Comparison, _ data: [UInt8]) {
    append(
      .compare(operation: comparison == .equal ? NFT.equal : NFT.notEqual, source: Self.register, data: data))
  }

  private mutating func compare(range from: [UInt8], _ to: [UInt8]) {
    if from == to {
      compare(.equal, from)
    } else {
      append(.compare(operation: NFT.greaterOrEqual, source: Self.register, data: from))
      append(.compare(operation: NFT.lessOrEqual, source: Self.register, data: to))
    }
  }

  private mutating func mask(_ mask: [UInt8]) {
    append(
      .bitwise(
        source: Self.register, destination: Self.register, mask: mask,
        xor: Array(repeating: 0, count: mask.count)))
  }

  private mutating func requireAny(_ bits: UInt32) {
    mask(HostOrder.bytes(bits))
    compare(.notEqual, [0, 0, 0, 0])
  }

  private mutating func lookup(_ set: String, inverted: Inversion) {
    append(.lookup(set: set, source: Self.register, destination: nil, inverted: inverted))
  }

  private mutating func verdict(from map: String) {
    append(.lookup(set: map, source: Self.register, destination: NFT.registerVerdict, inverted: .plain))
  }
}
