// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import Ruleset

/// Destination ports that the tables do not distinguish: packets that differ only in such ports match the
/// same rules.
///
/// The port range is cut at every number in a rule or a set of the tables that could be a port, whatever it
/// is compared with: too many cuts cost a little time, one too few would give a wrong result. If a rule masks
/// a port or computes with it, every port is a class of its own.
public struct DestinationPortClasses: Sendable {
  /// The number of each port's class, by port; nil if every port is a class of its own.
  private let numbers: [UInt16]?

  /// The common classes of these tables.
  public init(_ tables: [KernelTable]) {
    var cuts = [Bool](repeating: false, count: 1 << 16)
    for table in tables {
      for set in table.sets { Self.cut(set, &cuts) }
      for rule in table.chains.flatMap(\.rules) {
        guard Self.cut(rule.expressions, &cuts) else {
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

  private enum Loaded { case port, other }

  /// False if a rule does anything with a port except comparing it with a number.
  private static func cut(_ expressions: [Expression], _ cuts: inout [Bool]) -> Bool {
    /// The 4-byte registers that hold a port or a part of one.
    var holders: Set<UInt32> = []
    func load(_ destination: UInt32, _ length: UInt32, _ what: Loaded) {
      for slot in NFT.slot(destination)..<(NFT.slot(destination) + max(1, (length + 3) / 4)) {
        switch what {
        case .port: holders.insert(slot)
        case .other: holders.remove(slot)
        }
      }
    }
    for expression in expressions {
      switch expression {
      case .payload(let base, let offset, let length, let destination):
        let isPort =
          base == NFT.payloadTransport ? offset < 4 : !NFT.isWithinHeader(base, offset, length)
        load(destination, length, isPort ? .port : .other)
      case .ct(let key, _, let destination):
        load(destination, 4, key == NFT.ctDestinationPort || key == NFT.ctSourcePort ? .port : .other)
      case .meta(_, let destination), .fib(_, _, let destination): load(destination, 4, .other)
      case .compare(_, _, let data): cut(data, &cuts)
      case .immediate(let destination, let data):
        // No expression compares one register with another.
        load(destination, UInt32(data.count), .other)
      case .range(_, _, let from, let to):
        cut(from, &cuts)
        cut(to, &cuts)
      case .bitwise(let source, _, let mask, _):
        let read = NFT.slot(source)..<(NFT.slot(source) + UInt32(mask.count + 3) / 4)
        if holders.contains(where: { read.contains($0) }) { return false }
      case .opaque(let name, let data):
        // The effect of expressions that compute with registers is not evaluated.
        if !holders.isEmpty, ["bitwise", "byteorder", "hash", "numgen"].contains(name) { return false }
        cut(data, &cuts)
      case .lookup, .metaSet, .verdict, .counter, .object, .objectMap, .reject, .notrack, .limit, .log: break
      }
    }
    return true
  }
}
