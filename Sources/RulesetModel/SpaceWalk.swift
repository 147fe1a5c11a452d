// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel

/// Walks whole classes of packets through a table, splitting them wherever a rule tells their packets apart: exact, and
/// without asking of a single packet.
///
/// It speaks the expressions that `Lowering` writes. What hangs on any other is said to be undetermined.
public struct SpaceWalk: Sendable {
  private struct Chain: Sendable {
    let name: String
    let base: BaseChain?
    let rules: [[SpaceRule]]  // by place, then by family
  }

  private let chains: [String: Chain]
  private let bases: [Chain]

  /// A walk through a table.
  public init(_ table: KernelTable) {
    let sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let chains = table.chains.map { chain in
      Chain(
        name: chain.name, base: chain.base,
        rules: chain.rules.map { rule in
          AddressFamily.allCases.map { SpaceRule(rule, family: $0, sets: sets) }
        })
    }
    self.chains = Dictionary(chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    bases = chains.filter { $0.base != nil }.sorted {
      ($0.base?.priority ?? 0) < ($1.base?.priority ?? 0)
    }
  }

  /// Where a class of packets ends that fare alike.
  public struct End: Sendable {
    /// The packets.
    public let space: PacketSpace
    /// What befalls them.
    public let verdict: TraceVerdict
    /// The counter of the rule that decided; nil where it has none, or where a chain's policy did.
    public let counter: String?
    /// The base chain that they came to last.
    public let chain: String
    /// The expression that the walk does not speak, where the verdict is undetermined.
    public let unknown: String?
  }

  /// The base chain of this name is asked alone. One that the table does not have lets everything through.
  public func ends(of spaces: [PacketSpace], chain name: String) -> [End] {
    guard let chain = chains[name], let base = chain.base else {
      return spaces.map { End(space: $0, verdict: .accept, counter: nil, chain: name, unknown: nil) }
    }
    var run = Run(chains: chains, chain: name)
    run.traverse(spaces, base: chain, base)
    return run.ends
  }

  /// The base chains of a hook (`NFT.hookPrerouting`, …) one after another: what one accepts meets the next. What the
  /// last accepts is accepted.
  public func ends(of spaces: [PacketSpace], hook: UInt32) -> [End] {
    var ends: [End] = []
    var rest = spaces
    var last = ""
    for chain in bases where chain.base?.hook == hook && !rest.isEmpty {
      guard let base = chain.base else { continue }
      last = chain.name
      var run = Run(chains: chains, chain: chain.name)
      run.traverse(rest, base: chain, base)
      rest = PacketSpace.coalesced(run.ends.filter { $0.verdict == .accept }.map(\.space))
      ends += run.ends.filter { $0.verdict != .accept }
    }
    return ends
      + rest.map { End(space: $0, verdict: .accept, counter: nil, chain: last, unknown: nil) }
  }

  /// Most jumps within jumps (`NFT_JUMP_STACK_SIZE`).
  private static let deepest = 16

  private struct Run {
    let chains: [String: Chain]
    let chain: String
    var ends: [End] = []

    init(chains: [String: Chain], chain: String) {
      self.chains = chains
      self.chain = chain
    }

    mutating func traverse(_ spaces: [PacketSpace], base chain: Chain, _ base: BaseChain) {
      for space in traverse(spaces, chain, depth: 0) {
        end(space, base.policy == .accept ? .accept : .drop, nil)
      }
    }

    private mutating func end(
      _ space: PacketSpace, _ verdict: TraceVerdict, _ counter: String?, unknown: String? = nil
    ) {
      ends.append(End(space: space, verdict: verdict, counter: counter, chain: chain, unknown: unknown))
    }

    /// What comes to the end of the chain, or returns from it.
    private mutating func traverse(_ spaces: [PacketSpace], _ chain: Chain, depth: Int) -> [PacketSpace] {
      var here = spaces
      var returned: [PacketSpace] = []
      for rule in chain.rules {
        if here.isEmpty { break }
        var next: [PacketSpace] = []
        for space in here {
          run(rule[space.family == .ipv4 ? 0 : 1].steps[...], space, nil, depth, &next, &returned)
        }
        here = PacketSpace.coalesced(next)
      }
      return PacketSpace.coalesced(here + returned)
    }

    /// Runs the rest of a rule on a class. What goes on to the next rule is added to `next`, what leaves the chain for
    /// the one that led to it to `returned`.
    private mutating func run(
      _ steps: ArraySlice<SpaceRule.Step>, _ space: PacketSpace, _ counter: String?, _ depth: Int,
      _ next: inout [PacketSpace], _ returned: inout [PacketSpace]
    ) {
      var space = space
      var counter = counter
      for place in steps.indices {
        switch steps[place] {
        case .require(let field, let values):
          if let outside = space.narrowed(field, outside: values) { next.append(outside) }
          guard let inside = space.narrowed(field, to: values) else { return }
          space = inside
        case .unknown(let field, let values, let why):
          if let unknown = space.narrowed(field, to: values) {
            end(unknown, .undetermined, counter, unknown: why)
          }
          guard let rest = space.narrowed(field, outside: values) else { return }
          space = rest
        case .branch(let field, let branches, let misses):
          if let missed = space.narrowed(field, to: misses) { next.append(missed) }
          for branch in branches {
            guard let inside = space.narrowed(field, to: branch.values) else { continue }
            switch branch.value {
            case .verdict(let verdict): decide(verdict, inside, counter, depth, &next, &returned)
            case .object(let name): run(steps[(place + 1)...], inside, name, depth, &next, &returned)
            case nil: run(steps[(place + 1)...], inside, counter, depth, &next, &returned)
            case .data, .opaque, .some(.none):
              end(inside, .undetermined, counter, unknown: "a map's value")
            }
          }
          return
        case .count(let name): counter = name
        case .verdict(let verdict): return decide(verdict, space, counter, depth, &next, &returned)
        case .reject: return end(space, .reject, counter)
        case .undetermined(let why): return end(space, .undetermined, counter, unknown: why)
        }
      }
      next.append(space)
    }

    private mutating func decide(
      _ verdict: VerdictCode, _ space: PacketSpace, _ counter: String?, _ depth: Int,
      _ next: inout [PacketSpace], _ returned: inout [PacketSpace]
    ) {
      switch verdict {
      case .accept: end(space, .accept, counter)
      case .drop: end(space, .drop, counter)
      case .continue: next.append(space)
      case .return: returned.append(space)
      case .jump(let name), .goto(let name):
        guard let chain = chains[name], depth < SpaceWalk.deepest else {
          return end(space, .undetermined, counter, unknown: "jump to \(name)")
        }
        let back = traverse([space], chain, depth: depth + 1)
        if case .jump = verdict { next += back } else { returned += back }
      case .other(let number): end(space, .undetermined, counter, unknown: "verdict \(number)")
      }
    }
  }
}
