// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Lookups.
extension SpaceRuleReader {
  /// What a lookup asks of a set.
  enum Use {
    /// Whether the key is in the set (or is not).
    case membership(Inversion)
    /// The value of the key.
    case value
  }

  mutating func lookup(_ name: String, _ source: UInt32, _ use: Use) {
    if let set = sets[name], set.elements.hasKeyEnd, case .membership(.plain) = use {
      guard let boxes = boxes(of: set, source) else { return stop("lookup @\(name)") }
      return add(boxes.isEmpty ? .require(.service, .empty) : .requireAny(boxes))
    }
    guard let set = sets[name], let key = key(of: set, source),
      let ranges = ranges(set, key, use)
    else { return stop("lookup @\(name)") }
    let all = IntervalSet.union(ranges.map(\.values))
    let top: UInt128 =
      switch key {
      case .field(_, let load): Self.top(load)
      case .service: 0xff_ffff
      }
    let outside = IntervalSet(0, top).subtracting(all)
    switch use {
    case .membership(let inversion): add(.require(key.field, inversion == .plain ? all : outside))
    case .value:
      add(.branch(key.field, ranges, misses: outside))
      if set.dataType == NFT.dataVerdict { isOver = true }
    }
  }

  /// The elements of a set of sources, protocols and ports as boxes; nil if the key is another one or
  /// elements overlap.
  private func boxes(of set: KernelSet, _ source: UInt32) -> [SpaceRule.Box]? {
    let width = family.byteWidth
    guard Int(set.keyLength) == width + 8, let loads = loads(source, width + 8), loads.count == 3,
      case .whole(.source) = loads[0].part, case .transport = loads[1].part,
      case .destinationPort = loads[2].part, loads.allSatisfy({ $0.mask == nil })
    else { return nil }
    var boxes: [SpaceRule.Box] = []
    for index in 0..<set.elements.count {
      guard let element = TemporaryGrantRange(set.elements, index, family), element.transport.hasPorts else {
        return nil
      }
      let box = SpaceRule.Box(
        sources: IntervalSet(element.sources.lowerBound, element.sources.upperBound),
        services: PacketSpace.Service.ports(element.transport, element.ports))
      guard
        boxes.allSatisfy({
          $0.sources.isDisjoint(with: box.sources) || $0.services.isDisjoint(with: box.services)
        })
      else { return nil }
      boxes.append(box)
    }
    return boxes
  }

  /// The fields of a set's keys.
  private enum Key {
    case field(PacketSpace.Field, Load)
    /// `meta l4proto . th dport`
    case service

    var field: PacketSpace.Field {
      switch self {
      case .field(let field, _): field
      case .service: .service
      }
    }
  }

  private func key(of set: KernelSet, _ source: UInt32) -> Key? {
    guard !set.elements.hasKeyEnd, let loads = loads(source, Int(set.keyLength)), let first = loads.first
    else { return nil }
    if loads.count == 1, case .whole(let field) = first.part, first.length == Int(set.keyLength) {
      return .field(field, first)
    }
    guard loads.count == 2, case .transport = first.part, case .destinationPort = loads[1].part,
      loads.allSatisfy({ $0.mask == nil }), set.keyLength == 8, set.flags & NFT.setInterval == 0
    else { return nil }
    return .service
  }

  /// The fields in `count` bytes from a register on, without the padding; nil if there is anything else.
  private func loads(_ source: UInt32, _ count: Int) -> [Load]? {
    guard let pieces = flow.read(source, count)?.filter({ $0.origin != .padding }) else { return nil }
    let loads = pieces.compactMap { Load($0) }
    return loads.count == pieces.count ? loads : nil
  }

  /// The keys of a set, or the keys of each value of a map; nil if an element has more than a key and a
  /// value.
  private func ranges(_ set: KernelSet, _ key: Key, _ use: Use) -> [SpaceRule.Branch]? {
    var ranges: [ElementValue?: [(UInt128, UInt128)]] = [:]
    var order: [ElementValue?] = []
    let elements = set.elements
    for index in 0..<elements.count where elements.flags(index) & NFT.elementIntervalEnd == 0 {
      guard elements.flags(index) & NFT.elementCatchAll == 0 else { return nil }
      let value: ElementValue? = if case .value = use { elements.value(index) } else { nil }
      let bytes = elements.key(index)
      let range: (UInt128, UInt128)
      switch key {
      case .service:
        let start = bytes.startIndex
        let transport = IPProtocol(number: bytes[start])
        // For ICMP these bytes are not a port. No rule of wgfence looks up a port of ICMP.
        if transport == .icmp || transport == .icmpv6 { return nil }
        let number = PacketSpace.Service.number(
          transport, port: UInt16(bytes[start + 4]) << 8 | UInt16(bytes[start + 5]))
        range = (number, number)
      case .field(_, let load):
        let top = Self.top(load)
        let lower = Self.number(bytes, load.order)
        // In host order the bytes are not in the order of the numbers.
        guard load.order == .network || (load.mask == nil && set.flags & NFT.setInterval == 0) else {
          return nil
        }
        if set.flags & NFT.setInterval == 0 {
          let mask = load.mask.map { Self.number($0, .network) } ?? top
          guard let block = Self.block(lower, mask: mask, top) else { return nil }
          guard let whole = block.intervals.first else { continue }
          range = (whole.lower, whole.upper)
        } else {
          guard load.mask == nil else { return nil }
          let isLast = index + 1 == elements.count
          range = (lower, isLast ? top : Self.number(elements.key(index + 1), .network) - 1)
        }
      }
      if ranges[value] == nil { order.append(value) }
      ranges[value, default: []].append(range)
    }
    return order.map { SpaceRule.Branch(values: IntervalSet(ranges: ranges[$0] ?? []), value: $0) }
  }
}
