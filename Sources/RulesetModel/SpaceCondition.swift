// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// A rule's expressions as conditions on the fields of packets: what the kernel works out with registers, worked out once
/// for all packets.
struct SpaceRule: Sendable {
  /// One step of a rule.
  enum Step: Sendable {
    /// Goes on where the field has one of the values.
    case require(PacketSpace.Field, IntervalSet)
    /// Goes on where conntrack knows the packet's connection: every other question about it ends the rule.
    case requireConnection
    /// Goes on in the branch whose conditions the packet meets; `misses` are what meets none.
    case branch([Branch], misses: [[(PacketSpace.Field, IntervalSet)]])
    case count(String)
    case verdict(VerdictCode)
    case reject
    /// What cannot be told of any packet that comes so far.
    case undetermined(String)
  }

  /// What a map holds for some keys.
  struct Branch: Sendable {
    let conditions: [(PacketSpace.Field, IntervalSet)]
    let value: ElementValue?
  }

  let steps: [Step]

  /// Prepares a rule of a table whose sets are these, in a chain before or behind conntrack.
  init(_ rule: KernelRule, family: AddressFamily, sets: [String: KernelSet]) {
    var reader = SpaceRuleReader(family: family, sets: sets)
    for expression in rule.expressions where !reader.isOver { reader.read(expression) }
    steps = reader.steps
  }
}

/// Reads the expressions of one rule for packets of one family.
private struct SpaceRuleReader {
  /// A field, or some of its bytes, in a register.
  private struct Load {
    let field: PacketSpace.Field
    /// Bytes that were loaded.
    let length: Int
    /// Whether the register holds a number in the host's order, where the order of bytes is not that of values.
    let order: Order
    var mask: [UInt8]?
    /// Which 4 bytes of it a register holds.
    var part = 0

    enum Order { case network, host }
  }

  let family: AddressFamily
  let sets: [String: KernelSet]
  var steps: [SpaceRule.Step] = []
  /// Whether no step behind the last can matter.
  var isOver = false
  /// The sixteen 4-byte registers.
  private var registers: [Load?] = Array(repeating: nil, count: 16)

  init(family: AddressFamily, sets: [String: KernelSet]) {
    self.family = family
    self.sets = sets
  }

  mutating func read(_ expression: Expression) {
    switch expression {
    case .meta(NFT.metaInputName, let register): load(.input, 16, .network, register)
    case .meta(NFT.metaOutputName, let register): load(.output, 16, .network, register)
    case .meta(NFT.metaFamily, let register): load(constant: register)
    case .meta(NFT.metaProtocol, let register): load(.transport, 1, .network, register)
    case .payload(let base, let offset, let length, let register):
      guard let field = field(base, Int(offset), Int(length)) else { return stop("payload") }
      load(field, Int(length), .network, register)
    case .ct(NFT.ctState, nil, let register): load(.state, 4, .host, register)
    case .ct(NFT.ctDirection, nil, let register):
      add(.requireConnection)
      load(.direction, 1, .network, register)
    case .ct(NFT.ctStatus, nil, let register):
      add(.requireConnection)
      load(.status, 4, .host, register)
    case .fib(NFT.fibAddressType, NFT.fibDestination, let register):
      load(.destinationType, 4, .host, register)
    case .bitwise(let source, let destination, let mask, let xor):
      guard var load = loaded(source), load.part == 0, load.mask == nil, mask.count == load.length,
        xor.allSatisfy({ $0 == 0 })
      else { return stop("bitwise") }
      load.mask = mask
      put(load, destination)
    case .compare(let operation, let source, let data): compare(operation, source, data)
    case .lookup(let name, let source, let destination, let inversion):
      lookup(name, source, isMap: destination != nil, inversion)
    case .object(NFT.objectCounter, let name): add(.count(name))
    case .objectMap(let name, let source): lookup(name, source, isMap: true, .plain)
    case .verdict(let verdict):
      add(.verdict(verdict))
      isOver = true
    case .reject:
      add(.reject)
      isOver = true
    case .counter: break
    case .meta, .metaSet, .ct, .fib, .range, .immediate, .object, .notrack, .opaque:
      stop(ExpressionText.text(expression))
    }
  }

  private mutating func add(_ step: SpaceRule.Step) { steps.append(step) }

  private mutating func stop(_ why: String) {
    add(.undetermined(why))
    isOver = true
  }

  private func field(_ base: UInt32, _ offset: Int, _ length: Int) -> PacketSpace.Field? {
    switch (base, offset, length) {
    case (NFT.payloadNetwork, 12, 4) where family == .ipv4: .source
    case (NFT.payloadNetwork, 16, 4) where family == .ipv4: .destination
    case (NFT.payloadNetwork, 8, 1) where family == .ipv4: .hopLimit
    case (NFT.payloadNetwork, 8, 16) where family == .ipv6: .source
    case (NFT.payloadNetwork, 24, 16) where family == .ipv6: .destination
    case (NFT.payloadNetwork, 7, 1) where family == .ipv6: .hopLimit
    case (NFT.payloadTransport, 0, 1): .icmpType
    case (NFT.payloadTransport, 0, 2): .sourcePort
    case (NFT.payloadTransport, 2, 2): .destinationPort
    case (NFT.payloadTransport, 13, 1): .tcpFlags
    default: nil
    }
  }

