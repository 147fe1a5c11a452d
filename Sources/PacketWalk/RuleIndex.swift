// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset

/// The rules of a chain by one condition of each: that bytes of a header, or the name of an interface, have one value. A packet
/// with another value does not match the rule, so the rule need not be evaluated.
///
/// Only conditions before the first effect of a rule count, and a rule that does not match has no effect: what the walk of a
/// packet finds is the same with and without the index.
struct RuleIndex: Sendable {
  /// What a condition compares.
  struct Field: Sendable, Hashable {
    enum Load: Sendable, Hashable {
      case bytes(HeaderBytes)
      case inputName
      case outputName
    }

    let load: Load
    /// The number of bytes that are compared, up to 16.
    let length: Int
    /// The bits that are compared; all ones if there is no mask.
    var mask: UInt128 = .max
  }

  /// A field with the value that a rule requires: its bytes as a number, the first one highest.
  private struct Condition {
    let field: Field
    let value: UInt128

    /// How few packets have it, roughly: the more, the better for an index.
    var rank: Int {
      switch field.load {
      case .bytes(let bytes) where bytes.base == NFT.payloadNetwork:
        field.length >= 4 && field.mask == .max ? 4 : 1
      case .bytes: field.length >= 2 ? 3 : 0
      case .inputName, .outputName: 2
      }
    }
  }

  private struct Group {
    let field: Field
    var rules: [UInt128: [Int]] = [:]
    var all: [Int] = []
  }

  private var groups: [Group] = []
  /// Rules without such a condition.
  private var others: [Int] = []

  /// Chains with fewer rules have no index.
  private static let least = 8

  /// The index of a chain; nil if it would save nothing.
  init?(_ rules: [[PreparedExpression]]) {
    guard rules.count >= Self.least else { return nil }
    var places: [Field: Int] = [:]
    for (number, rule) in rules.enumerated() {
      guard let condition = Self.conditions(of: rule).max(by: { $0.rank < $1.rank }), condition.rank > 0
      else {
        others.append(number)
        continue
      }
      let place = places[condition.field] ?? groups.count
      if place == groups.count {
        places[condition.field] = place
        groups.append(Group(field: condition.field))
      }
      groups[place].rules[condition.value, default: []].append(number)
      groups[place].all.append(number)
    }
    if others.count + Self.least > rules.count { return nil }
  }

  /// The numbers of the rules that a packet may match, in order. `value` is the packet's value of a field; nil if it is not
  /// known.
  func rules(_ value: (Field) -> UInt128?) -> [Int] {
    var found = others
    for group in groups {
      guard let value = value(group.field) else {
        found += group.all
        continue
      }
      if let rules = group.rules[value] { found += rules }
    }
    found.sort()
    return found
  }

  /// What the conditions of the rules before one read of a packet.
  func reads(before rule: Int, _ family: AddressFamily) -> PacketParts {
    var parts: PacketParts = []
    for group in groups where group.all.first.map({ $0 < rule }) ?? false {
      if case .bytes(let bytes) = group.field.load { parts.formUnion(bytes.parts(family)) }
    }
    return parts
  }

  /// Bytes as a number, the first one highest.
  static func number(_ bytes: some Collection<UInt8>) -> UInt128 {
    bytes.reduce(0) { $0 << 8 | UInt128($1) }
  }

  /// The conditions of a rule before its first effect.
  private static func conditions(of rule: [PreparedExpression]) -> [Condition] {
    var found: [Condition] = []
    /// What registers contain, by byte offset.
    var loaded: [Int: (load: Field.Load, length: Int, mask: UInt128)] = [:]
    for expression in rule {
      switch expression {
      case .meta(let key, let destination):
        loaded = [:]
        switch key {
        case .inputName: loaded[destination] = (.inputName, 16, .max)
        case .outputName: loaded[destination] = (.outputName, 16, .max)
        // As below.
        case .length, .time, .day, .hour: return found
        default: break
        }
      case .payload(let bytes, let destination):
        loaded = [:]
        // A rule may not match because of what is assumed about the first fields: that is reported.
        if bytes.mayBeAssumed { return found }
        if bytes.base == NFT.payloadNetwork || bytes.base == NFT.payloadTransport,
          (1...16).contains(bytes.length)
        {
          loaded[destination] = (.bytes(bytes), bytes.length, .max)
        }
      case .bitwise(let source, let destination, let mask, let xor):
        let known = loaded[source]
        loaded = [:]
        if let known, known.length == mask.count, known.mask == .max, xor.allSatisfy({ $0 == 0 }) {
          loaded[destination] = (known.load, known.length, number(mask))
        }
      case .compare(let operation, let source, let data):
        guard operation == NFT.equal, let known = loaded[source], !data.isEmpty else { continue }
        switch known.load {
        // Fewer bytes than the name has are a prefix.
        case .inputName, .outputName: guard data.count <= 16, known.mask == .max else { continue }
        case .bytes: guard data.count == known.length else { continue }
        }
        found.append(
          Condition(
            field: Field(load: known.load, length: data.count, mask: known.mask), value: number(data)))
      case .match(.ports(_, let destination, _, let option)):
        guard destination.range.count == 1, destination.inverted == .plain else {
          if option != nil { return found }
          continue
        }
        found.append(
          Condition(
            field: Field(load: .bytes(HeaderField.destinationPort.bytes), length: 2),
            value: UInt128(destination.range.lowerBound)))
        if option != nil { return found }
      // Other loads, and conditions without an effect.
      case .ct, .fib, .byteOrder, .immediate, .load, .absentHeader, .routeSecurity: loaded = [:]
      case .lookup(_, _, let destination, _): if case .nowhere = destination {} else { return found }
      // They record the packet, or are reported as an assumption where they do not match.
      case .match(.recent), .match(.limit), .match(.unusual), .match(.socket), .match(.chance),
        .match(.option), .match(.time), .match(.length), .match(.trafficClass):
        return found
      case .range, .nothing, .match: break
      default: return found
      }
    }
    return found
  }
}

extension WalkRun {
  /// The packet's value of a field of an index; nil if it is not known.
  func value(of field: RuleIndex.Field) -> UInt128? {
    switch field.load {
    case .bytes(let bytes):
      let header = bytes.base == NFT.payloadNetwork ? headers.network : headers.transport
      guard bytes.end <= header.bytes.count,
        header.known[bytes.offset..<bytes.end].allSatisfy({ $0 == 0xff })
      else { return nil }
      return RuleIndex.number(header.bytes[bytes.offset..<bytes.end]) & field.mask
    case .inputName, .outputName:
      let isInput = field.load == .inputName
      let device =
        frame == nil
        ? (isInput ? input : output).map(FrameDevice.device) ?? .none : isInput ? frameInput : frameOutput
      switch device {
      case .unknown: return nil
      case .none: return 0
      case .device(let name):
        var value: UInt128 = 0
        var count = 0
        for byte in name.description.utf8.prefix(field.length) {
          value = value << 8 | UInt128(byte)
          count += 1
        }
        return value << (8 * UInt128(field.length - count))
      }
    }
  }
}
