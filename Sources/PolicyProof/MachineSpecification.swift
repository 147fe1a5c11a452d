// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import PolicyAnalysis
internal import Ruleset
internal import PacketSets

/// What a machine's ruleset must do with every possible packet, at each base chain: the meaning of the
/// policy, written a second time as packet spaces. A ruleset is correct if it does the same.
///
/// Each place is specified independently, because another table may change a packet between two of them.
struct MachineSpecification {
  /// The required result for a packet space at a place.
  enum Outcome: Hashable {
    /// Accepted at this place.
    case accept
    /// Accepted at this place, and counted for a grant.
    case granted
    /// Dropped without an answer, and counted.
    case drop
    /// Rejected with an ICMP error, and counted.
    case reject
    /// Rejected with a TCP reset, and counted.
    case reset
    /// Let pass with the tag: it may only stay on its interface.
    case tagged
    /// Translated like this.
    case translated(AddressTranslation)
  }

  /// Packets that have the same required outcome for one reason.
  struct Clause {
    let claim: ProofClaim
    let spaces: [PacketSpace]
    let outcome: Outcome
  }

  /// A place where the machine's table sees packets: one base chain.
  struct Place {
    /// The base chain.
    let chain: String
    /// All packets that can arrive there.
    let everything: [PacketSpace]
    /// The clauses. No packet is in two of them.
    let clauses: [Clause]
    /// The packets that grants accept, of those that no clause covers. The other packets that no clause
    /// covers are dropped.
    let granted: (claim: ProofClaim, spaces: [PacketSpace])?
    /// The packets that are tagged instead of dropped if no grant accepts them.
    var tagged: [PacketSpace] = []
    /// The packets that get an answer if no grant accepts them, except those that may be stopped in silence.
    var answered: [PacketSpace] = []
    var silent: [PacketSpace] = []
    /// The packets that no clause covers.
    let rest: [PacketSpace]
  }

  /// The hook and the priorities that each base chain must have, so that its place is the specified one.
  private static let hooks: [String: (hook: UInt32, priorities: ClosedRange<Int32>)] = [
    // Before NF_IP_PRI_CONNTRACK (-200); then between it and NF_IP_PRI_NAT_DST (-100).
    // NF_IP_PRI_CONNTRACK_DEFRAG is -400.
    "sources": (NFT.hookPrerouting, .min ... -401),
    "ingress": (NFT.hookPrerouting, -199 ... -101),
    "input": (NFT.hookInput, .min ... .max), "forward": (NFT.hookForward, .min ... .max),
    "output": (NFT.hookOutput, .min ... .max),
    // After NF_IP_PRI_NAT_SRC (100): the source is already the translated one.
    "postrouting": (NFT.hookPostrouting, 101 ... .max),
    // After those of other programs, at NF_IP_PRI_NAT_DST (-100) and NF_IP_PRI_NAT_SRC (100).
    "translate-destinations": (NFT.hookPrerouting, -99 ... -1),
    "translate-sources": (NFT.hookPostrouting, 101...149),
  ]

  /// The base chains of type `nat`; the others are of type `filter`.
  private static let translating: Set<String> = ["translate-destinations", "translate-sources"]

  /// The base chains of a table with a wrong hook, priority or type. The proof treats them as if they saw no
  /// packet.
  static func misplaced(in table: KernelTable) -> Set<String> {
    Set(
      table.chains.compactMap { chain in
        guard let base = chain.base, let place = hooks[chain.name] else { return nil }
        let isRight =
          base.hook == place.hook && place.priorities.contains(base.priority)
          && base.type == (translating.contains(chain.name) ? "nat" : "filter")
        return isRight ? nil : chain.name
      })
  }

  private let writer: SpecificationWriter

  init(
    _ policy: Policy, _ machine: Machine, _ machines: [String: Machine], today: CalendarDate,
    live: LiveFacts, grants: GrantIndex
  ) {
    let traffic = GrantedTraffic(policy, machine, machines, today: today, grants: grants)
    writer = SpecificationWriter(policy, machine, machines, traffic, live)
  }

  /// The same with rates above their limits.
  private init(_ writer: SpecificationWriter) { self.writer = writer }