  // MARK: Registers

  private func place(_ register: UInt32) -> Int? {
    switch register {
    case 1...4: Int(register - 1) * 4
    case 8...23: Int(register - 8)
    default: nil
    }
  }

  private mutating func load(
    _ field: PacketSpace.Field, _ length: Int, _ order: Load.Order, _ register: UInt32
  ) {
    put(Load(field: field, length: length, order: order), register)
  }

  /// The family of the packets is known: comparing it is decided here.
  private mutating func load(constant register: UInt32) { put(nil, register) }

  private mutating func put(_ load: Load?, _ register: UInt32) {
    guard let place = place(register) else { return }
    for part in 0..<max(1, ((load?.length ?? 1) + 3) / 4) where place + part < registers.count {
      registers[place + part] = load
      registers[place + part]?.part = part
    }
  }

  private func loaded(_ register: UInt32) -> Load? { place(register).flatMap { registers[$0] } }

  // MARK: Conditions

  private mutating func compare(_ operation: UInt32, _ register: UInt32, _ data: [UInt8]) {
    guard let load = loaded(register) else {
      // The only thing in a register that is no field is the family.
      guard place(register) != nil, data.count == 1 else { return stop("cmp") }
      let isEqual = data[0] == family.rawValue
      guard operation == NFT.equal || operation == NFT.notEqual else { return stop("cmp") }
      if isEqual != (operation == NFT.equal) { never() }
      return
    }
    guard load.part == 0, let allowed = Self.values(load, operation, data) else { return stop("cmp") }
    add(.require(load.field, allowed))
  }

  /// No packet meets the rule.
  private mutating func never() {
    add(.require(.destinationType, .empty))
    isOver = true
  }

  /// The values of a field that compare so with the data; nil where that is beyond what is worked out.
  private static func values(_ load: Load, _ operation: UInt32, _ data: [UInt8]) -> IntervalSet? {
    guard data.count <= load.length, !data.isEmpty else { return nil }
    let width = load.length * 8
    if load.length == 1 || load.order == .host {
      guard data.count == load.length else { return nil }
      let mask = load.mask.map { number($0, load.order) } ?? .max
      let right = number(data, load.order)
      // Values of one byte, and the bits and numbers that conntrack and the routing table know.
      let candidates: [UInt128] =
        switch load.field {
        case .state: [1, 2, 4, 8, 64]
        case .status: [0x00, 0x10, 0x20, 0x30]
        default: Array(0...0xff)
        }
      // Registers are compared byte by byte: with numbers in the host's order only equality has a meaning.
      guard load.order == .network || operation <= NFT.notEqual else { return nil }
      return IntervalSet(candidates.filter { holds($0 & mask, operation, right) })
    }
    let top = width == 128 ? UInt128.max : (UInt128(1) << UInt128(width)) - 1
    let free = UInt128((load.length - data.count) * 8)
    let low = number(data, .network) << free
    let high = low | ((UInt128(1) << free) - 1)
    if let mask = load.mask {
      guard data.count == load.length, let block = block(low, mask: number(mask, .network), top) else {
        return nil
      }
      switch operation {
      case NFT.equal: return block
      case NFT.notEqual: return IntervalSet(0, top).subtracting(block)
      default: return nil
      }
    }
    switch operation {
    case NFT.equal: return IntervalSet(low, high)
    case NFT.notEqual: return IntervalSet(0, top).subtracting(IntervalSet(low, high))
    case NFT.less: return low == 0 ? .empty : IntervalSet(0, low - 1)
    case NFT.lessOrEqual: return IntervalSet(0, high)
    case NFT.greater: return high == top ? .empty : IntervalSet(high + 1, top)
    case NFT.greaterOrEqual: return IntervalSet(low, top)
    default: return nil
    }
  }

  /// The numbers that, masked, equal a value; nil where the mask is not that of a prefix.
  private static func block(_ value: UInt128, mask: UInt128, _ top: UInt128) -> IntervalSet? {
    let host = top & ~mask
    guard host & (host &+ 1) == 0 else { return nil }
    return value & host == 0 ? IntervalSet(value, value | host) : .empty
  }

  private static func holds(_ left: UInt128, _ operation: UInt32, _ right: UInt128) -> Bool {
    switch operation {
    case NFT.equal: left == right
    case NFT.notEqual: left != right
    case NFT.less: left < right
    case NFT.lessOrEqual: left <= right
    case NFT.greater: left > right
    default: left >= right
    }
  }

  private static func number(_ bytes: some BidirectionalCollection<UInt8>, _ order: Load.Order) -> UInt128 {
    order == .network || UInt32(1).bigEndian == 1
      ? bytes.reduce(0) { $0 << 8 | UInt128($1) } : bytes.reversed().reduce(0) { $0 << 8 | UInt128($1) }
  }

  // MARK: Sets

