// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import Ruleset

/// Source ports that the tables do not distinguish: packets that differ only in such ports match the same
/// rules.
///
/// A rule that loads the source port and compares it with numbers cuts the port range at those numbers. If a
/// rule uses it in any other way (looks it up in a set, masks it, passes it to an expression that is not
/// supported), every port is a class of its own: ports that may differ are never in one class.
public struct SourcePortClasses: Sendable {
  /// The first ports of the classes, ascending; nil if every port is a class of its own.
  private let cuts: [UInt16]?

  /// The common classes of these tables.
  public init(_ tables: [KernelTable]) {
    var cuts: Set<UInt16> = []
    for table in tables {
      let sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      for chain in table.chains {
        for rule in chain.rules {
          guard let own = Self.cuts(rule.expressions, table.family, sets) else {
            self.cuts = nil
            return
          }
          cuts.formUnion(own)
        }
      }
    }
    self.cuts = cuts.sorted()
  }

  /// The number of a port's class: equal for ports of the same class.
  public func number(of port: UInt16) -> Int {
    guard let cuts else { return Int(port) }
    var (low, high) = (0, cuts.count)
    while low < high {
      let middle = (low + high) / 2
      if cuts[middle] <= port { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The ports at which the effect of a rule may change; nil if they cannot be determined.
  private static func cuts(_ expressions: [Expression], _ family: UInt8, _ sets: [String: KernelSet])
    -> [UInt16]?
  {
    var cuts: [UInt16] = []
    var flow = RegisterFlow(family: AddressFamily(rawValue: family))
    for expression in expressions {
      // From here on the rule is about packets without ports: those bytes are an ICMP type.
      if let transport = flow.transport, !transport.hasPorts { return cuts }
      guard isUnderstood(expression, flow.family) else { return nil }
      let operands = flow.operands(of: expression) { sets[$0] }
      if operands.contains(where: mayBePort) {
        guard operands.count == 1, let field = operands[0].wholeField, isPort(field),
          operands[0].change == nil
        else { return nil }
        switch expression {
        case .compare(_, _, let data): cuts += bounds(data, data)
        case .range(_, _, let from, let to):
          guard from.count == to.count else { return nil }
          cuts += bounds(from, to)
        case .bitwise, .lookup, .metaSet, .objectMap, .opaque: return nil
        // These read no register.
        case .meta, .payload, .ct, .fib, .immediate, .verdict, .counter, .object, .reject, .notrack, .limit,
          .log:
          return nil
        }
      }
      flow.execute(expression) { sets[$0] }
    }
    return cuts
  }

  /// Whether everything that an expression does with source ports, beside reading registers, is known: a load of
  /// more or less than the port is not.
  private static func isUnderstood(_ expression: Expression, _ family: AddressFamily?) -> Bool {
    switch expression {
    case .payload(let base, let offset, let length, _):
      let bytes = HeaderBytes(base: base, offset: Int(offset), length: Int(length))
      return bytes == HeaderField.sourcePort.bytes || !bytes.mayReach(.sourcePort, family)
    case .ct(let key, let direction, _):
      switch ConnectionKey(rawValue: key) {
      case .sourcePort: return false
      // The source port of replies: what it is compared with is a cut too.
      case .destinationPort: return direction == ConnectionDirection.original.rawValue
      case nil, .state, .direction, .status, .mark, .family, .source, .destination, .transport, .zone,
        .expiration, .helper, .labels, .packets, .bytes, .average, .identifier, .ipv4Source, .ipv4Destination,
        .ipv6Source, .ipv6Destination:
        return true
      }
    case .opaque: return expression.sourceRouteLoad != nil || expression.connectionLimit != nil
    case .meta, .metaSet, .fib, .compare, .range, .bitwise, .lookup, .immediate, .verdict, .counter, .object,
      .objectMap, .reject, .notrack, .limit, .log:
      return true
    }
  }

  private static func isPort(_ field: PacketField) -> Bool {
    switch field {
    case .header(let field): field == .sourcePort
    case .connection(let key, _): key == .destinationPort
    case .meta, .route, .sourceRoute: false
    }
  }

  /// Whether bytes of a register may be a source port or a part of one.
  private static func mayBePort(_ piece: RegisterPiece) -> Bool {
    switch piece.origin {
    case .field(let field): isPort(field)
    // `isUnderstood` excludes those that reach the ports; a map is not looked up by a port.
    case .header, .property, .padding, .data, .value: false
    case .swapped(let pieces): pieces.contains(where: mayBePort)
    case .unwritten, .unknown: true
    }
  }

  /// The first port of a range, and the first one after it.
  private static func bounds(_ from: [UInt8], _ to: [UInt8]) -> [UInt16] {
    let low = UInt16(from[0]) << 8 | UInt16(from[1])
    let high = UInt16(to[0]) << 8 | UInt16(to[1])
    return high == .max ? [low] : [low, high + 1]
  }
}
