// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
internal import PolicyLanguage
public import RulesetModel

/// A proof that what machines enforce is what the policy says: every packet there can be, in as many classes as the
/// rulesets tell apart, at every place where they see packets.
public struct Proof: Sendable {
  /// A packet that fares otherwise than the policy says.
  public struct CounterExample: Sendable {
    /// What does not hold.
    public let claim: ProofClaim
    /// The machine on which it does not.
    public let machine: String
    /// The base chain that does otherwise.
    public let chain: String
    /// The packet.
    public let packet: Packet
    /// What the policy says of it.
    public let expected: String
    /// Its way through that chain.
    public let trace: Trace
    /// What befalls it.
    public let found: String
  }

  /// How many machines were asked about.
  public private(set) var machines = 0
  /// How many classes of packets their rulesets told apart.
  public private(set) var classes = 0
  /// What does not hold; for each machine and chain at most one for each claim.
  public private(set) var counterExamples: [CounterExample] = []

  /// Proves a site, machine by machine; `only` names those that are asked about, nil all. `progress` is told after each
  /// machine how many are done, and of how many.
  public init(
    _ site: CompiledSite, only names: Set<String>? = nil, progress: (Int, Int) -> Void = { _, _ in }
  ) {
    let policy = site.policy
    let byName = Dictionary(policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let grants = GrantIndex(policy)
    let asked = policy.machines.filter { names?.contains($0.name) ?? true }
    for machine in asked {
      let table = site.table(of: machine)
      let specification = MachineSpecification(policy, machine, byName, today: site.today, grants: grants)
      prove(machine.name, table, specification)
      machines += 1
      progress(machines, asked.count)
    }
  }

  private mutating func prove(_ machine: String, _ table: KernelTable, _ specification: MachineSpecification)
  {
    let walk = SpaceWalk(table)
    for place in specification.places {
      let ends = walk.ends(of: place.everything, chain: place.chain)
      classes += ends.count
      var told: Set<ProofClaim> = []
      func note(_ claim: ProofClaim, _ space: PacketSpace, _ expected: String) {
        guard told.insert(claim).inserted else { return }
        counterExamples.append(Self.counterExample(claim, machine, table, place.chain, space, expected))
      }
      for clause in place.clauses {
        for end in ends where !clause.outcome.isMet(by: end) {
          guard let bad = clause.spaces.lazy.compactMap({ $0.intersection(end.space) }).first else {
            continue
          }
          note(clause.claim, bad, clause.outcome.words)
        }
      }
      guard let (claim, granted) = place.granted else { continue }
      let outcome = MachineSpecification.Outcome.granted
      let passing = PacketSpaceIndex(ends.filter { outcome.isMet(by: $0) }.map(\.space))
      for rest in place.rest {
        for space in granted {
          guard let asked = space.intersection(rest) else { continue }
          if let bad = passing.remainder(of: asked).first { note(claim, bad, outcome.words) }
        }
      }
      let grants = PacketSpaceIndex(granted)
      for end in ends where !MachineSpecification.Outcome.drop.isMet(by: end) {
        for rest in place.rest {
          guard let asked = end.space.intersection(rest) else { continue }
          if let bad = grants.remainder(of: asked).first {
            note(.ungranted, bad, MachineSpecification.Outcome.drop.words)
          }
        }
      }
    }
  }

  private static func counterExample(
    _ claim: ProofClaim, _ machine: String, _ table: KernelTable, _ chain: String, _ space: PacketSpace,
    _ expected: String
  ) -> CounterExample {
    var alone = table
    alone.chains = table.chains.filter { $0.base == nil || $0.name == chain }
    let packet = space.sample()
    let hook = alone.chains.first { $0.name == chain }?.base?.hook
    let trace = PacketWalk([alone]).trace(packet, hooks: hook.map { [$0] } ?? [])
    let counted = trace.steps.contains { if case .counted = $0.outcome { true } else { false } }
    return CounterExample(
      claim: claim, machine: machine, chain: chain, packet: packet, expected: expected, trace: trace,
      found: "\(trace.verdict.rawValue)\(counted ? ", counted" : ", not counted")")
  }
}

extension MachineSpecification.Outcome {
  /// Whether packets that end so fare as they should.
  func isMet(by end: SpaceWalk.End) -> Bool {
    switch self {
    case .accept: end.verdict == .accept
    case .granted: end.verdict == .accept && end.counter != nil
    case .drop: end.verdict == .drop && end.counter != nil
    case .reject: end.verdict == .reject && end.counter != nil
    }
  }

  /// What should befall a packet, in words.
  var words: String {
    switch self {
    case .accept: "accept"
    case .granted: "accept, counted for its grant"
    case .drop: "drop, counted"
    case .reject: "reject, counted"
    }
  }
}
