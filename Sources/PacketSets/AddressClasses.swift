// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// Addresses of one end of a packet that the tables do not distinguish: packets that differ only in such addresses match
/// the same rules.
///
/// The addresses of a family are cut at every address, prefix or range with which a rule or a set of the tables compares
/// this end. A cut too many costs time. Where a rule uses the address in another way, `unread` says so: then the classes
/// may be too wide.
public struct AddressClasses: Sendable {
  /// The end of a packet.
  public enum Side: Sendable {
    case source
    case destination
  }

  /// Addresses in one class: the first and the last one, as numbers.
  public typealias Range = IntervalSet.Interval

  /// The first addresses of the ranges after 0, ascending, by family.
  private let cuts: [AddressFamily: [UInt128]]
  /// The number of each range's class, by family.
  private let numbers: [AddressFamily: [Int]]
  /// The rules that use an address in a way that is not understood, each as "family table chain rule N".
  public let unread: [String]
  /// Whether a rule asks for the type of the address as one interface has it, so that two addresses of the host differ.
  public let dependOnInterface: Bool

  /// The common classes of these tables. If a rule asks for the type or the route of the address (`fib`, `addrtype`), the
  /// answer depends on the host: cuts are then made around `places`, its addresses and networks.
  public init(_ tables: [KernelTable], _ side: Side, places: [Prefix] = []) {
    var reader = AddressCutReader(side)
    for table in tables { reader.read(table) }
    if reader.asksHost {
      for place in places { reader.cut(place.family, place.address.bits, place.last.bits) }
    }
    var (cuts, numbers) = ([AddressFamily: [UInt128]](), [AddressFamily: [Int]]())
    for (family, ranges) in reader.ranges { (cuts[family], numbers[family]) = Self.classes(of: ranges) }
    (self.cuts, self.numbers) = (cuts, numbers)
    unread = reader.unread.unique
    dependOnInterface = reader.asksInterface
  }

  /// Where the ranges of a family begin, and the class of each: ranges of addresses are in one class if they are in the same
  /// groups, each of which is what one condition compares with. The groups of a range are known by the exclusive or of a
  /// number of 128 bits for each.
  private static func classes(of ranges: [AddressCutReader.GroupRange]) -> ([UInt128], [Int]) {
    var changes: [UInt128: [(group: Int, step: Int)]] = [0: []]
    for range in ranges {
      changes[range.first, default: []].append((range.group, 1))
      if let next = range.next { changes[next, default: []].append((range.group, -1)) }
    }
    var (active, sum) = ([Int: Int](), UInt128(0))
    var (known, numbers) = ([UInt128: Int](), [Int]())
    let places = changes.keys.sorted()
    for place in places {
      for (group, step) in changes[place] ?? [] {
        let (before, after) = (active[group, default: 0], active[group, default: 0] + step)
        active[group] = after
        if (before == 0) != (after == 0) { sum ^= mixed(group) }
      }
      let number = known[sum] ?? known.count
      known[sum] = number
      numbers.append(number)
    }
    return (Array(places.dropFirst()), numbers)
  }

  /// A number of 128 bits that looks random, the same in every run: SplitMix64, twice.
  private static func mixed(_ group: Int) -> UInt128 {
    func mix(_ seed: UInt64) -> UInt64 {
      var word = seed &+ 0x9e37_79b9_7f4a_7c15
      word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
      word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
      return word ^ word >> 31
    }
    let low = mix(UInt64(truncatingIfNeeded: group))
    return UInt128(mix(low)) << 64 | UInt128(low)
  }

  /// The ranges of a family inside a set of addresses that no rule cuts, in order. They are also cut by the gaps of the set.
  public func ranges(of family: AddressFamily, in addresses: IntervalSet) -> [Range] {
    let cuts = cuts[family] ?? []
    var ranges: [Range] = []
    for interval in addresses.intervals {
      var lower = interval.lower
      var place = Self.place(of: lower, in: cuts)
      while place < cuts.count, cuts[place] <= interval.upper {
        ranges.append(Range(lower: lower, upper: cuts[place] - 1))
        lower = cuts[place]
        place += 1
      }
      ranges.append(Range(lower: lower, upper: interval.upper))
    }
    return ranges
  }

