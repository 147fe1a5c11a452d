// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// Walks packets through tables, expression by expression, as the kernel would.
///
/// It asks of a packet only what the packet states. What hangs on an expression that it does not speak is said to be
/// undetermined; a rule that cannot match for another reason is passed over even so.
public struct PacketWalk: Sendable {
  private struct IndexedTable: Sendable {
    let table: KernelTable
    let chains: [String: KernelChain]
    let sets: [String: KernelSet]
  }

  private let tables: [IndexedTable]

  /// A walk through these tables: all that see the packet, whoever made them.
  public init(_ tables: [KernelTable]) {
    self.tables = tables.map { table in
      IndexedTable(
        table: table,
        chains: Dictionary(table.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }),
        sets: Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }))
    }
  }

  /// The way of a packet through the base chains of some hooks (`NFT.hookPrerouting`, …), one after another, in the
  /// order of their priorities. `drop` is final; `accept` ends one base chain.
  public func trace(_ packet: Packet, hooks: [UInt32]) -> Trace {
    var run = Run(packet: packet)
    for hook in hooks {
      var places: [(IndexedTable, KernelChain, BaseChain)] = []
      for table in tables where Self.sees(packet, table.table.family) {
        for chain in table.table.chains {
          if let base = chain.base, base.hook == hook { places.append((table, chain, base)) }
        }
      }
      for (table, chain, base) in places.sorted(by: { $0.2.priority < $1.2.priority }) {
        guard run.traverse(base: chain, base, in: table) else { return run.trace }
      }
    }
    return run.trace
  }

  /// Whether a table of this family (`NFPROTO_…`) sees the packet.
  private static func sees(_ packet: Packet, _ family: UInt8) -> Bool {
    family == NFT.familyInet || family == packet.family.rawValue
  }

  /// Most jumps within jumps (`NFT_JUMP_STACK_SIZE`).
  private static let deepest = 16

  private enum ChainEnd {
    case fellThrough
    case accepted
    case stopped
  }

  private enum RuleEnd {
    case noMatch
    case next
    case verdict(VerdictCode)
    case rejected
    case undetermined(String)
  }

  private struct Run {
    let packet: Packet
    let network: [UInt8?]
    let transport: [UInt8?]
    var trace = Trace()
    /// The sixteen 4-byte registers; a byte that nobody has written, or that an unknown expression wrote, is nil.
    var registers: [UInt8?] = Array(repeating: nil, count: 64)

    init(packet: Packet) {
      self.packet = packet
      network = packet.networkHeader
      transport = packet.transportHeader
    }

    /// Whether the packet goes on behind this base chain.
    mutating func traverse(base chain: KernelChain, _ base: BaseChain, in table: IndexedTable) -> Bool {
      switch traverse(chain, in: table, depth: 0) {
      case .accepted: return true
      case .stopped: return false
      case .fellThrough:
        note(table, chain, nil, .policy(base.policy))
        return base.policy == .accept
      }
    }

    private mutating func traverse(_ chain: KernelChain, in table: IndexedTable, depth: Int) -> ChainEnd {
      for (index, rule) in chain.rules.enumerated() {
        let counted = trace.steps.count
        switch evaluate(rule, in: table, chain, index) {
        case .noMatch:
          // What a rule counted before it failed to match did not happen to this packet's fate.
          trace.steps.removeSubrange(counted...)
        case .next: break
        case .rejected:
          note(table, chain, index, .reject)
          return .stopped
        case .undetermined(let expression):
          note(table, chain, index, .undetermined(expression: expression))
          return .stopped
        case .verdict(let verdict):
          if verdict == .continue { continue }
          note(table, chain, index, .verdict(verdict))
          switch verdict {
          case .accept: return .accepted
          case .drop: return .stopped
          case .continue: continue
          case .return: return .fellThrough
          case .other(let number):
            note(table, chain, index, .undetermined(expression: "verdict \(number)"))
            return .stopped
          case .jump(let name), .goto(let name):
            guard let next = table.chains[name], depth < PacketWalk.deepest else {
              note(table, chain, index, .undetermined(expression: "jump to \(name)"))
              return .stopped
            }
            let end = traverse(next, in: table, depth: depth + 1)
            if case .jump = verdict, case .fellThrough = end { continue }
            return end
          }
        }
      }
      return .fellThrough
    }

    private mutating func note(
      _ table: IndexedTable, _ chain: KernelChain, _ rule: Int?, _ outcome: TraceOutcome
    ) {
      trace.steps.append(
        TraceStep(
          table: table.table.name, chain: chain.name, rule: rule,
          userdata: rule.map { chain.rules[$0].userdata } ?? [], outcome: outcome))
    }

    private mutating func evaluate(
      _ rule: KernelRule, in table: IndexedTable, _ chain: KernelChain, _ index: Int
    ) -> RuleEnd {
      // The first expression whose effect is not known, if any: the rule may or may not match.
      var unknown: String?
      for expression in rule.expressions {
        switch expression {
        case .meta(let key, let destination): write(meta(key), to: destination)
        case .payload(let base, let offset, let length, let destination):
          write(payload(base, Int(offset), Int(length)), to: destination)
        case .ct(let key, _, let destination): write(connection(key), to: destination)
        case .fib(let result, let flags, let destination):
          let isKnown = result == NFT.fibAddressType && flags == NFT.fibDestination
          write(isKnown ? host(packet.destinationType.rawValue) : nil, to: destination)
        case .compare(let operation, let source, let data):
          switch compare(read(source, data.count), operation, data) {
          case true: break
          case false: return .noMatch
          case nil: unknown = unknown ?? "cmp"
          }
        case .range(let operation, let source, let from, let to):
          let bytes = read(source, from.count).compactMap { $0 }
          guard bytes.count == from.count else {
            unknown = unknown ?? "range"
            continue
          }
          let isInside = !bytes.lexicographicallyPrecedes(from) && !to.lexicographicallyPrecedes(bytes)
          if isInside != (operation == NFT.equal) { return .noMatch }
        case .bitwise(let source, let destination, let mask, let xor):
          let masked = zip(read(source, mask.count), zip(mask, xor)).map { byte, change -> UInt8? in
            // A byte that the mask clears is known whatever it was.
            change.0 == 0 ? change.1 : byte.map { $0 & change.0 ^ change.1 }
          }
          write(masked, to: destination)
        case .lookup(let name, let source, let destination, let inverted):
          guard let set = table.sets[name] else {
            unknown = unknown ?? "lookup @\(name)"
            continue
          }
          switch (set.find(partly: read(source, set.elements.keyLength)), inverted) {
          case (.no, .plain), (.yes, .inverted): return .noMatch
          case (.no, .inverted): break
          case (.unknown, _): unknown = unknown ?? "lookup @\(name)"
          case (.yes(let value), .plain):
            guard let destination else { continue }
            switch value {
            case .verdict(let verdict): return unknown.map { .undetermined($0) } ?? .verdict(verdict)
            case .data(let data): write(data, to: destination)
            case .object, .opaque, .some(.none), nil: unknown = unknown ?? "lookup @\(name)"
            }
          }
        case .immediate(let destination, let data): write(data, to: destination)
        case .verdict(let verdict): return unknown.map { .undetermined($0) } ?? .verdict(verdict)
        case .object(let type, let name):
          if unknown == nil, type == NFT.objectCounter { note(table, chain, index, .counted(name)) }
        case .objectMap(let name, let source):
          guard let set = table.sets[name] else {
            unknown = unknown ?? "objref @\(name)"
            continue
          }
          switch set.find(partly: read(source, set.elements.keyLength)) {
          case .no: return .noMatch
          case .unknown: unknown = unknown ?? "objref @\(name)"
          case .yes(let value):
            if case .object(let object) = value, unknown == nil {
              note(table, chain, index, .counted(object))
            }
          }
        case .reject: return unknown.map { .undetermined($0) } ?? .rejected
        case .counter, .notrack, .metaSet: break
        case .opaque(let name, _): unknown = unknown ?? name
        }
      }
      // A rule without a verdict changes nothing about the way, whatever it may do.
      return .next
    }

    private func offset(of register: UInt32) -> Int? {
      switch register {
      case 1...4: Int(register - 1) * 16
      case 8...23: Int(register - 8) * 4
      default: nil
      }
    }

    /// Writes a value, padded to whole registers; nil is a value of which nothing is known, as long as any may be.
    private mutating func write(_ data: [UInt8]?, to register: UInt32) {
      write(data?.map(Optional.some) ?? Array(repeating: nil, count: 16), to: register)
    }

    private mutating func write(_ data: [UInt8?], to register: UInt32) {
      guard let start = offset(of: register) else { return }
      for index in 0..<((data.count + 3) / 4 * 4) where start + index < registers.count {
        registers[start + index] = index < data.count ? data[index] : 0
      }
    }

    private func read(_ register: UInt32, _ count: Int) -> [UInt8?] {
      guard let start = offset(of: register), start + count <= registers.count else {
        return Array(repeating: nil, count: count)
      }
      return Array(registers[start..<(start + count)])
    }

    private func meta(_ key: UInt32) -> [UInt8]? {
      switch key {
      case NFT.metaInputName: packet.input.map(SetKey.interface) ?? Array(repeating: 0, count: 16)
      case NFT.metaOutputName: packet.output.map(SetKey.interface) ?? Array(repeating: 0, count: 16)
      case NFT.metaFamily: [packet.family.rawValue]
      case NFT.metaProtocol: [packet.transport.number]
      default: nil
      }
    }

    /// The bytes of a header, as far as they are known.
    private func payload(_ base: UInt32, _ offset: Int, _ length: Int) -> [UInt8?] {
      let header = base == NFT.payloadNetwork ? network : base == NFT.payloadTransport ? transport : []
      return (offset..<(offset + length)).map { $0 < header.count ? header[$0] : nil }
    }

    private func connection(_ key: UInt32) -> [UInt8]? {
      switch key {
      case NFT.ctState: host(packet.state.rawValue)
      case NFT.ctStatus: host(packet.status.rawValue)
      case NFT.ctDirection: [packet.direction.rawValue]
      default: nil
      }
    }

    private func host(_ number: UInt32) -> [UInt8] {
      unsafe withUnsafeBytes(of: number) { unsafe Array($0) }
    }

    /// Whether the comparison holds; nil where it hangs on bytes that are not known.
    private func compare(_ partly: [UInt8?], _ operation: UInt32, _ data: [UInt8]) -> Bool? {
      let bytes = partly.compactMap { $0 }
      guard bytes.count == data.count else {
        let differs = zip(partly, data).contains { $0 != nil && $0 != $1 }
        return differs && operation == NFT.equal ? false : differs && operation == NFT.notEqual ? true : nil
      }
      switch operation {
      case NFT.equal: return bytes == data
      case NFT.notEqual: return bytes != data
      case NFT.less: return bytes.lexicographicallyPrecedes(data)
      case NFT.lessOrEqual: return !data.lexicographicallyPrecedes(bytes)
      case NFT.greater: return data.lexicographicallyPrecedes(bytes)
      default: return !bytes.lexicographicallyPrecedes(data)
      }
    }
  }
}
