// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import Ruleset

/// Destination ports that the tables do not distinguish: packets that differ only in such ports match the
/// same rules.
///
/// The port range is cut at every number in a set, or in a condition that may read a port, in either byte order: too many
/// cuts cost a little time, one too few would give a wrong result. If a rule masks a port or computes with it, every port is a
/// class of its own.
public struct DestinationPortClasses: Sendable {
  /// The number of each port's class, by port; nil if every port is a class of its own.
  private let numbers: [UInt16]?

  /// The common classes of these tables.
  public init(_ tables: [KernelTable]) {
    var cuts = [Bool](repeating: false, count: 1 << 16)
    for table in tables {
      let sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      for set in table.sets { Self.cut(set, &cuts) }
      for rule in table.chains.flatMap(\.rules) {
        guard Self.cut(rule.expressions, table.family, sets, &cuts) else {
          numbers = nil
          return
        }
      }
    }
    var number: UInt16 = 0
    numbers = cuts.enumerated().map { port, isCut in
      if isCut, port > 0 { number += 1 }
      return number
    }
  }

  /// The number of a port's class: equal for ports of the same class.
  public func number(of port: UInt16) -> UInt16 { numbers.map { $0[Int(port)] } ?? port }

  /// The classes as ranges of ports, in order, without port 0.
  public var ranges: [ClosedRange<UInt16>] {
    guard let numbers else { return (1...UInt16.max).map { $0...$0 } }
    var ranges: [ClosedRange<UInt16>] = []
    var first: UInt16 = 1
    for port in 1...UInt16.max where port == .max || numbers[Int(port)] != numbers[Int(port) + 1] {
      ranges.append(first...port)
      if port < .max { first = port + 1 }
    }
    return ranges
  }

  /// Cuts before and after the number in two bytes, in either byte order.
  private static func cut(_ high: UInt8, _ low: UInt8, _ cuts: inout [Bool]) {
    for value in [Int(high) << 8 | Int(low), Int(low) << 8 | Int(high)] {
      cuts[value] = true
      if value < Int(UInt16.max) { cuts[value + 1] = true }
    }
  }

  private static func cut(_ data: some RandomAccessCollection<UInt8>, _ cuts: inout [Bool]) {
    for (one, two) in zip(data, data.dropFirst()) { cut(one, two, &cuts) }
  }

  private static func cut(_ set: KernelSet, _ cuts: inout [Bool]) {
    // A set of addresses contains no ports, and 100,000 addresses would cut at almost every port.
    if set.keyType == NFT.typeIPv4Address || set.keyType == NFT.typeIPv6Address { return }
    let elements = set.elements
    let length = elements.keyLength
    var places: [Int] = []
    var start = 0
    for field in set.fields {
      if field == 2 { places.append(start) }
      start += (Int(field) + 3) & ~3
    }
    if set.fields.isEmpty { places = Array(stride(from: 0, to: max(length - 1, 0), by: 2)) }
    for index in 0..<elements.count {
      let record = index * elements.stride
      for key in elements.hasKeyEnd ? [record, record + length] : [record] {
        for place in places where place + 1 < length {
          cut(elements.records[key + place], elements.records[key + place + 1], &cuts)
        }
      }
    }
  }

  /// False if a rule does anything with a port except comparing it with a number.
  private static func cut(
    _ expressions: [Expression], _ family: UInt8, _ sets: [String: KernelSet], _ cuts: inout [Bool]
  ) -> Bool {
    var flow = RegisterFlow(family: AddressFamily(rawValue: family))
    /// Whether an expression reads a port, or what may be one.
    func readsPort(_ expression: Expression) -> Bool {
      flow.operands(of: expression) { sets[$0] }.contains { mayBePort($0, flow.family) }
    }
    for expression in expressions {
      switch expression {
      case .compare(_, _, let data): if readsPort(expression) { cut(data, &cuts) }
      case .range(_, _, let from, let to):
        if readsPort(expression) {
          cut(from, &cuts)
          cut(to, &cuts)
        }
      case .bitwise:
        if readsPort(expression) { return false }
      case .opaque(let name, let data):
        // The effect of expressions that compute with registers is not evaluated.
        if OpaqueExpression(name, data).writes != .nothing, readsPort(expression) { return false }
        cut(data, &cuts)
      // Sets are cut as a whole.
      case .lookup, .objectMap: break
      // No expression compares one register with another, and a mark that was set from a port is compared with
      // numbers only.
      case .immediate, .metaSet: break
      case .meta, .payload, .ct, .fib, .verdict, .counter, .object, .reject, .notrack, .limit, .log: break
      }
      flow.execute(expression) { sets[$0] }
    }
    return true
  }

  /// Whether bytes of a register may be a port or a part of one.
  private static func mayBePort(_ piece: RegisterPiece, _ family: AddressFamily?) -> Bool {
    switch piece.origin {
    case .field(.header(let field)):
      let bytes = HeaderBytes(
        base: field.bytes.base, offset: field.bytes.offset + piece.place, length: piece.length)
      return bytes.mayReach(.destinationPort, family)
    case .field(.connection(let key, _)): return key == .sourcePort || key == .destinationPort
    case .field(.meta), .field(.route), .field(.sourceRoute): return false
    case .header(let base):
      return HeaderBytes(base: base, offset: piece.place, length: piece.length)
        .mayReach(.destinationPort, family)
    // The keys of maps are cuts.
    case .property, .padding, .data, .value: return false
    case .swapped(let pieces): return pieces.contains { mayBePort($0, family) }
    case .unwritten, .unknown: return true
    }
  }
}
