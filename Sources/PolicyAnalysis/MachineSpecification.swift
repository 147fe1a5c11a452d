// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyLanguage
internal import Ruleset
internal import PacketSets

/// What a machine's ruleset has to do with every packet there can be, at each place where it sees them: the policy
/// language's meaning, said once more in classes of packets. A ruleset is right where it does the same.
///
/// Each place is specified by itself, since any other table may have changed a packet between two of them.
struct MachineSpecification {
  /// What is to befall a class of packets.
  enum Outcome: CaseIterable {
    /// Passes this place.
    case accept
    /// Passes this place, counted for a grant.
    case granted
    /// Is dropped without an answer, and counted.
    case drop
    /// Is refused with an ICMP error, and counted.
    case reject
    /// Is refused with a TCP reset, and counted.
    case reset
  }

  /// Packets that fare alike for one reason.
  struct Clause {
    let claim: ProofClaim
    let spaces: [PacketSpace]
    let outcome: Outcome
  }

  /// A place where the machine's table sees packets.
  struct Place {
    /// The base chain.
    let chain: String
    /// Everything that may come there.
    let everything: [PacketSpace]
    /// No packet is in two of them.
    let clauses: [Clause]
    /// What grants let through of what no clause speaks of; all else of that is dropped.
    let granted: (claim: ProofClaim, spaces: [PacketSpace])?
    /// What no clause speaks of.
    let rest: [PacketSpace]
  }

  /// Where each base chain has to be hooked in for its place to be what it is specified as.
  private static let hooks: [String: (hook: UInt32, priorities: ClosedRange<Int32>)] = [
    // Before NF_IP_PRI_CONNTRACK (-200); then between it and NF_IP_PRI_NAT_DST (-100).
    // NF_IP_PRI_CONNTRACK_DEFRAG is -400.
    "sources": (NFT.hookPrerouting, .min ... -401), "raw": (NFT.hookPrerouting, .min ... -201),
    "ingress": (NFT.hookPrerouting, -199 ... -101),
    "input": (NFT.hookInput, .min ... .max), "forward": (NFT.hookForward, .min ... .max),
    "output": (NFT.hookOutput, .min ... .max),
    // Behind NF_IP_PRI_NAT_SRC (100), when the source is what leaves.
    "postrouting": (NFT.hookPostrouting, 101 ... .max),
  ]

  /// The base chains of a table that are not hooked in where they belong: there, they see no packet.
  static func misplaced(in table: KernelTable) -> Set<String> {
    Set(
      table.chains.compactMap { chain in
        guard let base = chain.base, let place = hooks[chain.name] else { return nil }
        let isRight =
          base.hook == place.hook && place.priorities.contains(base.priority) && base.type == "filter"
        return isRight ? nil : chain.name
      })
  }

  private let writer: SpecificationWriter

  init(
    _ policy: Policy, _ machine: Machine, _ machines: [String: Machine], today: CalendarDate,
    live: LiveEndpoints, grants: GrantIndex
  ) {
    let traffic = GrantedTraffic(policy, machine, machines, today: today, grants: grants)
    writer = SpecificationWriter(policy, machine, machines, traffic, live)
  }

  /// The places where grants and addresses decide: they differ from machine to machine.
  var ingressPlaces: [(chain: String, place: () -> Place)] {
    [("sources", writer.sources), ("raw", writer.raw), ("ingress", writer.ingress)]
  }

  /// The base chains after ingress, each with what is specified of it.
  var chainsBehind: [(chain: String, place: () -> Place)] {
    [
      ("input", writer.input), ("forward", writer.forward), ("output", writer.output),
      ("postrouting", writer.postrouting),
    ]
  }

  /// What the places after ingress hang on.
  var signature: SpecificationWriter.Signature { writer.signature }
}

/// One property that a proof is about.
public enum ProofClaim: String, Sendable, CaseIterable {
  /// No source reaches a service that no grant gives it: not from outside a tunnel, not inside one.
  case ungranted = "nothing ungranted passes"
  /// What is granted gets through, at every packet of its flow.
  case granted = "what is granted passes"
  /// Between machines of `encrypt` nothing leaves or enters in the clear.
  case encrypted = "nothing between encrypted machines is in the clear"
  /// Tunnel addresses pass on their tunnel alone.
  case tunnelAddresses = "a tunnel address passes on its tunnel alone"
  /// Addresses of a zone, and those behind another machine, are sources there alone.
  case zoneSources = "an address is a source where it belongs alone"
  /// Addresses that no wire carries are dropped first.
  case impossible = "an address that no wire carries is dropped"
  /// No packet is forwarded by a way that its sender wrote into it.
  case sourceRoutes = "no sender chooses the way"
  /// An interface with a tunnel's name is believed if it is one.
  case linkTypes = "a tunnel's interface has a tunnel's link type"
  /// Routes are not changed by neighbours that are no routers.
  case redirects = "no redirect and no container changes a route"
  /// What is inside a tunnel or behind it leaves by the tunnel alone.
  case tunnelOnly = "a tunnel's destinations are reached by it alone"
  /// What only hosts speak is not forwarded from containers.
  case hostServices = "containers do not speak as their host"
  /// Blocked lists are dropped first.
  case blocked = "blocked sources are dropped first"
  /// First packets to closed ports cost no connection.
  case closedPorts = "a closed port costs no tracked connection"
  /// Nothing is forwarded but containers' traffic outward and what grants route.
  case forwarded = "nothing is forwarded that is not granted"
  /// What cannot be a packet of a connection is dropped, and no connection is taken up in its middle.
  case midstream = "no connection is taken up in its middle"
  /// Loopback, replies, errors, discovery and what hosts and containers send work.
  case works = "what must work, works"
}
