// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Reads the expressions of one rule for packets of one family.
struct SpaceRuleReader {
  /// What was loaded into a register.
  enum Part {
    /// A whole field.
    case whole(PacketSpace.Field)
    case transport
    case destinationPort
    case icmpType
    /// The destination port before any translation.
    case originalPort
    /// Whether there is a source route: 1 or 0.
    case sourceRoute(SourceRoute)
    case state
    case direction
    case status
  }

  /// The order of bytes. On many machines the host's byte order is not the order of the values.
  enum Order {
    case network
    case host
  }

  /// A part of a packet in a register.
  struct Load {
    let part: Part
    /// Bytes that were loaded.
    let length: Int
    var mask: [UInt8]?
    /// The index of the 4-byte part that a register holds.
    var place = 0

    /// The order of its bytes in a register.
    var order: Order {
      switch part {
      case .state, .status, .whole(.destinationType), .whole(.inputType), .whole(.outputType): .host
      case .whole, .transport, .destinationPort, .originalPort, .icmpType, .direction, .sourceRoute: .network
      }
    }
  }

  let family: AddressFamily
  let sets: [String: KernelSet]
  var steps: [SpaceRule.Step] = []
  /// Whether no later step can have an effect.
  var isOver = false
  /// The protocols that the rule has not excluded yet.
  private var transports = IntervalSet(0, 0xff)
  /// The sixteen 4-byte registers.
  var registers: [Load?] = Array(repeating: nil, count: 16)

  init(family: AddressFamily, sets: [String: KernelSet]) {
    self.family = family
    self.sets = sets
  }

  package mutating func read(_ expression: Expression) {
    switch expression {
    case .meta(NFT.metaInputName, let register): put(Load(part: .whole(.input), length: 16), register)
    case .meta(NFT.metaOutputName, let register): put(Load(part: .whole(.output), length: 16), register)
    case .meta(NFT.metaInputType, let register): put(Load(part: .whole(.inputType), length: 2), register)
    case .meta(NFT.metaOutputType, let register): put(Load(part: .whole(.outputType), length: 2), register)
    // The family of the packets is known: conditions on it are decided here.
    case .meta(NFT.metaFamily, let register): put(nil, register)
    case .meta(NFT.metaProtocol, let register): put(Load(part: .transport, length: 1), register)
    case .payload(let base, let offset, let length, let register):
      guard let part = part(base, Int(offset), Int(length)) else { return stop("payload") }
      put(Load(part: part, length: Int(length)), register)
    case .ct(NFT.ctState, nil, let register): put(Load(part: .state, length: 4), register)
    case .ct(NFT.ctDirection, nil, let register): put(Load(part: .direction, length: 1), register)
    case .ct(NFT.ctStatus, nil, let register): put(Load(part: .status, length: 4), register)
    case .ct(NFT.ctDestinationPort, ConnectionDirection.original.rawValue, let register):
      put(Load(part: .originalPort, length: 2), register)
    case .fib(NFT.fibAddressType, NFT.fibDestination, let register):
      put(Load(part: .whole(.destinationType), length: 4), register)
    case .bitwise(let source, let destination, let mask, let xor):
      guard var load = loaded(source), load.place == 0, load.mask == nil, mask.count == load.length,
        xor.allSatisfy({ $0 == 0 })
      else { return stop("bitwise") }
      load.mask = mask
      put(load, destination)
    case .compare(let operation, let source, let data): compare(operation, source, data)
    case .lookup(let name, let source, let destination, let inversion):
      lookup(name, source, destination == nil ? .membership(inversion) : .value)
    case .object(NFT.objectCounter, let name): add(.count(name))
    case .objectMap(let name, let source): lookup(name, source, .value)
    case .verdict(let verdict):
      add(.verdict(verdict))
      isOver = true
    case .reject(let type, _):
      add(.reject(type))
      isOver = true
    case .opaque where expression.askedSourceRoute != nil:
      if let route = expression.askedSourceRoute {
        put(Load(part: .sourceRoute(route), length: 1), NFT.register1)
      }
    case .counter, .log: break
    case .meta, .metaSet, .ct, .fib, .range, .immediate, .object, .notrack, .limit, .opaque:
      stop(ExpressionText.text(expression))
    }
  }

