// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// Source ports that stand for all: one from each range that the rules distinguish.
struct SourcePortSamples {
  /// The port of a usual client, which is asked first.
  static let usual: UInt16 = 40_000

  /// The other ports: one from each range in which `usual` is not.
  let others: [UInt16]

  init(_ tables: [KernelTable]) {
    var cuts: Set<UInt16> = []
    for table in tables {
      let sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      for rule in table.chains.flatMap(\.rules) {
        Self.read(rule, AddressFamily(rawValue: table.family), sets, &cuts)
      }
    }
    let starts = ([1] + cuts.filter { $0 > 0 }).sorted()
    others =
      zip(starts, starts.dropFirst().map { Optional($0) } + [nil]).compactMap { start, next in
        let isUsual = start <= Self.usual && next.map { Self.usual < $0 } ?? true
        return isUsual ? nil : start
      }.unique
  }

  private static func read(
    _ rule: KernelRule, _ family: AddressFamily?, _ sets: [String: KernelSet], _ cuts: inout Set<UInt16>
  ) {
    func cut(_ first: some Collection<UInt8>, _ last: some Collection<UInt8>) {
      func port(_ bytes: some Collection<UInt8>) -> UInt16 { bytes.reduce(0) { $0 << 8 | UInt16($1) } }
      cuts.insert(port(first))
      if port(last) < .max { cuts.insert(port(last) + 1) }
    }
    var flow = RegisterFlow(family: family)
    for expression in rule.expressions {
      let pieces = flow.operands(of: expression) { sets[$0] }
      let start = pieces.first?.start ?? 0
      for piece in pieces {
        guard let field = piece.wholeField, isSourcePort(field), piece.length == 2 else { continue }
        let place = (piece.start - start)..<(piece.end - start)
        switch expression {
        case .compare(_, _, let data) where place.upperBound <= data.count: cut(data[place], data[place])
        case .range(_, _, let from, let to) where place.upperBound <= min(from.count, to.count):
          cut(from[place], to[place])
        case .lookup(let name, _, _, _), .objectMap(let name, _):
          guard let elements = sets[name]?.elements, place.upperBound <= elements.keyLength else { continue }
          for index in 0..<elements.count {
            let key = Array(elements.key(index))
            cut(key[place], (elements.keyEnd(index).map(Array.init) ?? key)[place])
          }
        default: continue
        }
      }
      if case .opaque(let name, let data) = expression,
        case .match(let match, let revision, let info) = OpaqueExpression(name, data)
      {
        for range in ranges(match, revision, info) {
          cuts.insert(range.lowerBound)
          if range.upperBound < .max { cuts.insert(range.upperBound + 1) }
        }
      }
      flow.execute(expression) { sets[$0] }
    }
  }

  private static func isSourcePort(_ field: PacketField) -> Bool {
    switch field {
    case .header(let field): field == .sourcePort
    case .connection(let key, let direction): key == .sourcePort && direction != .reply
    case .meta, .route, .sourceRoute: false
    }
  }

  /// The source ports in a match of iptables; those of every port are left out. Ports are in host order. Source: `struct
  /// xt_tcp`, `struct xt_udp` of `linux/netfilter/xt_tcpudp.h`, `struct xt_multiport_v1` of
  /// `linux/netfilter/xt_multiport.h` (flags: 0 source, 1 destination, 2 either).
  private static func ranges(_ match: String, _ revision: UInt32, _ info: [UInt8]) -> [ClosedRange<UInt16>] {
    func port(_ place: Int) -> UInt16? {
      guard info.count >= place + 2 else { return nil }
      let (first, second) = (UInt16(info[place]), UInt16(info[place + 1]))
      return HostOrder.isLittle ? second << 8 | first : first << 8 | second
    }
    switch match {
    case "tcp", "udp":
      guard let first = port(0), let last = port(2), first <= last, first > 0 || last < .max else {
        return []
      }
      return [first...last]
    case "multiport":
      guard let flags = info.first, flags != 1, info.count > 1 else { return [] }
      // A range is two entries; a cut at each of them is enough.
      return (0..<min(Int(info[1]), 15)).compactMap { index in port(2 + 2 * index).map { $0...$0 } }
    default: return []
    }
  }
}
