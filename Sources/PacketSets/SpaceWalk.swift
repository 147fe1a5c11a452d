// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PacketWalk
public import Ruleset

/// Walks whole packet spaces through a table and splits them where a rule distinguishes their packets. The
/// result is exact, and no single packet is evaluated.
///
/// It supports the expressions that `Lowering` writes. What depends on any other expression is undetermined. Chains of
/// type `nat` that drop nothing are left out: they translate addresses, and the walk is about packets as they were sent.
public struct SpaceWalk: Sendable {
  private struct Chain: Sendable {
    let name: String
    let base: BaseChain?
    let rules: [[SpaceRule]]  // by index, then by family
    /// Whether it is a chain of type `nat` that no packet ends in.
    var translatesOnly = false
    /// By index: whether a packet may be accepted at this rule or after it, in this chain or in one that it
    /// leads to. Empty if this was not computed.
    var accepting: [Bool] = []

    func mayAccept(from place: Int) -> Bool { accepting.indices.contains(place) ? accepting[place] : true }
  }

  /// Which ends are requested.
  public enum Interest: Sendable {
    case all
    /// Only the accepted ones: paths that lead to no acceptance are skipped.
    case accepted
  }

  private let chains: [String: Chain]
  private let bases: [Chain]
  /// The rates that are above their limits.
  private var exceeded: Set<RateCondition> = []

  /// The rates that rules of the table test.
  package var rates: Set<RateCondition> {
    var rates: Set<RateCondition> = []
    for rule in chains.values.flatMap(\.rules).joined() {
      for case .rate(let rate, _) in rule.steps { rates.insert(rate) }
    }
    return rates
  }

  /// The same walk with these rates above their limits.
  package func exceeding(_ rates: Set<RateCondition>) -> SpaceWalk {
    var walk = self
    walk.exceeded = rates
    return walk
  }

  /// A walk through a table.
  public init(_ table: KernelTable) {
    var chains = Self.prepared(table, names: nil)
    Self.findAccepting(table, &chains)
    self.init(prepared: chains)
  }

  /// A walk through some base chains of a table, for all ends; the other chains are not read.
  package init(_ table: KernelTable, only bases: [String]) {
    let names = bases.reduce(into: Set<String>()) { $0.formUnion(table.reachable(from: $1).names) }
    self.init(prepared: Self.prepared(table, names: names))
  }

  private init(prepared chains: [String: Chain]) {
    self.chains = chains
    bases = chains.values.filter { $0.base != nil && !$0.translatesOnly }.sorted {
      ($0.base?.priority ?? 0, $0.name) < ($1.base?.priority ?? 0, $1.name)
    }
  }