  package mutating func add(_ step: SpaceRule.Step) { steps.append(step) }

  mutating func stop(_ why: String) {
    add(.undetermined(why))
    isOver = true
  }

  private func part(_ base: UInt32, _ offset: Int, _ length: Int) -> Part? {
    switch (base, offset, length) {
    case (NFT.payloadNetwork, 12, 4) where family == .ipv4: .whole(.source)
    case (NFT.payloadNetwork, 16, 4) where family == .ipv4: .whole(.destination)
    case (NFT.payloadNetwork, 8, 1) where family == .ipv4: .whole(.hopLimit)
    case (NFT.payloadNetwork, 8, 16) where family == .ipv6: .whole(.source)
    case (NFT.payloadNetwork, 24, 16) where family == .ipv6: .whole(.destination)
    case (NFT.payloadNetwork, 7, 1) where family == .ipv6: .whole(.hopLimit)
    case (NFT.payloadTransport, 0, 1): .icmpType
    case (NFT.payloadTransport, 0, 2): .whole(.sourcePort)
    case (NFT.payloadTransport, 2, 2): .destinationPort
    case (NFT.payloadTransport, 13, 1): .whole(.tcpFlags)
    default: nil
    }
  }

  // MARK: Registers

  func place(_ register: UInt32) -> Int? {
    switch register {
    case 1...4: Int(register - 1) * 4
    case 8...23: Int(register - 8)
    default: nil
    }
  }

  private mutating func put(_ load: Load?, _ register: UInt32) {
    guard let start = place(register) else { return }
    for place in 0..<max(1, ((load?.length ?? 1) + 3) / 4) where start + place < registers.count {
      registers[start + place] = load
      registers[start + place]?.place = place
    }
  }

  private func loaded(_ register: UInt32) -> Load? { place(register).flatMap { registers[$0] } }

  // MARK: Conditions

  private mutating func compare(_ operation: UInt32, _ register: UInt32, _ data: [UInt8]) {
    guard let load = loaded(register) else {
      // A register without a field holds the family.
      guard place(register) != nil, data.count == 1 else { return stop("cmp") }
      let isEqual = data[0] == family.rawValue
      guard operation == NFT.equal || operation == NFT.notEqual else { return stop("cmp") }
      if isEqual != (operation == NFT.equal) { never() }
      return
    }
    guard load.place == 0, let values = Self.values(load, operation, data) else { return stop("cmp") }
    require(load.part, values)
  }

  /// Continues if a part of the packet has one of these values.
  mutating func require(_ part: Part, _ values: IntervalSet) {
    switch part {
    case .whole(let field): add(.require(field, values))
    case .transport:
      transports = transports.intersection(values)
      add(
        .require(
          .service,
          IntervalSet(ranges: values.intervals.map { ($0.lower << 16, $0.upper << 16 | 0xffff) })))
    case .destinationPort:
      // In ICMP these two bytes are not a port.
      if !transports.isDisjoint(with: Self.icmpNumbers) {
        add(.unknown(.service, Self.icmp, why: "port of an ICMP packet"))
      }
      add(.require(.service, repeated(values)))
    case .icmpType:
      if !Self.icmpNumbers.isSuperset(of: transports) {
        add(
          .unknown(
            .service, IntervalSet(0, 0xff_ffff).subtracting(Self.icmp), why: "ICMP type of another protocol"))
      }
      let types = IntervalSet(ranges: values.intervals.map { ($0.lower << 8, $0.upper << 8 | 0xff) })
      add(.require(.service, repeated(types)))
    case .originalPort:
      // Without a connection there is no such port, and the rule does not match.
      connections { $0.direction != nil }
      add(.require(.originalService, repeated(values)))
    case .sourceRoute(let route):
      let isThere = IntervalSet(UInt128(route.rawValue))
      if !values.contains(1) { add(.require(.sourceRoute, IntervalSet(0, 0xff).subtracting(isThere))) }
      if !values.contains(0) { add(.require(.sourceRoute, isThere)) }
    case .state:
      connections { values.contains(UInt128($0.state.rawValue)) }
    case .direction:
      connections { $0.direction.map { values.contains(UInt128($0.rawValue)) } ?? false }
    case .status:
      connections { $0.status.map { values.contains(UInt128($0.rawValue)) } ?? false }
    }
  }

