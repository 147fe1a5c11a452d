// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Reads the expressions of one rule for packets of one family.
struct SpaceRuleReader {
  /// A part of a packet in a register.
  struct Load {
    let part: PacketSpace.Part
    /// Bytes that were loaded.
    let length: Int
    /// The order of its bytes in a register.
    let order: ByteOrder
    let mask: [UInt8]?

    /// Nil if the bytes are not a whole field, if packet spaces do not know it, or if its bits were inverted.
    init?(_ piece: RegisterPiece) {
      guard let field = piece.wholeField, let part = PacketSpace.Part(field),
        piece.change?.xor.allSatisfy({ $0 == 0 }) ?? true
      else { return nil }
      self.part = part
      length = field.form.length
      order = field.form.order
      mask = piece.change?.mask
    }
  }

  let family: AddressFamily
  let sets: [String: KernelSet]
  var steps: [SpaceRule.Step] = []
  /// Whether no later step can have an effect.
  var isOver = false
  /// The protocols that the rule has not excluded yet.
  private var transports = IntervalSet(0, 0xff)
  private(set) var flow: RegisterFlow

  init(family: AddressFamily, sets: [String: KernelSet]) {
    self.family = family
    self.sets = sets
    flow = RegisterFlow(family: family)
  }

  package mutating func read(_ expression: Expression) {
    switch expression {
    case .meta(_, let register), .payload(_, _, _, let register), .ct(_, _, let register),
      .fib(_, _, let register):
      return load(expression, register)
    case .bitwise(let source, _, let mask, _) where isMark(source):
      guard mask.count == 4 else { return stop("bitwise") }
    case .metaSet(MetaKey.mark.rawValue, let source): changeTag(source)
    case .bitwise(let source, _, let mask, _):
      guard let load = loaded(source), load.mask == nil, mask.count == load.length else {
        return stop("bitwise")
      }
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
    case .limit(let rate, 1, let burst) where UInt64(burst) == rate:
      add(.rate(.packets(PacketRate(perSecond: burst)), .plain))
    case .opaque:
      if let (source, limit) = expression.connectionLimit { return connections(source, limit) }
      if let route = expression.sourceRouteLoad { return load(expression, route.destination) }
      stop(ExpressionText.text(expression))
    case .counter, .log: break
    case .metaSet, .range, .immediate, .object, .notrack, .limit: stop(ExpressionText.text(expression))
    }
    execute(expression)
  }

  private mutating func execute(_ expression: Expression) { flow.execute(expression) { [sets] in sets[$0] } }

  /// Loads a field. A load of anything else may end the rule in a way that is not known.
  private mutating func load(_ expression: Expression, _ register: UInt32) {
    execute(expression)
    guard let field = flow.piece(at: register)?.wholeField, PacketSpace.Part(field) != nil,
      field.load(into: register) == expression
    else { return stop(ExpressionText.text(expression)) }
  }

  package mutating func add(_ step: SpaceRule.Step) { steps.append(step) }

  mutating func stop(_ why: String) {
    add(.undetermined(why))
    isOver = true
  }

  /// Whether a register holds the packet's mark, changed or not.
  private func isMark(_ register: UInt32) -> Bool {
    flow.piece(at: register)?.wholeField == .meta(.mark)
  }

  /// `meta mark set`: only the tag may be changed, and the rest must stay.
  private mutating func changeTag(_ source: UInt32) {
    guard isMark(source), let change = flow.piece(at: source)?.change,
      Self.number(change.mask, .host) == UInt128(~PacketTag.bit)
    else { return stop("meta mark set") }
    switch Self.number(change.xor, .host) {
    case UInt128(PacketTag.bit): add(.tag(.set))
    case 0: add(.tag(.clear))
    default: stop("meta mark set")
    }
  }

  /// The limit of a source's connections: the key must be the source's address, as far as sources share a budget.
  private mutating func connections(_ source: UInt32, _ limit: ConnectionLimit) {
    guard let load = loaded(source), case .whole(.source) = load.part else { return stop("dynset") }
    let length = load.mask.map { mask in mask.reduce(0) { $0 + $1.nonzeroBitCount } } ?? load.length * 8
    guard length == ConnectionLimit.prefixLength(family) else { return stop("dynset") }
    add(.rate(.connections(limit), .inverted))
  }