  /// The number of an address's class: equal for addresses of the same class.
  public func number(of address: IPAddress) -> Int {
    numbers[address.family].map { $0[Self.place(of: address.bits, in: cuts[address.family] ?? [])] } ?? 0
  }

  /// The index of the first cut after an address.
  private static func place(of address: UInt128, in cuts: [UInt128]) -> Int {
    var (low, high) = (0, cuts.count)
    while low < high {
      let middle = (low + high) / 2
      if cuts[middle] <= address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Collects the addresses at which the effect of rules may change.
private struct AddressCutReader {
  private let side: AddressClasses.Side
  private(set) var ranges: [AddressFamily: [GroupRange]] = [:]
  /// The group of the next range: what one condition compares with.
  private var group = 0
  private(set) var unread: [String] = []
  /// Whether a rule asks for the type or the route of the address.
  private(set) var asksHost = false
  /// Whether one asks for them on an interface.
  private(set) var asksInterface = false

  init(_ side: AddressClasses.Side) { self.side = side }

  /// Bytes in network order as a number.
  private func number(_ bytes: some Collection<UInt8>) -> UInt128 {
    bytes.reduce(0) { $0 << 8 | UInt128($1) }
  }

  /// Addresses for which a condition has one result.
  struct GroupRange {
    let first: UInt128
    /// The address after the last one; nil after the last of the family.
    let next: UInt128?
    let group: Int
  }

  /// Adds a range of the group, and begins the next group unless more of this one follows.
  mutating func cut(_ family: AddressFamily, _ first: UInt128, _ last: UInt128, continues: Bool = false) {
    let end: UInt128 = family == .ipv4 ? 0xffff_ffff : .max
    ranges[family, default: []].append(
      GroupRange(first: first, next: last < end ? last + 1 : nil, group: group))
    if !continues { group += 1 }
  }

  mutating func read(_ table: KernelTable) {
    let sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for chain in table.chains {
      for (number, rule) in chain.rules.enumerated() where !read(rule, table.family, sets) {
        let family = AddressFamily(rawValue: table.family).map { $0 == .ipv4 ? "ip" : "ip6" } ?? "inet"
        unread.append("\(family) \(table.name) \(chain.name) rule \(number + 1)")
      }
    }
  }

  /// False if the rule uses an address in a way that is not understood.
  private mutating func read(_ rule: KernelRule, _ family: UInt8, _ sets: [String: KernelSet]) -> Bool {
    var flow = RegisterFlow(family: AddressFamily(rawValue: family))
    for expression in rule.expressions {
      let pieces = flow.operands(of: expression) { sets[$0] }
      let start = pieces.first?.start ?? 0
      for piece in pieces {
        guard let use = use(of: piece, flow.family) else { continue }
        guard case .address(let family) = use, piece.place == 0,
          piece.change?.xor.allSatisfy({ $0 == 0 }) ?? true
        else { return false }
        let place = (piece.start - start)..<(piece.end - start)
        guard read(expression, piece, place, family, sets) else { return false }
      }
      if case .fib(_, let flags, _) = expression {
        if flags & (side == .source ? NFT.fibSource : NFT.fibDestination) != 0 {
          asksHost = true
          if flags & (NFT.fibInput | NFT.fibOutput) != 0 { asksInterface = true }
        }
      }
      if case .opaque(let name, let data) = expression {
        guard readExtension(name, data, family) else { return false }
      }
      flow.execute(expression) { sets[$0] }
    }
    return true
  }

  private enum Use {
    case address(AddressFamily)
    /// Bytes that may be a part of the address.
    case unclear
  }

  /// How a piece depends on the address of this side; nil if it does not.
  private func use(of piece: RegisterPiece, _ family: AddressFamily?) -> Use? {
    switch piece.origin {
    case .field(.header(let field)):
      switch (field, side) {
      case (.ipv4Source, .source), (.ipv4Destination, .destination):
        return family == .ipv4 ? .address(.ipv4) : .unclear
      case (.ipv6Source, .source), (.ipv6Destination, .destination):
        return family == .ipv6 ? .address(.ipv6) : .unclear
      default: return nil
      }
    case .field(.connection(let key, let direction)):
      guard isAddress(key, direction) else { return nil }
      let width = piece.length
      return width == 4 ? .address(.ipv4) : width == 16 ? .address(.ipv6) : .unclear
    case .header(let base):
      let own: [HeaderField] =
        side == .source ? [.ipv4Source, .ipv6Source] : [.ipv4Destination, .ipv6Destination]
      let bytes = HeaderBytes(base: base, offset: piece.place, length: piece.length)
      return base == NFT.payloadNetwork && own.contains { bytes.mayReach($0, family) } ? .unclear : nil
    case .swapped(let pieces): return pieces.contains { use(of: $0, family) != nil } ? .unclear : nil
    // What is not evaluated is undetermined for every packet.
    case .field, .unwritten, .property, .padding, .data, .value, .unknown: return nil
    }
  }

  private func isAddress(_ key: ConnectionKey, _ direction: ConnectionDirection?) -> Bool {
    switch key {
    case .source, .ipv4Source, .ipv6Source: (side == .source) == (direction != .reply)
    case .destination, .ipv4Destination, .ipv6Destination: (side == .destination) == (direction != .reply)
    default: false
    }
  }

  /// Cuts where an expression compares a piece; `place` is where the piece is in what it compares. False if it does
  /// anything else with it.
  private mutating func read(
    _ expression: Expression, _ piece: RegisterPiece, _ place: Range<Int>, _ family: AddressFamily,
    _ sets: [String: KernelSet]
  ) -> Bool {
    switch expression {
    case .compare(let operation, _, let data):
      guard place.upperBound <= data.count else { return false }
      // What is less than a value is a range of its own.
      if operation > NFT.notEqual {
        let zero = [UInt8](repeating: 0, count: place.count)
        guard piece.change == nil, cut(zero[...], data[place], piece, family) else { return false }
      }
      // A mask that is not that of a prefix leaves no ranges of addresses.
      return cut(data[place], data[place], piece, family)
    case .range(_, _, let from, let to):
      guard place.upperBound <= min(from.count, to.count), piece.change == nil else { return false }
      return cut(from[place], to[place], piece, family)
    case .lookup(let name, _, _, _), .objectMap(let name, _):
      guard let set = sets[name], place.upperBound <= set.elements.keyLength else { return false }
      return read(set, piece, place, family)
    // A mask or a copy: what is compared later is read there. Sets to which a rule adds are not part of its conditions.
    case .bitwise: return true
    case .opaque(let name, let data):
      switch OpaqueExpression(name, data) {
      case .dynamicSet, .loads, .translation, .passing, .headerWrite: return true
      case .match, .target, .limit, .byteOrder, .connectionSet, .headerLoad, .payloadWrite, .queue, .effect,
        .unknown:
        return false
      }
    case .metaSet: return false
    case .meta, .payload, .ct, .fib, .immediate, .verdict, .counter, .object, .reject, .notrack, .limit, .log:
      return true
    }
  }

  /// Adds the elements of a set with a field at a place of its keys.
  private mutating func read(
    _ set: KernelSet, _ piece: RegisterPiece, _ place: Range<Int>, _ family: AddressFamily
  ) -> Bool {
    let elements = set.elements
    // Intervals of one field are elements at their beginning and after their end; those of several fields have both in one.
    let hasIntervals = set.flags & NFT.setInterval != 0 && !elements.hasKeyEnd
    guard !hasIntervals || place.count == elements.keyLength else { return false }
    // The elements of a set without values, and without conditions of their own, all mean the same.
    let isPlain = set.dataLength == 0 && set.objectType == 0 && place.count == elements.keyLength
    for index in 0..<elements.count {
      let flags = elements.flags(index)
      // What no element is found for, and what a catch-all element is found for, is outside all others.
      if flags & (NFT.elementIntervalEnd | NFT.elementCatchAll) != 0 { continue }
      let key = Array(elements.key(index))
      let continues = isPlain && elements.value(index) == nil
      guard hasIntervals else {
        let end = elements.keyEnd(index).map(Array.init) ?? key
        guard cut(key[place], end[place], piece, family, continues: continues) else { return false }
        continue
      }
      // A mask before the lookup would leave other addresses than those of the interval.
      guard piece.change == nil, place.count == family.byteWidth else { return false }
      let after = (index..<elements.count).first { next in
        elements.flags(next) & NFT.elementCatchAll == 0 && Array(elements.key(next)) != key
      }
      let all: UInt128 = family == .ipv4 ? 0xffff_ffff : .max
      cut(
        family, number(key), after.map { number(elements.key($0)) - 1 } ?? all, continues: continues)
    }
    group += 1
    return true
  }

  /// Cuts at values of the first bytes of an address. False if their mask is not that of a prefix.
  private mutating func cut(
    _ first: some Collection<UInt8>, _ last: some Collection<UInt8>, _ piece: RegisterPiece,
    _ family: AddressFamily, continues: Bool = false
  ) -> Bool {
    let free = UInt128((family.byteWidth - piece.length) * 8)
    let all: UInt128 = family == .ipv4 ? 0xffff_ffff : .max
    let mask = number(piece.change?.mask ?? [UInt8](repeating: 0xff, count: piece.length)) << free
    let host = all & ~mask
    guard host & (host &+ 1) == 0 else { return false }
    cut(
      family, number(first) << free & mask, number(last) << free & mask | host, continues: continues)
    return true
  }

  /// The addresses in matches of iptables. Source: `struct xt_iprange_mtinfo` of `linux/netfilter/xt_iprange.h`,
  /// `struct xt_conntrack_mtinfo3` of `linux/netfilter/xt_conntrack.h`: addresses of 16 bytes, in network order.
  private mutating func readExtension(_ name: String, _ data: [UInt8], _ family: UInt8) -> Bool {
    guard case .match(let name, let revision, let info) = OpaqueExpression(name, data),
      let family = AddressFamily(rawValue: family)
    else { return true }
    func address(_ place: Int) -> UInt128? {
      guard info.count >= place + family.byteWidth else { return nil }
      return number(info[place..<(place + family.byteWidth)])
    }
    switch name {
    case "iprange":
      let place = side == .source ? 0 : 32
      guard let first = address(place), let last = address(place + 16), first <= last else { return false }
      cut(family, first, last)
      return true
    case "conntrack":
      let all: UInt128 = family == .ipv4 ? 0xffff_ffff : .max
      for place in [0, 32, 64, 96] {
        guard let value = address(place), let mask = address(place + 16) else { return true }
        let host = all & ~mask
        if mask == 0 { continue }
        guard host & (host &+ 1) == 0 else { return false }
        cut(family, value & mask, value & mask | host)
      }
      return true
    // `struct xt_addrtype_info` and `_v1` begin with the types of the source and of the destination, 16 bits each.
    case "addrtype":
      let types = side == .source ? info.prefix(2) : info.dropFirst(2).prefix(2)
      if types.contains(where: { $0 != 0 }) {
        asksHost = true
        // XT_ADDRTYPE_LIMIT_IFACE_IN, XT_ADDRTYPE_LIMIT_IFACE_OUT: the flags follow the types.
        if revision > 0, info.dropFirst(4).prefix(4).contains(where: { $0 & 0xc != 0 }) {
          asksInterface = true
        }
      }
      return true
    case "rpfilter":
      if side == .source { asksHost = true }
      return true
    default: return true
    }
  }
}
