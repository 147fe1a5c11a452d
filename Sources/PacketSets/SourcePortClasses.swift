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
      for chain in table.chains {
        for rule in chain.rules {
          guard let own = Self.cuts(rule.expressions) else {
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
  private static func cuts(_ expressions: [Expression]) -> [UInt16]? {
    var cuts: [UInt16] = []
    /// The 4-byte register that holds the source port.
    var holder: UInt32?
    /// Whether a read that starts at a register may include the port; the length of the read is not
    /// considered.
    func touches(_ source: UInt32) -> Bool { holder.map { NFT.slot(source) <= $0 } ?? false }
    /// The register that holds the protocol's number.
    var protocolHolder: UInt32?
    for expression in expressions {
      switch expression {
      case .meta(NFT.metaProtocol, let destination):
        protocolHolder = destination
        if holder == NFT.slot(destination) { holder = nil }
        continue
      case .compare(NFT.equal, let source, let data) where source == protocolHolder && data.count == 1:
        // From here on the rule is about packets without ports: those bytes are an ICMP type.
        if !IPProtocol(number: data[0]).hasPorts { return cuts }
        continue
      default: protocolHolder = nil
      }
      switch expression {
      case .payload(let base, let offset, let length, let destination):
        if holder == NFT.slot(destination) { holder = nil }
        if base == NFT.payloadTransport {
          if offset >= 2 { continue }
          guard offset == 0, length == 2, holder == nil else { return nil }
          holder = NFT.slot(destination)
        } else if !NFT.isWithinHeader(base, offset, length) {
          return nil
        }
      case .compare(_, let source, let data):
        guard touches(source) else { continue }
        guard NFT.slot(source) == holder, data.count == 2 else { return nil }
        cuts += bounds(data, data)
      case .range(_, let source, let from, let to):
        guard touches(source) else { continue }
        guard NFT.slot(source) == holder, from.count == 2, to.count == 2 else { return nil }
        cuts += bounds(from, to)
      case .bitwise(let source, let destination, _, _):
        if touches(source) { return nil }
        if holder == NFT.slot(destination) { holder = nil }
      case .lookup(_, let source, let destination, _):
        if touches(source) { return nil }
        if destination.map(NFT.slot) == holder { holder = nil }
      case .metaSet(_, let source), .objectMap(_, let source):
        if touches(source) { return nil }
      case .ct(NFT.ctDestinationPort, ConnectionDirection.original.rawValue, let destination):
        // The source port of replies: what it is compared with is a cut too.
        guard holder == nil else { return nil }
        holder = NFT.slot(destination)
      case .opaque where expression.askedSourceRoute != nil:
        if holder == NFT.slot(NFT.register1) { holder = nil }
      case .ct(NFT.ctSourcePort, _, _), .ct(NFT.ctDestinationPort, _, _), .opaque: return nil
      case .meta(_, let destination), .ct(_, _, let destination), .fib(_, _, let destination),
        .immediate(let destination, _):
        if holder == NFT.slot(destination) { holder = nil }
      case .verdict, .counter, .object, .reject, .notrack, .limit, .log: break
      }
    }
    return cuts
  }

  /// The first port of a range, and the first one after it.
  private static func bounds(_ from: [UInt8], _ to: [UInt8]) -> [UInt16] {
    let low = UInt16(from[0]) << 8 | UInt16(from[1])
    let high = UInt16(to[0]) << 8 | UInt16(to[1])
    return high == .max ? [low] : [low, high + 1]
  }
}