  private func loaded(_ register: UInt32) -> Load? { flow.piece(at: register).flatMap { Load($0) } }

  // MARK: Conditions

  private mutating func compare(_ operation: UInt32, _ register: UInt32, _ data: [UInt8]) {
    guard let load = loaded(register) else { return stop("cmp") }
    if case .family = load.part {
      guard data.count == 1, operation == NFT.equal || operation == NFT.notEqual, load.mask == nil else {
        return stop("cmp")
      }
      let isEqual = data[0] == family.rawValue
      if isEqual != (operation == NFT.equal) { never() }
      return
    }
    if case .mark = load.part { return compareTag(load, operation, data) }
    guard let values = Self.values(load, operation, data) else { return stop("cmp") }
    require(load.part, values)
  }

  /// `meta mark & BIT == …`
  private mutating func compareTag(_ load: Load, _ operation: UInt32, _ data: [UInt8]) {
    guard let mask = load.mask, Self.number(mask, .host) == UInt128(PacketTag.bit), data.count == 4,
      operation == NFT.equal || operation == NFT.notEqual
    else { return stop("cmp") }
    let right = Self.number(data, .host)
    add(
      .require(
        .tag,
        IntervalSet(
          ([0, 1] as [UInt128]).filter { Self.holds($0 * UInt128(PacketTag.bit), operation, right) })))
  }

  /// Continues if a part of the packet has one of these values.
  mutating func require(_ part: PacketSpace.Part, _ values: IntervalSet) {
    switch part {
    case .whole(let field): add(.require(field, values))
    // Decided in `compare`.
    case .family, .mark: stop("cmp")
    case .transport:
      transports = transports.intersection(values)
      add(
        .require(
          .service,
          IntervalSet(ranges: values.intervals.map { ($0.lower << 16, $0.upper << 16 | 0xffff) })))
    case .destinationPort:
      // In other protocols these two bytes are not a port.
      if !Self.numbersWithPorts.isSuperset(of: transports) {
        add(.unknown(.service, Self.withoutPorts, why: "port of a packet without ports"))
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
      if route.family == .ipv4, !values.contains(0) || !values.contains(1) {
        add(.unknown(.options, PacketSpace.Field.sourceRoutes, why: "which IPv4 options it has"))
      }
      if !values.contains(1) { add(.require(.options, PacketSpace.Field.noOptions.union(IntervalSet(0x46)))) }
      if !values.contains(0) { add(.require(.options, PacketSpace.Field.sourceRoutes)) }
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

  private static let withPorts = (0...255).map { IPProtocol(number: $0) }.filter(\.hasPorts)
  private static let numbersWithPorts = IntervalSet(withPorts.map { UInt128($0.number) })
  /// The packets of protocols that have no ports.
  private static let withoutPorts = withPorts.reduce(IntervalSet(0, 0xff_ffff)) {
    $0.subtracting(PacketSpace.Service.all($1))
  }

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
    let top = top(load)
    if load.length == 1 || load.order == .host {
      guard data.count == load.length else { return nil }
      let right = number(data, load.order)
      // Registers are compared byte by byte: for numbers in host order only equality has a meaning.
      guard load.order == .network || operation <= NFT.notEqual else { return nil }
      if load.mask == nil, operation <= NFT.notEqual {
        let one = IntervalSet(right)
        return operation == NFT.equal ? one : IntervalSet(0, top).subtracting(one)
      }
      // One by one: one-byte values, and the bits of connection tracking.
      guard load.part.largest <= 0xff else { return nil }
      let mask = load.mask.map { number($0, load.order) } ?? .max
      return IntervalSet((0...0xff as ClosedRange<UInt128>).filter { holds($0 & mask, operation, right) })
    }
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

  package static func number(_ bytes: some BidirectionalCollection<UInt8>, _ order: ByteOrder) -> UInt128 {
    order == .network || !HostOrder.isLittle
      ? bytes.reduce(0) { $0 << 8 | UInt128($1) } : bytes.reversed().reduce(0) { $0 << 8 | UInt128($1) }
  }
}