  private mutating func lookup(_ name: String, _ source: UInt32, isMap: Bool, _ inversion: Inversion) {
    guard let set = sets[name], let start = place(source) else { return stop("lookup @\(name)") }
    var loads: [Load] = []
    var place = start
    while place < start + (Int(set.keyLength) + 3) / 4 {
      guard place < registers.count, let load = registers[place], load.part == 0 else {
        return stop("lookup @\(name)")
      }
      loads.append(load)
      place += (load.length + 3) / 4
    }
    guard !set.elements.hasKeyEnd,
      !(0..<set.elements.count).contains(where: { set.elements.flags($0) & NFT.elementCatchAll != 0 })
    else { return stop("lookup @\(name)") }
    if loads.count == 1 {
      lookup(set, loads[0], isMap: isMap, inversion)
    } else {
      concatenation(set, loads, isMap: isMap, inversion)
    }
    if isMap, set.flags & NFT.setMap != 0, set.dataType == NFT.dataVerdict { isOver = true }
  }

  /// Keys that are one field: the ranges of each value.
  private mutating func lookup(_ set: KernelSet, _ load: Load, isMap: Bool, _ inversion: Inversion) {
    let top = load.length == 16 ? UInt128.max : (UInt128(1) << UInt128(load.length * 8)) - 1
    let mask = load.mask.map { Self.number($0, .network) } ?? top
    var ranges: [ElementValue?: [(UInt128, UInt128)]] = [:]
    var order: [ElementValue?] = []
    func add(_ lower: UInt128, _ upper: UInt128, _ value: ElementValue?) {
      let value = isMap ? value : nil
      if ranges[value] == nil { order.append(value) }
      ranges[value, default: []].append((lower, upper))
    }
    let elements = set.elements
    for index in 0..<elements.count {
      let key = Self.number(elements.key(index), load.order)
      if set.flags & NFT.setInterval == 0 {
        guard let block = Self.block(key, mask: mask, top) else { return stop("lookup @\(set.name)") }
        for interval in block.intervals { add(interval.lower, interval.upper, elements.value(index)) }
      } else if elements.flags(index) & NFT.elementIntervalEnd == 0 {
        guard load.mask == nil else { return stop("lookup @\(set.name)") }
        let upper = index + 1 < elements.count ? Self.number(elements.key(index + 1), load.order) - 1 : top
        add(key, upper, elements.value(index))
      }
    }
    let all = IntervalSet.union(order.map { IntervalSet(ranges: ranges[$0] ?? []) })
    if !isMap {
      let values = inversion == .plain ? all : IntervalSet(0, top).subtracting(all)
      return steps.append(.require(load.field, values))
    }
    steps.append(
      .branch(
        order.map { value in
          SpaceRule.Branch(
            conditions: [(load.field, IntervalSet(ranges: ranges[value] ?? []))], value: value)
        },
        misses: [[(load.field, IntervalSet(0, top).subtracting(all))]]))
  }

  /// Keys of two fields: for each value of the first, the ranges of the second.
  private mutating func concatenation(
    _ set: KernelSet, _ loads: [Load], isMap: Bool, _ inversion: Inversion
  ) {
    guard loads.count == 2, set.flags & NFT.setInterval == 0, loads.allSatisfy({ $0.mask == nil }) else {
      return stop("lookup @\(set.name)")
    }
    struct Group: Hashable {
      let first: UInt128
      let value: ElementValue?
    }
    var numbers: [Group: [(UInt128, UInt128)]] = [:]
    var order: [Group] = []
    let split = (loads[0].length + 3) / 4 * 4
    for index in 0..<set.elements.count {
      let key = Array(set.elements.key(index))
      let group = Group(
        first: Self.number(key[..<loads[0].length], loads[0].order),
        value: isMap ? set.elements.value(index) : nil)
      let second = Self.number(key[split..<(split + loads[1].length)], loads[1].order)
      if numbers[group] == nil { order.append(group) }
      numbers[group, default: []].append((second, second))
    }
    var branches: [SpaceRule.Branch] = []
    var seconds: [UInt128: [(UInt128, UInt128)]] = [:]
    for group in order {
      let own = numbers[group] ?? []
      seconds[group.first, default: []] += own
      branches.append(
        SpaceRule.Branch(
          conditions: [
            (loads[0].field, IntervalSet(group.first)), (loads[1].field, IntervalSet(ranges: own)),
          ],
          value: group.value))
    }
    let firsts = IntervalSet(seconds.keys.sorted())
    var misses = [[(loads[0].field, IntervalSet(0, .max).subtracting(firsts))]]
    for first in seconds.keys.sorted() {
      let rest = IntervalSet(0, .max).subtracting(IntervalSet(ranges: seconds[first] ?? []))
      misses.append([(loads[0].field, IntervalSet(first)), (loads[1].field, rest)])
    }
    if inversion == .plain {
      steps.append(.branch(branches, misses: misses))
    } else {
      steps.append(
        .branch(
          misses.map { SpaceRule.Branch(conditions: $0, value: nil) }, misses: branches.map(\.conditions)))
    }
  }
}
