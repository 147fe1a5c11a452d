// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// The result of a walk: the rules that a packet matched in the chains of some hooks, in order. The last step
/// gives the verdict.
public struct Trace: Sendable, Hashable {
  /// The rules that it matched, in order.
  public internal(set) var steps: [TraceStep] = []

  /// How many rules the kernel evaluates on the way, those that the packet does not match included: what the way costs.
  public internal(set) var evaluatedRules = 0

  /// The packet at the end of the walk: with its translations, mark and interfaces.
  public internal(set) var packet: Packet?

  /// The interfaces of all next hops of the packet's route, if it has several: it may go out through any of them.
  public internal(set) var nextHops: [InterfaceName] = []

  /// What was read of the packet on its way: others that are the same there end in the same way.
  public internal(set) var reads: PacketParts = []

  /// Whether anything on the packet's way read its destination port.
  public var dependsOnPort: Bool { reads.contains(.destinationPort) }

  /// Whether the connection's mark is known at the end of the walk: a rule that may match or not may have set it.
  public internal(set) var knowsConnectionMark = true
  /// Other ways that the packet may go, with the same verdict: what decides is chance, such as the server to which a rule
  /// translates by a random number. Those that end as this one does are left out.
  public internal(set) var others: [Trace] = []

  /// If the verdict is undetermined: what it is if the rule of the last step matches, and what it is if not. Nil if that is not
  /// known either, or if nobody asked for it (`PacketWalk.findsAlternatives`).
  public internal(set) var alternatives: Alternatives?

  /// Two verdicts of which one is the packet's.
  public struct Alternatives: Sendable, Hashable {
    /// The verdict if the rule matches.
    public let matching: TraceVerdict
    /// The verdict if it does not.
    public let otherwise: TraceVerdict
    /// Whether chance decides, not a fact.
    public let isChance: Bool
  }

  /// A trace without steps.
  public init() {}

  /// The verdict; accept if no step says otherwise.
  public var verdict: TraceVerdict {
    switch steps.last?.outcome {
    case .verdict(.drop), .policy(.drop), .unroutable: .drop
    case .reject: .reject
    case .undetermined: .undetermined
    case .verdict, .policy, .counted, .opened, .translated, .marked, .assumed, .routed, nil: .accept
    }
  }

  /// This trace, followed by another one.
  public func followed(by other: Trace) -> Trace {
    var both = self
    both.steps += other.steps
    both.evaluatedRules += other.evaluatedRules
    both.packet = other.packet
    both.nextHops = other.nextHops
    both.reads.formUnion(other.reads)
    both.knowsConnectionMark = other.knowsConnectionMark
    both.others = other.others
    both.alternatives = other.alternatives
    return both
  }

  /// The rule or policy that decided: the last step; for an accepted packet the last step that counted it for
  /// a grant.
  public var deciding: TraceStep? {
    guard verdict == .accept else { return steps.last }
    return steps.last { if case .counted = $0.outcome { true } else { false } } ?? steps.last
  }
}

/// The verdict for a packet.
public enum TraceVerdict: String, Sendable, Hashable {
  case accept
  case drop
  case reject
  /// It depends on an expression that the walk cannot evaluate.
  case undetermined
}

/// A rule that a packet matched, a chain's policy, or what the host itself did between two hooks.
public struct TraceStep: Sendable, Hashable {
  /// The table's name; empty for a step of the host.
  public let table: String
  /// The table's family (`NFPROTO_…`); 0 for a step of the host.
  public let family: UInt8
  /// The part of the kernel that has the table.
  public internal(set) var subsystem = KernelTable.Subsystem.nfTables
  /// The chain's name, or `routing`.
  public let chain: String
  /// The hook of the base chain that led here; nil for a step of the host.
  public let base: BaseChain?
  /// The rule's index in its chain, from 0; nil for the chain's policy.
  public let rule: Int?
  /// The rule as the kernel has it; nil for the chain's policy.
  public let source: KernelRule?
  /// The sets of the rule's table, which its text may print.
  let sets: [KernelSet]
  /// What happened in this step.
  public internal(set) var outcome: TraceOutcome

