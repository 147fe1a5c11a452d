// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
public import Ruleset
public import PacketWalk
internal import PacketSets

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

  private let site: CompiledSite
  private let byName: [String: Machine]
  private let grants: GrantIndex

  /// A proof of which nothing is done yet.
  public init(_ site: CompiledSite) {
    self.site = site
    byName = Dictionary(
      site.policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    grants = GrantIndex(site.policy)
  }

  /// One machine's ruleset, as it was compiled.
  public static func prove(_ ruleset: Ruleset, of machine: Machine, in site: CompiledSite) -> Proof {
    var proof = Proof(site)
    proof.prove(machine, Lowering.table(ruleset))
    return proof
  }

  /// A whole site, proved machine by machine.
  public static func prove(_ site: CompiledSite) -> Proof {
    var proof = Proof(site)
    for machine in site.policy.machines { proof.prove(machine, site.table(of: machine)) }
    return proof
  }

  /// Proves that a table is what one of the policy's machines should have.
  public mutating func prove(_ machine: Machine, _ table: KernelTable) {
    var part = Part()
    part.prove(machine, table, self)
    add(part)
  }

  /// Takes in what was found out about some machines.
  public mutating func add(_ part: Part) {
    machines += part.machines
    classes += part.classes
    counterExamples += part.counterExamples
  }

  /// What is found out about some machines of a site, whose proof is told in the end.
  public struct Part: Sendable {
    fileprivate var machines = 0
    fileprivate var classes = 0
    fileprivate var counterExamples: [CounterExample] = []
    /// Chains that were found to be right, with how many classes they told apart: what is the same on many machines is
    /// proved once.
    private var proved: [Alike: Int] = [:]

    /// The same for chains that differ from machine to machine, of the machine that was proved last: it may be proved again
    /// with another table.
    private var provedGates: [AlikeGate: Int] = [:]
    private var lastMachine = ""

    private struct AlikeGate: Hashable {
      let chain: String
      let rules: KernelTable.Reachable
    }

    /// What the proof of a chain depends on.
    private struct Alike: Hashable {
      let signature: SpecificationWriter.Signature
      let chain: String
      let rules: KernelTable.Reachable
    }

    /// Nothing is found out yet.
    public init() {}

    /// Finds out whether a table is what one of the policy's machines should have.
    public mutating func prove(_ machine: Machine, _ table: KernelTable, _ proof: Proof) {
      machines += 1
      let misplaced = MachineSpecification.misplaced(in: table)
      var table = table
      if !misplaced.isEmpty { table.chains.removeAll { misplaced.contains($0.name) } }
      let specification = MachineSpecification(
        proof.site.policy, machine, proof.byName, today: proof.site.today, live: proof.site.live,
        grants: proof.grants)
      func prove(
        _ place: MachineSpecification.Place, _ walk: SpaceWalk
      ) -> (classes: Int, found: [CounterExample]) {
        let ends = walk.ends(of: place.everything, chain: place.chain)
        return (
          ends.count,
          Proof.differences(place, ends).map { claim, outcome, space in
            Proof.counterExample(
              claim, machine.name, table, place.chain, misplaced, space, outcome.words)
          }
        )
      }
      if lastMachine != machine.name { (provedGates, lastMachine) = ([:], machine.name) }
      for (chain, place) in specification.ingressPlaces {
        let alike = AlikeGate(chain: chain, rules: table.reachable(from: chain))
        if let known = provedGates[alike] {
          classes += known
          continue
        }
        let (count, found) = prove(place(), SpaceWalk(table, only: [chain]))
        classes += count
        counterExamples += found
        if found.isEmpty { provedGates[alike] = count }
      }
      let signature = specification.signature
      for (chain, place) in specification.chainsBehind {
        let alike = Alike(signature: signature, chain: chain, rules: table.reachable(from: chain))
        if let known = proved[alike] {
          classes += known
          continue
        }
        let (count, found) = prove(place(), SpaceWalk(table, only: [chain]))
        classes += count
        counterExamples += found
        if found.isEmpty { proved[alike] = count }
      }
    }
  }

  /// For each claim that does not hold at a place, some packets for which it does not, and what should befall them.
  private static func differences(
    _ place: MachineSpecification.Place, _ ends: [SpaceWalk.End]
  ) -> [(ProofClaim, MachineSpecification.Outcome, PacketSpace)] {
    var found: [(ProofClaim, MachineSpecification.Outcome, PacketSpace)] = []
    func note(_ claim: ProofClaim, _ outcome: MachineSpecification.Outcome, _ space: PacketSpace) {
      if !found.contains(where: { $0.0 == claim }) { found.append((claim, outcome, space)) }
    }
    let wrong = Dictionary(
      uniqueKeysWithValues: MachineSpecification.Outcome.allCases.map { outcome in
        (outcome, ends.filter { !outcome.isMet(by: $0) }.map(\.space))
      })
    for clause in place.clauses {
      let others = wrong[clause.outcome] ?? []
      for space in clause.spaces {
        if let bad = others.first(where: { !$0.isDisjoint(with: space) }),
          let both = bad.intersection(space)
        {
          note(clause.claim, clause.outcome, both)
        }
      }
    }
    guard let (claim, granted) = place.granted else { return found }
    let passing = PacketSpaceIndex(
      ends.filter { MachineSpecification.Outcome.granted.isMet(by: $0) }.map(\.space))
    let grants = PacketSpaceIndex(granted)
    for rest in place.rest {
      for space in granted {
        guard let asked = space.intersection(rest) else { continue }
        if let bad = passing.remainder(of: asked).first { note(claim, .granted, bad) }
      }
      for space in wrong[.drop] ?? [] {
        guard let asked = space.intersection(rest) else { continue }
        if let bad = grants.remainder(of: asked).first { note(.ungranted, .drop, bad) }
      }
    }
    return found
  }

  private static func counterExample(
    _ claim: ProofClaim, _ machine: String, _ table: KernelTable, _ chain: String,
    _ misplaced: Set<String>, _ space: PacketSpace, _ expected: String
  ) -> CounterExample {
    var alone = table
    alone.chains = table.chains.filter { $0.base == nil || $0.name == chain }
    let packet = space.sample()
    let hook = alone.chains.first { $0.name == chain }?.base?.hook
    let trace = PacketWalk([alone]).trace(packet, hooks: hook.map { [$0] } ?? [])
    let counted = trace.steps.contains { if case .counted = $0.outcome { true } else { false } }
    return CounterExample(
      claim: claim, machine: machine,
      chain: misplaced.contains(chain) ? "\(chain), which is not hooked in where it belongs" : chain,
      packet: packet, expected: expected, trace: trace,
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
    case .reject: end.verdict == .reject && end.counter != nil && !end.isReset
    case .reset: end.verdict == .reject && end.counter != nil && end.isReset
    }
  }

  /// What should befall a packet, in words.
  var words: String {
    switch self {
    case .accept: "accept"
    case .granted: "accept, counted for its grant"
    case .drop: "drop, counted"
    case .reject: "reject with an ICMP error, counted"
    case .reset: "reject with a TCP reset, counted"
    }
  }
}