  private static func prepared(_ table: KernelTable, names: Set<String>?) -> [String: Chain] {
    let sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let chains = table.chains.filter { names?.contains($0.name) ?? true }.map { chain in
      Chain(
        name: chain.name, base: chain.base,
        rules: chain.rules.map { rule in
          AddressFamily.allCases.map { SpaceRule(rule, family: $0, sets: sets) }
        })
    }
    var prepared = Dictionary(chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for chain in table.chains where chain.base?.type == "nat" && chain.base?.policy == .accept {
      let reached = table.reachable(from: chain.name).names
      prepared[chain.name]?.translatesOnly = !table.chains.contains { other in
        reached.contains(other.name) && other.rules.contains { $0.mayDrop }
      }
    }
    return prepared
  }

  /// For each chain, finds the rule after which no rule can accept.
  private static func findAccepting(_ table: KernelTable, _ chains: inout [String: Chain]) {
    let sets = Dictionary(table.sets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let rules = Dictionary(table.chains.map { ($0.name, $0.rules) }, uniquingKeysWith: { first, _ in first })
    var known: [String: Bool] = [:]
    func verdict(_ verdict: VerdictCode) -> Bool {
      switch verdict {
      case .accept, .other: true
      case .drop, .continue, .return: false
      case .jump(let name), .goto(let name): chain(name)
      }
    }
    func rule(_ rule: KernelRule) -> Bool {
      rule.expressions.contains { expression in
        switch expression {
        case .verdict(let code): verdict(code)
        case .lookup(let name, _, NFT.registerVerdict, _):
          sets[name]?.elements.values.contains {
            if case .verdict(let code) = $0 { verdict(code) } else { true }
          } ?? true
        default: false
        }
      }
    }
    func chain(_ name: String) -> Bool {
      if let answer = known[name] { return answer }
      // The kernel has no loops of chains. A query during the computation gets the safe answer, true.
      known[name] = true
      let answer = rules[name]?.contains(where: rule) ?? true
      known[name] = answer
      return answer
    }
    for name in chains.keys.sorted() {
      var mayAccept = [false]
      for one in (rules[name] ?? []).reversed() {
        mayAccept.append(mayAccept[mayAccept.count - 1] || rule(one))
      }
      chains[name]?.accepting = mayAccept.reversed()
    }
  }

  /// An end of the walk: packets with the same verdict.
  public struct End: Sendable {
    /// The packets.
    public let space: PacketSpace
    /// Their verdict.
    public let verdict: TraceVerdict
    /// The counter of the rule that decided; nil if it has none, or if a chain's policy decided.
    public let counter: String?
    /// The last base chain that they passed.
    public let chain: String
    /// The expression that the walk does not support, if the verdict is undetermined.
    public let unknown: String?
    /// Whether a rejected packet is answered with a TCP reset, not with an ICMP error.
    public var isReset = false
    /// Whether the packet goes on with the tag: no grant accepts it, and it may only stay on its interface. Its verdict
    /// is then a drop, since that is what it is for the policy.
    public var isTagged = false
    /// The translation of the packet's connection; nil if there is none.
    public var translation: AddressTranslation?

    /// The verdict that the kernel gives: it accepts a packet that goes on with the tag.
    public var kernelVerdict: TraceVerdict { isTagged ? .accept : verdict }
  }

  /// The ends in the base chain of this name alone. A chain that the table does not have accepts everything.
  public func ends(of spaces: [PacketSpace], chain name: String) -> [End] {
    guard let chain = chains[name], let base = chain.base else {
      return spaces.map { End(space: $0, verdict: .accept, counter: nil, chain: name, unknown: nil) }
    }
    var run = Run(chains: chains, chain: name, .all, exceeded)
    run.traverse(spaces, base: chain, base)
    return run.ends
  }

  /// The ends in the base chains of a hook (`NFT.hookPrerouting`, …), one after another: what one accepts
  /// goes to the next. What the last one accepts is accepted.
  public func ends(of spaces: [PacketSpace], hook: UInt32, _ interest: Interest = .all) -> [End] {
    var ends: [End] = []
    var rest = spaces
    var last = ""
    for chain in bases where chain.base?.hook == hook && !rest.isEmpty {
      guard let base = chain.base else { continue }
      last = chain.name
      var run = Run(chains: chains, chain: chain.name, interest, exceeded)
      run.traverse(rest, base: chain, base)
      rest = PacketSpace.coalesced(run.ends.filter { $0.verdict == .accept }.map(\.space))
      ends += run.ends.filter { $0.verdict != .accept }
    }
    return ends
      + rest.map { End(space: $0, verdict: .accept, counter: nil, chain: last, unknown: nil) }
  }

  /// Maximum depth of nested jumps (`NFT_JUMP_STACK_SIZE`).
  private static let deepest = 16

  private struct Run {
    let chains: [String: Chain]
    let chain: String
    let interest: Interest
    let exceeded: Set<RateCondition>
    var ends: [End] = []

    init(chains: [String: Chain], chain: String, _ interest: Interest, _ exceeded: Set<RateCondition>) {
      self.exceeded = exceeded
      self.chains = chains
      self.chain = chain
      self.interest = interest
    }

    /// The state during a rule.
    struct Context {
      let depth: Int
      /// Whether packets that do not match are needed: a later rule may accept them, or all ends are
      /// requested.
      let missMatters: Bool
      /// Whether packets that return from this chain are needed, for the same reasons.
      let returnMatters: Bool
    }

    mutating func traverse(_ spaces: [PacketSpace], base chain: Chain, _ base: BaseChain) {
      let returnMatters = interest == .all || base.policy == .accept
      for space in traverse(spaces, chain, depth: 0, returnMatters: returnMatters) {
        end(space, base.policy == .accept ? .accept : .drop, nil)
      }
    }

    private mutating func end(
      _ space: PacketSpace, _ verdict: TraceVerdict, _ counter: String?, unknown: String? = nil,
      isReset: Bool = false, isTagged: Bool = false, translation: AddressTranslation? = nil
    ) {
      if interest == .accepted, verdict != .accept { return }
      ends.append(
        End(
          space: space, verdict: verdict, counter: counter, chain: chain, unknown: unknown, isReset: isReset,
          isTagged: isTagged, translation: translation))
    }

    /// The packets that reach the end of the chain or return from it.
    private mutating func traverse(
      _ spaces: [PacketSpace], _ chain: Chain, depth: Int, returnMatters: Bool
    ) -> [PacketSpace] {
      var here = spaces
      var returned: [PacketSpace] = []
      for (place, rule) in chain.rules.enumerated() {
        if here.isEmpty { break }
        let context = Context(
          depth: depth,
          missMatters: interest == .all || returnMatters || chain.mayAccept(from: place + 1),
          returnMatters: returnMatters)
        var next: [PacketSpace] = []
        for space in here {
          run(rule[space.family == .ipv4 ? 0 : 1].steps[...], space, nil, context, &next, &returned)
        }
        here = PacketSpace.coalesced(next)
      }
      return PacketSpace.coalesced(here + returned)
    }

    /// Runs the rest of a rule on a space. Packets that continue at the next rule are added to `next`,
    /// packets that return to the calling chain to `returned`.
    private mutating func run(
      _ steps: ArraySlice<SpaceRule.Step>, _ space: PacketSpace, _ counter: String?, _ context: Context,
      _ next: inout [PacketSpace], _ returned: inout [PacketSpace]
    ) {
      var space = space
      var counter = counter
      for place in steps.indices {
        switch steps[place] {
        case .require(let field, let values):
          if context.missMatters, let outside = space.narrowed(field, outside: values) {
            next.append(outside)
          }
          guard let inside = space.narrowed(field, to: values) else { return }
          space = inside
        case .requireAny(let boxes):
          var outside = [space]
          for box in boxes {
            if context.missMatters {
              outside = outside.flatMap { rest in
                guard let both = rest.narrowed(.source, to: box.sources) else { return [rest] }
                return [
                  rest.narrowed(.source, outside: box.sources),
                  both.narrowed(.service, outside: box.services),
                ].compactMap { $0 }
              }
            }
            guard
              let inside = space.narrowed(.source, to: box.sources)?.narrowed(.service, to: box.services)
            else { continue }
            run(steps[(place + 1)...], inside, counter, context, &next, &returned)
          }
          if context.missMatters { next += outside }
          return
        case .unknown(let field, let values, let why):
          if let unknown = space.narrowed(field, to: values) {
            end(unknown, .undetermined, counter, unknown: why)
          }
          guard let rest = space.narrowed(field, outside: values) else { return }
          space = rest
        case .branch(let field, let branches, let misses):
          if context.missMatters, let missed = space.narrowed(field, to: misses) { next.append(missed) }
          for branch in branches {
            guard let inside = space.narrowed(field, to: branch.values) else { continue }
            switch branch.value {
            case .verdict(let verdict): decide(verdict, inside, counter, context, &next, &returned)
            case .object(let name): run(steps[(place + 1)...], inside, name, context, &next, &returned)
            case nil: run(steps[(place + 1)...], inside, counter, context, &next, &returned)
            case .data, .opaque, .some(.none):
              end(inside, .undetermined, counter, unknown: "map value")
            }
          }
          return
        case .rate(let rate, let inversion):
          guard exceeded.contains(rate) == (inversion == .inverted) else {
            if context.missMatters { next.append(space) }
            return
          }
        case .count(let name): counter = name
        case .tag(let change):
          guard case .verdict(.accept)? = steps[(place + 1)...].first else {
            return end(space, .undetermined, counter, unknown: "meta mark set")
          }
          return change == .set
            ? end(space, .drop, counter, isTagged: true) : end(space, .accept, counter)
        case .verdict(let verdict): return decide(verdict, space, counter, context, &next, &returned)
        case .translate(let translation): return end(space, .accept, counter, translation: translation)
        case .reject(let type): return end(space, .reject, counter, isReset: type == NFT.rejectReset)
        case .undetermined(let why): return end(space, .undetermined, counter, unknown: why)
        }
      }
      if context.missMatters { next.append(space) }
    }

    private mutating func decide(
      _ verdict: VerdictCode, _ space: PacketSpace, _ counter: String?, _ context: Context,
      _ next: inout [PacketSpace], _ returned: inout [PacketSpace]
    ) {
      switch verdict {
      case .accept: end(space, .accept, counter)
      case .drop: end(space, .drop, counter)
      case .continue: if context.missMatters { next.append(space) }
      case .return: if context.returnMatters { returned.append(space) }
      case .jump(let name), .goto(let name):
        guard let chain = chains[name], context.depth < SpaceWalk.deepest else {
          return end(space, .undetermined, counter, unknown: "jump to \(name)")
        }
        // If no returning packet can be accepted, a chain that cannot accept is skipped.
        var isJump = false
        if case .jump = verdict { isJump = true }
        let matters = isJump ? context.missMatters : context.returnMatters
        if interest == .accepted, !matters, !chain.mayAccept(from: 0) { return }
        let back = traverse([space], chain, depth: context.depth + 1, returnMatters: matters)
        if isJump { next += back } else { returned += back }
      case .other(let number): end(space, .undetermined, counter, unknown: "verdict \(number)")
      }
    }
  }
}

extension KernelRule {
  /// Whether a packet may end in the rule.
  fileprivate var mayDrop: Bool {
    expressions.contains { expression in
      switch expression {
      case .verdict(.drop), .verdict(.other), .reject: true
      case .opaque(let name, _): !["nat", "masq", "redir", "limit", "log"].contains(name)
      default: false
      }
    }
  }
}