  /// The rule's comment.
  public var comment: String? { source?.comment }

  /// Where the rule comes from; nil for a rule that no known policy compiles to, and for the chain's policy.
  public var origin: Origin? { source?.origin }

  /// The kernel's number of the rule, which `nft` needs to delete it; 0 if it was never in the kernel.
  public var handle: UInt64 { source?.handle ?? 0 }

  /// Where the step is: family and name of the table, chain, and the rule's handle or number. In a table of legacy iptables:
  /// `legacy ip filter INPUT rule 3`.
  public var place: String {
    if table.isEmpty { return chain }
    let rule = handle > 0 ? "handle \(handle)" : rule.map { "rule \($0 + 1)" } ?? "policy"
    return "\(RuleText.table(family, table, subsystem)) \(chain) \(rule)"
  }

  /// The hook of the base chain in `nft`'s words, with the devices of a netdev or ingress chain; nil for a step of the host.
  public var hookName: String? {
    guard let base else { return nil }
    let names =
      family == NFT.familyNetdev
      ? ["ingress", "egress"] : NFT.hookNames + ["ingress"]
    let name = names.indices.contains(Int(base.hook)) ? names[Int(base.hook)] : "hook \(base.hook)"
    return base.devices.isEmpty ? name : "\(name) \(base.devices.joined(separator: ", "))"
  }

  /// The rule on one line, close to how nft or iptables writes it; empty for the chain's policy.
  public var text: String { source.map { RuleText.line($0, family: family, sets: sets) } ?? "" }

  /// Whether both steps are equal. The sets of the whole table are not compared.
  public static func == (left: Self, right: Self) -> Bool {
    left.table == right.table && left.family == right.family && left.subsystem == right.subsystem
      && left.chain == right.chain && left.base == right.base
      && left.rule == right.rule && left.source == right.source && left.outcome == right.outcome
  }

  /// Hashes the place and the outcome.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(table)
    hasher.combine(chain)
    hasher.combine(rule)
    hasher.combine(outcome)
  }
}

extension Trace {
  /// Whether another walk of the packet has the same verdict and, if it is accepted, the same addresses, ports and output; if
  /// it is rejected, the same answer.
  func endsAlike(_ other: Trace) -> Bool {
    guard verdict == other.verdict else { return false }
    if verdict == .reject {
      return steps.last?.source?.expressions.last == other.steps.last?.source?.expressions.last
    }
    guard verdict == .accept, let packet, let end = other.packet else { return true }
    return packet.source == end.source && packet.destination == end.destination
      && packet.sourcePort == end.sourcePort && packet.destinationPort == end.destinationPort
      && (packet.output == end.output || isNextHop(packet.output) && isNextHop(end.output))
      && packet.status == end.status
  }

  private func isNextHop(_ output: InterfaceName?) -> Bool { output.map(nextHops.contains) ?? false }
}

/// What a step did.
public enum TraceOutcome: Sendable, Hashable {
  case verdict(VerdictCode)
  case reject
  /// The packet was counted in a named counter.
  case counted(String)
  /// An element of a set of temporary grants let the packet in; the element's comment: who opened it, and
  /// why.
  case opened(String)
  case policy(BasePolicy)
  /// The rule depends on this expression.
  case undetermined(expression: String)
  /// The packet's addresses were changed; later packets of the connection are changed in the same way.
  case translated(Translation)
  /// The packet has this mark from here on.
  case marked(UInt32)
  /// The walk assumed this: for example, that a rate is within its limit.
  case assumed(String)
  /// The host's routing decision.
  case routed(RouteAnswer)
  /// The host drops the packet: it has no route, or the hop limit is used up.
  case unroutable(String)
}

/// A change of one end of a packet.
public struct Translation: Sendable, Hashable {
  /// The end that is changed.
  public let side: TranslationSide
  /// The new address; nil if it is not known.
  public let address: IPAddress?
  /// The new port in host order, 0 if the protocol has no ports; nil if it is not known.
  public let port: UInt16?
}
