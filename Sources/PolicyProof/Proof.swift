// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
public import PolicyAnalysis
public import Ruleset
public import PacketWalk
internal import PacketSets

/// A proof that the rulesets of machines do what the policy specifies, for every possible packet at every
/// base chain. Packets are grouped into the classes that the rulesets distinguish.
public struct Proof: Sendable {
  /// A packet whose verdict differs from the policy.
  public struct CounterExample: Sendable {
    /// The claim that does not hold.
    public let claim: ProofClaim
    /// The machine on which it does not hold.
    public let machine: String
    /// The base chain with the wrong verdict.
    public let chain: String
    /// The packet.
    public let packet: Packet
    /// The verdict that the policy specifies.
    public let expected: String
    /// The walk of the packet through that chain.
    public let trace: Trace
    /// The verdict of the chain.
    public let found: String
  }

  /// The number of checked machines.
  public private(set) var machines = 0
  /// The number of classes of packets that their rulesets distinguish.
  public private(set) var classes = 0
  /// The counter-examples, at most one for each machine, chain and claim.
  public private(set) var counterExamples: [CounterExample] = []

  private let site: CompiledSite
  private let byName: [String: Machine]
  private let grants: GrantIndex

  /// Creates an empty proof of a site.
  public init(_ site: CompiledSite) {
    self.site = site
    byName = Dictionary(
      site.policy.machines.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    grants = GrantIndex(site.policy)
  }

  /// Proves one machine's compiled ruleset.
  public static func prove(_ ruleset: Ruleset, of machine: Machine, in site: CompiledSite) -> Proof {
    var proof = Proof(site)
    proof.prove(machine, Lowering.table(ruleset))
    return proof
  }

  /// Proves a whole site, machine by machine.
  public static func prove(_ site: CompiledSite) -> Proof {
    var proof = Proof(site)
    for machine in site.policy.machines { proof.prove(machine, site.table(of: machine)) }
    return proof
  }

  /// Checks the table of one of the policy's machines against its specification.
  public mutating func prove(_ machine: Machine, _ table: KernelTable) {
    var part = Part()
    part.prove(byName[machine.name] ?? machine, table, self)
    add(part)
  }

  /// Adds the results for some machines.
  public mutating func add(_ part: Part) {
    machines += part.machines
    classes += part.classes
    counterExamples += part.counterExamples
  }

  /// The results for some machines of a site; `add` collects them in a proof.
  public struct Part: Sendable {
    fileprivate var machines = 0
    fileprivate var classes = 0
    fileprivate var counterExamples: [CounterExample] = []
    /// Chains that are proved, with the number of classes that they distinguish. Chains that are the same on
    /// many machines are proved once.
    private var proved: [Alike: Int] = [:]

    /// The same for chains that differ from machine to machine. Only those of the last machine are stored: it
    /// may be proved again with another table.
    private var provedIngress: [AlikeIngress: Int] = [:]
    private var lastMachine = ""

    private struct AlikeIngress: Hashable {
      let chain: String
      let rules: KernelTable.Reachable
    }

    /// The values that the proof of a chain depends on.
    private struct Alike: Hashable {
      let signature: SpecificationWriter.Signature
      let addresses: [Prefix]
      let chain: String
      let rules: KernelTable.Reachable
    }

    /// Creates an empty result.
    public init() {}

    /// Checks the table of one of the policy's machines against its specification.
    public mutating func prove(_ machine: Machine, _ table: KernelTable, _ proof: Proof) {
      machines += 1
      let misplaced = MachineSpecification.misplaced(in: table)
      var table = table
      if !misplaced.isEmpty { table.chains.removeAll { misplaced.contains($0.name) } }
      let specification = MachineSpecification(
        proof.site.policy, machine, proof.byName, today: proof.site.today, live: proof.site.live,
        grants: proof.grants)
      for (rates, specification) in specification.aboveLimits {
        proveAbove(rates, specification, machine.name, table, misplaced)
      }
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
      if lastMachine != machine.name { (provedIngress, lastMachine) = ([:], machine.name) }
      for (chain, place) in specification.ingressPlaces {
        let alike = AlikeIngress(chain: chain, rules: table.reachable(from: chain))
        if let known = provedIngress[alike] {
          classes += known
          continue
        }
        let (count, found) = prove(place(), SpaceWalk(table, only: [chain]))
        classes += count
        counterExamples += found
        if found.isEmpty { provedIngress[alike] = count }
      }
      let signature = specification.signature
      for (chain, place) in specification.chainsBehind {
        let alike = Alike(
          signature: signature, addresses: specification.addresses(in: chain), chain: chain,
          rules: table.reachable(from: chain))
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

    /// Checks the places of a table for packets whose rates are above their limits.
    private mutating func proveAbove(
      _ rates: Set<RateCondition>, _ specification: MachineSpecification, _ machine: String,
      _ table: KernelTable,
      _ misplaced: Set<String>
    ) {
      for (chain, place) in specification.ingressPlaces + specification.chainsBehind {
        let place = place()
        let ends = SpaceWalk(table, only: [chain]).exceeding(rates).ends(of: place.everything, chain: chain)
        classes += ends.count
        counterExamples += Proof.differences(place, ends).map { claim, outcome, space in
          Proof.counterExample(
            claim, machine, table, chain, misplaced, space, "\(outcome.words), above a limit")
        }
      }
    }
  }

  /// For each claim that does not hold at a place, packets for which it does not hold, and their required
  /// outcome.
  private static func differences(
    _ place: MachineSpecification.Place, _ ends: [SpaceWalk.End]
  ) -> [(ProofClaim, MachineSpecification.Outcome, PacketSpace)] {
    var found: [(ProofClaim, MachineSpecification.Outcome, PacketSpace)] = []
    func note(_ claim: ProofClaim, _ outcome: MachineSpecification.Outcome, _ space: PacketSpace) {
      if !found.contains(where: { $0.0 == claim }) { found.append((claim, outcome, space)) }
    }
    // Asked once of each end: there are many more pairs of ends and other spaces.
    let spaces = ends.map(\.space)
    func places(where isMeant: (SpaceWalk.End) -> Bool) -> [Int] { ends.indices.filter { isMeant(ends[$0]) } }
    let wrong = Dictionary(
      uniqueKeysWithValues: Set(place.clauses.map(\.outcome)).map { outcome in
        (outcome, places { !outcome.isMet(by: $0) }.map { spaces[$0] })
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
      places { MachineSpecification.Outcome.granted.isMet(by: $0) }.map { spaces[$0] })
    let stopped = places { MachineSpecification.Outcome.drop.isMet(by: $0) && !$0.isTagged }
    let others = places { !MachineSpecification.Outcome.drop.isMet(by: $0) && !$0.isTagged }
    let marked = places(where: \.isTagged)
    let grants = PacketSpaceIndex(granted)
    let tagged = PacketSpaceIndex(place.tagged)
    let (answered, silent) = (PacketSpaceIndex(place.answered), PacketSpaceIndex(place.silent))
    /// Whether all packets of a space get the answer that they must get: a reset for the first packet of a connection.
    func isAnswered(_ end: SpaceWalk.End, _ space: PacketSpace) -> Bool {
      guard end.verdict == .reject, end.counter != nil, answered.remainder(of: space).isEmpty else {
        return false
      }
      let first = space.narrowed(SpecificationWriter.firstOfConnection)
      return end.isReset ? first == space : first == nil
    }
    for rest in place.rest {
      for space in granted {
        guard let asked = space.intersection(rest) else { continue }
        if let bad = passing.remainder(of: asked).first { note(claim, .granted, bad) }
      }
      for end in others {
        guard let asked = spaces[end].intersection(rest) else { continue }
        if let bad = grants.remainder(of: asked).first(where: { !isAnswered(ends[end], $0) }) {
          note(.ungranted, .drop, bad)
        }
      }
      // What must be answered, and is not.
      for end in stopped where !place.answered.isEmpty {
        guard let left = spaces[end].intersection(rest) else { continue }
        for space in place.answered {
          guard let asked = left.intersection(space) else { continue }
          if let bad = silent.remainder(of: asked).first { note(.answered, .reject, bad) }
        }
      }
      for end in marked {
        guard let asked = spaces[end].intersection(rest) else { continue }
        if let bad = tagged.remainder(of: asked).first { note(.ungranted, .drop, bad) }
      }
      for end in stopped + others where !place.tagged.isEmpty {
        guard let left = spaces[end].intersection(rest) else { continue }
        for space in place.tagged {
          guard let asked = left.intersection(space) else { continue }
          if let bad = grants.remainder(of: asked).first { note(.sameInterface, .tagged, bad) }
        }
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
      chain: misplaced.contains(chain) ? "\(chain), which is not at its hook and priority" : chain,
      packet: packet, expected: expected, trace: trace,
      found: "\(trace.verdict.rawValue)\(counted ? ", counted" : ", not counted")")
  }
}

extension MachineSpecification.Outcome {
  /// Whether packets with this end have the required outcome.
  func isMet(by end: SpaceWalk.End) -> Bool {
    switch self {
    case .accept: end.verdict == .accept && end.translation == nil
    case .granted: end.verdict == .accept && end.counter != nil
    case .drop: end.verdict == .drop && end.counter != nil
    case .reject: end.verdict == .reject && end.counter != nil && !end.isReset
    case .reset: end.verdict == .reject && end.counter != nil && end.isReset
    case .tagged: end.isTagged
    case .translated(let translation): end.translation == translation
    }
  }

  /// The required outcome, in words.
  var words: String {
    switch self {
    case .accept: "accept"
    case .granted: "accept, counted for its grant"
    case .drop: "drop, counted"
    case .reject: "reject with an ICMP error, counted"
    case .reset: "reject with a TCP reset, counted"
    case .tagged: "accept with the tag"
    case .translated(let translation): translation.text
    }
  }
}
