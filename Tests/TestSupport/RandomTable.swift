// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
public import Ruleset

/// Random tables that the kernel accepts, with every kind of expression and set of the model.
public struct RandomTable {
  private var random: SeededGenerator
  private var table: KernelTable
  /// Chains without jumps: the targets of jumps and maps.
  private var leaves: [String] = []
  private var hooks: [UInt32] = []

  /// The table of a seed.
  public static func make(seed: UInt64) -> KernelTable {
    var maker = RandomTable(seed: seed)
    return maker.make()
  }

  private init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    table = KernelTable(family: CSYS_NFPROTO_INET, name: "wgfence")
  }

  private mutating func make() -> KernelTable {
    if random.oneIn(4) { table.family = CSYS_NFPROTO_IPV4 }
    if random.oneIn(10) { table.flags = NFT_TABLE_F_DORMANT.rawValue }
    if random.oneIn(2) { table.userdata = userdata() }
    hooks = random.one(of: [[0], [1, 2, 3], [0, 1, 2, 3, 4]])
    leaves = (0..<random.number(1...4)).map { "leaf\($0)" }
    let middle = (0..<random.number(0...4)).map {
      "middle\($0)" + String(repeating: "x", count: random.oneIn(9) ? 200 : 0)
    }
    let bases = (0..<random.number(0...4)).map { "base\($0)" }
    table.objects = (0..<random.number(0...4)).map {
      KernelObject(name: "o\($0)", type: UInt32(NFT_OBJECT_COUNTER))
    }
    for index in 0..<random.number(0...8) { table.sets.append(set(named: "s\(index)")) }
    for name in leaves { table.chains.append(chain(name, jumps: [])) }
    for name in middle { table.chains.append(chain(name, jumps: leaves)) }
    for name in bases {
      var chain = chain(name, jumps: leaves + middle)
      chain.base = base()
      table.chains.append(chain)
    }
    table.chains.sort { $0.name < $1.name }
    return table
  }

  private mutating func base() -> BaseChain {
    let hook = random.one(of: hooks)
    let type = hook == 3 && random.oneIn(3) ? "route" : "filter"
    return BaseChain(
      hook: hook, priority: Int32(random.number(-400...400)), type: type,
      policy: random.one(of: [.accept, .drop]))
  }

  private mutating func userdata() -> [UInt8] {
    var data = Userdata.text(String(repeating: "ä", count: random.number(0...80)), type: 0)
    if random.oneIn(2) { data += Userdata.number(UInt32(random.number(0...9)), type: 7) }
    return data
  }

  // MARK: Rules

  private mutating func chain(_ name: String, jumps: [String]) -> KernelChain {
    let rules = (0..<random.number(0...6)).map { _ in rule(jumps: jumps) }
    return KernelChain(name: name, base: nil, rules: rules)
  }

  private mutating func rule(jumps: [String]) -> KernelRule {
    var expressions: [Expression] = []
    for _ in 0..<random.number(0...3) { expressions += match(canJump: !jumps.isEmpty) }
    if random.oneIn(3) { expressions.append(.counter) }
    if random.oneIn(4), let object = table.objects.randomElement(using: &random) {
      expressions.append(.object(type: object.type, name: object.name))
    }
    if random.oneIn(6) { expressions.append(.notrack) }
    if random.oneIn(6) {
      expressions.append(
        .limit(
          rate: UInt64(random.number(1...1000)), unit: random.one(of: [1, 60, 3600, 86_400]),
          burst: UInt32(random.number(1...100))))
    }
    if random.oneIn(6) {
      expressions.append(
        .log(
          prefix: String(repeating: "x", count: random.number(1...127)),
          group: UInt16(random.number(0...65_535)),
          captured: UInt32(random.number(0...256))))
    }
    if random.oneIn(4) {
      let (key, length) = random.one(of: [(NFT_META_MARK, 4), (NFT_META_PRIORITY, 4), (NFT_META_NFTRACE, 1)])
      let register = register(bytes: length)
      expressions.append(.immediate(destination: register, data: random.bytes(length).map { $0 & 1 }))
      expressions.append(.metaSet(key: key.rawValue, source: register))
    }
    if random.oneIn(4) {
      expressions.append(
        .immediate(destination: register(bytes: 16), data: random.bytes(random.number(1...16))))
    }
    if hooks.count < 5, random.oneIn(6) {
      expressions.append(
        random.one(of: [
          .reject(type: NFT_REJECT_ICMPX_UNREACH.rawValue, code: UInt8(random.number(0...3))),
          .reject(type: NFT_REJECT_TCP_RST.rawValue, code: 0),
        ]))
    } else if random.oneIn(2) {
      expressions.append(.verdict(verdict(jumps: jumps)))
    }
    return KernelRule(expressions: expressions, userdata: random.oneIn(2) ? userdata() : [])
  }

  private mutating func verdict(jumps: [String]) -> VerdictCode {
    if let chain = jumps.randomElement(using: &random), random.oneIn(2) {
      return random.oneIn(2) ? .jump(chain: chain) : .goto(chain: chain)
    }
    return random.one(of: [.accept, .drop, .continue, .return, .other(NFT_BREAK.rawValue)])
  }

  /// A register that has room for this many bytes, by the kernel's number.
  private mutating func register(bytes: Int) -> UInt32 {
    let words = (bytes + 3) / 4
    let word = random.number(0...(16 - words))
    return UInt32(word % 4 == 0 ? 1 + word / 4 : 8 + word)
  }

  private mutating func load(_ register: UInt32, exactly length: Int? = nil) -> (
    expression: Expression, length: Int
  ) {
    let length = length ?? random.one(of: [1, 1, 2, 4, 4, 8, 16])
    let meta: [nft_meta_keys]
    let connection: [(key: nft_ct_keys, direction: UInt8?)]
    switch length {
    case 1:
      meta = [NFT_META_NFPROTO, NFT_META_L4PROTO, NFT_META_PKTTYPE]
      connection = [(NFT_CT_DIRECTION, nil)]
    case 2:
      meta = [NFT_META_IFTYPE, NFT_META_PROTOCOL]
      connection = [(NFT_CT_PROTO_SRC, 0), (NFT_CT_PROTO_DST, 1)]
    case 4:
      meta = [NFT_META_MARK, NFT_META_IIF, NFT_META_OIF, NFT_META_SKUID, NFT_META_CPU, NFT_META_LEN]
      connection = [(NFT_CT_STATE, nil), (NFT_CT_STATUS, nil), (NFT_CT_MARK, nil), (NFT_CT_SRC_IP, 0)]
    case 8:
      meta = []
      connection = [(NFT_CT_PKTS, nil), (NFT_CT_BYTES, 1)]
    case 16:
      meta = [NFT_META_IIFNAME, NFT_META_OIFNAME]
      connection = [(NFT_CT_DST_IP6, 0), (NFT_CT_LABELS, nil)]
    default: (meta, connection) = ([], [])
    }
    var choices: [Expression] = [
      .payload(
        base: UInt32(random.number(0...2)), offset: UInt32(random.number(0...60)), length: UInt32(length),
        destination: register)
    ]
    choices += meta.map { .meta(key: $0.rawValue, destination: register) }
    choices += connection.map { .ct(key: $0.key.rawValue, direction: $0.direction, destination: register) }
    if length == 4 {
      let side = random.one(of: [NFTA_FIB_F_SADDR, NFTA_FIB_F_DADDR]).rawValue
      choices.append(.fib(result: NFT_FIB_RESULT_ADDRTYPE.rawValue, flags: side, destination: register))
      if hooks == [0] {
        let flags =
          NFTA_FIB_F_SADDR.rawValue | NFTA_FIB_F_IIF.rawValue
          | (random.oneIn(2) ? NFTA_FIB_F_MARK.rawValue : 0)
        choices.append(.fib(result: NFT_FIB_RESULT_OIF.rawValue, flags: flags, destination: register))
      }
    }
    return (random.one(of: choices), length)
  }

  private mutating func match(canJump: Bool) -> [Expression] {
    if random.oneIn(2), let set = table.sets.randomElement(using: &random) {
      return lookup(set, canJump: canJump)
    }
    let source = register(bytes: 16)
    let (load, length) = load(source)
    var expressions = [load]
    if random.oneIn(3) {
      expressions.append(
        .bitwise(
          source: source, destination: source, mask: random.bytes(length),
          xor: random.oneIn(2) ? random.bytes(length) : Array(repeating: 0, count: length)))
    }
    let data = random.bytes(random.oneIn(4) ? random.number(1...length) : length)
    if random.oneIn(4) {
      expressions.append(
        .range(
          operation: UInt32(random.number(0...1)), source: source, from: data.map { $0 / 2 },
          to: data.map { $0 / 2 + 100 }))
    } else {
      expressions.append(.compare(operation: UInt32(random.number(0...5)), source: source, data: data))
    }
    return expressions
  }

  private mutating func lookup(_ set: KernelSet, canJump: Bool) -> [Expression] {
    let isVerdictMap = set.dataType == NFT_DATA_VERDICT.rawValue
    guard canJump || !isVerdictMap else { return [] }
    let source = register(bytes: Int(set.keyLength))
    // All registers of the key must have been loaded.
    var expressions: [Expression] = []
    let start = Int(source < 8 ? (source - 1) * 4 : source - 8)
    for word in start..<(start + (Int(set.keyLength) + 3) / 4) {
      let register = UInt32(word % 4 == 0 ? 1 + word / 4 : 8 + word)
      expressions.append(load(register, exactly: 4).expression)
    }
    if set.flags & NFT_SET_OBJECT.rawValue != 0 {
      expressions.append(.objectMap(set: set.name, source: source))
    } else if isVerdictMap {
      expressions.append(.lookup(set: set.name, source: source, destination: 0, inverted: .plain))
    } else if set.flags & NFT_SET_MAP.rawValue != 0 {
      let destination = register(bytes: Int(set.dataLength))
      expressions.append(.lookup(set: set.name, source: source, destination: destination, inverted: .plain))
    } else {
      expressions.append(
        .lookup(
          set: set.name, source: source, destination: nil, inverted: random.oneIn(2) ? .plain : .inverted))
    }
    return expressions
  }

  // MARK: Sets

  private mutating func set(named name: String) -> KernelSet {
    var set = KernelSet(
      name: name, keyType: UInt32(random.number(1...4000)),
      keyLength: UInt32(random.one(of: [1, 2, 4, 4, 8, 16, 16])),
      elements: SetElements(keyLength: 0))
    enum Layout: CaseIterable { case hash, intervals, ranges, concatenation }
    let layout = random.one(of: Layout.allCases)
    if random.oneIn(2) { set.userdata = userdata() }
    switch layout {
    case .hash: break
    case .intervals: set.flags |= NFT_SET_INTERVAL.rawValue
    case .ranges: set.flags |= NFT_SET_INTERVAL.rawValue | NFT_SET_CONCAT.rawValue
    case .concatenation: set.flags |= NFT_SET_CONCAT.rawValue
    }
    if layout == .ranges || layout == .concatenation {
      set.fields = random.one(of: [[4, 2], [16, 1, 2], [16, 2], [4, 4, 1, 2]])
      set.keyLength = set.fields.reduce(0) { $0 + ($1 + 3) / 4 * 4 }
    }
    let count = random.number(0...40)
    switch random.number(0...7) {
    case 0 where !table.objects.isEmpty:
      set.flags |= NFT_SET_OBJECT.rawValue
      set.objectType = UInt32(NFT_OBJECT_COUNTER)
    case 1, 2:
      set.flags |= NFT_SET_MAP.rawValue
      (set.dataType, set.dataLength) = (NFT_DATA_VERDICT.rawValue, 16)
    case 3:
      set.flags |= NFT_SET_MAP.rawValue
      (set.dataType, set.dataLength) = (
        UInt32(random.number(1...4000)), UInt32(random.one(of: [1, 2, 4, 16]))
      )
    case 4 where layout == .hash:
      set.flags |= NFT_SET_EVAL.rawValue
      set.size = 65535
    case 5 where layout != .intervals:
      set.flags |= NFT_SET_TIMEOUT.rawValue
      set.timeout = UInt64(random.number(1000...9000)) * 1000
    case 6:
      set.flags |= NFT_SET_CONSTANT.rawValue
    default:
      if layout == .hash || layout == .concatenation, random.oneIn(2) {
        set.size = UInt32(random.number(50...100))
      }
    }
    set.elements = elements(of: set, count: count)
    return set
  }

  private mutating func elements(of set: KernelSet, count: Int) -> SetElements {
    let length = Int(set.keyLength)
    let isInterval = set.flags & NFT_SET_INTERVAL.rawValue != 0
    let hasKeyEnd = isInterval && !set.fields.isEmpty
    var records: [[UInt8]] = []
    if isInterval && !hasKeyEnd {
      // Disjoint half-open intervals: bounds in order, every other one an end. The last may be open.
      var bounds = Set((0..<(2 * min(count, 20))).map { _ in random.bytes(length) }).sorted {
        $0.lexicographicallyPrecedes($1)
      }
      if bounds.count % 2 == 1, !random.oneIn(3) { bounds.removeLast() }
      records = bounds.enumerated().map { $1 + [UInt8($0 % 2)] }
    } else {
      for key in Set((0..<count).map { _ in key(fields: set.fields, length: length) }) {
        var end = key
        // Only the first field is a range, from x to x plus something, with the rest of the first field different.
        if hasKeyEnd { end[3] |= 0x0f }
        records.append(hasKeyEnd ? start(key) + end + [0] : key + [0])
      }
      if hasKeyEnd {
        var starts: Set<[UInt8]> = []
        records = records.filter { starts.insert(Array($0[..<4])).inserted }
      }
    }
    if !hasKeyEnd, records.count > 0, set.size == 0, random.oneIn(5) {
      records.append(Array(repeating: 0, count: length) + [UInt8(NFT_SET_ELEM_CATCHALL.rawValue)])
    }
    let isEnd = UInt8(NFT_SET_ELEM_INTERVAL_END.rawValue)
    var values = records.map { $0.last == isEnd ? ElementValue.none : value(in: set) }
    if values.allSatisfy({ $0 == .none }) { values = [] }
    return SetElements(
      keyLength: length, hasKeyEnd: hasKeyEnd, unsorted: records.flatMap { $0 }, values: values)
  }

  private func start(_ key: [UInt8]) -> [UInt8] {
    var key = key
    key[3] &= 0xf0
    return key
  }

  private mutating func key(fields: [UInt32], length: Int) -> [UInt8] {
    guard !fields.isEmpty else { return random.bytes(length) }
    return fields.flatMap { field in
      random.bytes(Int(field)) + Array(repeating: 0, count: (4 - Int(field) % 4) % 4)
    }
  }

  private mutating func value(in set: KernelSet) -> ElementValue {
    var value = ElementValue.none
    if set.flags & NFT_SET_OBJECT.rawValue != 0 {
      value = .object(random.one(of: table.objects).name)
    } else if set.dataType == NFT_DATA_VERDICT.rawValue {
      value = .verdict(verdict(jumps: leaves))
    } else if set.flags & NFT_SET_MAP.rawValue != 0 {
      value = .data(random.bytes(Int(set.dataLength)))
    }
    if random.oneIn(20) {
      let comment = Userdata.text(String(repeating: "c", count: random.number(1...20)), type: 0)
      let header = [UInt8(4 + comment.count), 0, UInt8(NFTA_SET_ELEM_USERDATA.rawValue), 0]
      let padding = Array(repeating: UInt8(0), count: (4 - comment.count % 4) % 4)
      value = .opaque(value, attributes: header + comment + padding)
    }
    return value
  }
}