  /// Without a connection entry, a test of any connection property except the state ends the rule.
  private mutating func connections(_ condition: (PacketSpace.Connection) -> Bool) {
    add(.require(.connection, PacketSpace.Connection.set(where: condition)))
  }

  private static let icmp = PacketSpace.Service.all(.icmp).union(PacketSpace.Service.all(.icmpv6))

  private static let icmpNumbers = IntervalSet([1, 58] as [UInt128])

  /// 16-bit values for every protocol that is not excluded.
  private func repeated(_ values: IntervalSet) -> IntervalSet {
    IntervalSet(
      ranges: transports.intervals.flatMap { ($0.lower...$0.upper) }.flatMap { transport in
        values.intervals.map { (transport << 16 | $0.lower, transport << 16 | min($0.upper, 0xffff)) }
      })
  }

  /// No packet matches the rule.
  private mutating func never() {
    add(.require(.destinationType, .empty))
    isOver = true
  }

  /// The values of a part for which the comparison with the data holds; nil if such a comparison is not
  /// supported.
  private static func values(_ load: Load, _ operation: UInt32, _ data: [UInt8]) -> IntervalSet? {
    guard data.count <= load.length, !data.isEmpty else { return nil }
    if load.length == 1 || load.order == .host {
      guard data.count == load.length else { return nil }
      if load.length == 2 {
        guard load.mask == nil, operation <= NFT.notEqual else { return nil }
        let one = IntervalSet(number(data, load.order))
        return operation == NFT.equal ? one : IntervalSet(0, 0xffff).subtracting(one)
      }
      let mask = load.mask.map { number($0, load.order) } ?? .max
      let right = number(data, load.order)
      // Registers are compared byte by byte: for numbers in host order only equality has a meaning.
      guard load.order == .network || operation <= NFT.notEqual else { return nil }
      if load.mask == nil, operation <= NFT.notEqual, right <= 0xff {
        let one = IntervalSet(right)
        return operation == NFT.equal ? one : IntervalSet(0, 0xff).subtracting(one)
      }
      // One-byte values, and the bits and numbers of connection tracking and routing: at most 64 and 0x30.
      return IntervalSet((0...0xff as ClosedRange<UInt128>).filter { holds($0 & mask, operation, right) })
    }
    let top = top(load)
    let free = UInt128((load.length - data.count) * 8)
    let low = number(data, .network) << free
    let high = low | ((UInt128(1) << free) - 1)
    if let mask = load.mask {
      guard data.count == load.length, let block = block(low, mask: number(mask, .network), top)
      else {
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

  static func top(_ load: Load) -> UInt128 {
    load.length == 16 ? .max : (UInt128(1) << UInt128(load.length * 8)) - 1
  }

  /// The numbers that are equal to a value after masking; nil if the mask is not that of a prefix.
  static func block(_ value: UInt128, mask: UInt128, _ top: UInt128) -> IntervalSet? {
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

  package static func number(_ bytes: some BidirectionalCollection<UInt8>, _ order: Order) -> UInt128 {
    order == .network || UInt32(1).bigEndian == 1
      ? bytes.reduce(0) { $0 << 8 | UInt128($1) } : bytes.reversed().reduce(0) { $0 << 8 | UInt128($1) }
  }
}