  /// The specifications for packets whose rates are above limits: one for each limit of a grant, and one for the answers
  /// of `refuse`. Empty if the policy has neither.
  var aboveLimits: [(rates: Set<RateCondition>, specification: MachineSpecification)] {
    var rates = writer.traffic.limits.sorted().map { Set([RateCondition.connections($0)]) }
    if !writer.answered.isEmpty { rates.append([.packets(PacketRate(perSecond: 100))]) }
    return rates.map { rates in
      var exceeding = writer
      exceeding.exceeded = rates
      return (rates, MachineSpecification(exceeding))
    }
  }

  /// The places where grants and addresses decide. They differ from machine to machine.
  var ingressPlaces: [(chain: String, place: () -> Place)] {
    [("sources", writer.sources), ("ingress", writer.ingress)]
  }

  /// The base chains behind ingress, each with its specification.
  var chainsBehind: [(chain: String, place: () -> Place)] {
    [
      ("input", writer.input), ("forward", writer.forward), ("output", writer.output),
      ("postrouting", writer.postrouting), ("translate-destinations", writer.destinations),
      ("translate-sources", writer.leavingSources),
    ]
  }

  /// What the places behind ingress depend on.
  var signature: SpecificationWriter.Signature { writer.signature }

  /// What the place of a chain depends on beside the signature.
  func addresses(in chain: String) -> [Prefix] { chain == "input" ? writer.ownAddresses : [] }
}

/// A property that a proof checks.
public enum ProofClaim: String, Sendable, CaseIterable {
  /// No source reaches a service without a grant, neither from outside a tunnel nor inside one.
  case ungranted = "traffic without a grant does not pass"
  /// Every packet of a granted flow passes.
  case granted = "granted traffic passes"
  /// Traffic between machines of `encrypt` neither leaves nor enters in the clear.
  case encrypted = "traffic between machines of 'encrypt' is never in the clear"
  /// Tunnel addresses pass only on their tunnel.
  case tunnelAddresses = "a tunnel address passes only on its tunnel"
  /// Addresses of a zone, and addresses behind another machine, are accepted as sources only on their home.
  case zoneSources = "a source address is accepted only on its home"
  /// Packets with addresses that are not valid on a network are dropped first.
  case impossible = "a packet with an address that is not valid on a network is dropped"
  /// No packet with a source route is accepted.
  case sourceRoutes = "a source-routed packet is dropped"
  /// Packets from an interface with a tunnel's name are accepted only if its link type is a tunnel's.
  case linkTypes = "an interface with a tunnel's name must have a tunnel's link type"
  /// ICMP redirects, and router advertisements from tunnels and containers, do not change routes.
  case redirects = "no redirect, tunnel or container changes a route"
  /// Packets to addresses inside a tunnel or behind it leave only through the tunnel.
  case tunnelOnly = "the destinations of a tunnel are reached only through it"
  /// Services that only hosts use are not forwarded from containers.
  case hostServices = "containers do not use services between hosts"
  /// Blocked lists are dropped first.
  case blocked = "blocked sources are dropped first"
  /// A first packet to a closed port creates no conntrack entry.
  case closedPorts = "a packet to a closed port creates no conntrack entry"
  /// Only outbound traffic of containers and granted traffic are forwarded.
  case forwarded = "traffic without a grant is not forwarded"
  /// What stays on one bridge or interface of a network passes, and nothing else that no grant accepts.
  case sameInterface = "traffic that stays on an interface of a network passes"
  /// Packets that belong to no connection are refused, and conntrack does not pick up a connection midstream.
  case midstream = "no connection is picked up midstream"
  /// Addresses and ports are translated as `translate` says.
  case translated = "addresses are translated as 'translate' says, and no others"
  /// What `confine` names leaves only if a grant allows it.
  case confined = "what 'confine' names leaves only by a grant"
  /// Senders in zones of `refuse` get an answer to what no grant accepts.
  case answered = "what no grant accepts from a zone of 'refuse' is answered"
  /// Loopback, replies, ICMP errors, neighbour discovery and outbound traffic of hosts and containers pass.
  case works = "replies, errors, discovery and outbound traffic pass"
}
