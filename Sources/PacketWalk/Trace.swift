// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import Ruleset

/// What befell a packet on its way through the chains of some hooks: the rules that it met and matched, in order. The
/// verdict is that of the last step.
public struct Trace: Sendable, Hashable {
  /// The rules that it matched, in order.
  public internal(set) var steps: [TraceStep] = []

  /// The packet as it was last: with its translations, mark and interfaces.
  public internal(set) var packet: Packet?

  /// Nothing befell it.
  public init() {}

  /// How it ended; nothing that objects is acceptance.
  public var verdict: TraceVerdict {
    switch steps.last?.outcome {
    case .verdict(.drop), .policy(.drop), .unroutable: .drop
    case .reject: .reject
    case .undetermined: .undetermined
    case .verdict, .policy, .counted, .opened, .translated, .marked, .assumed, .routed, nil: .accept
    }
  }

  /// This way, then that one.
  public func followed(by other: Trace) -> Trace {
    var both = self
    both.steps += other.steps
    both.packet = other.packet
    return both
  }

  /// The rule or policy that decided: the last step; for an accepted packet the last that counted it as a grant's.
  public var deciding: TraceStep? {
    guard verdict == .accept else { return steps.last }
    return steps.last { if case .counted = $0.outcome { true } else { false } } ?? steps.last
  }
}

/// How a packet's walk ended.
public enum TraceVerdict: String, Sendable, Hashable {
  case accept
  case drop
  case reject
  /// It hangs on an expression that the walk does not speak.
  case undetermined
}

/// A rule that a packet matched, a chain's policy, or what the host itself did between two hooks.
public struct TraceStep: Sendable, Hashable {
  /// The table's name; empty for what the host does.
  public let table: String
  /// The table's family (`NFPROTO_…`); 0 for what the host does.
  public let family: UInt8
  /// The chain's name, or `routing`.
  public let chain: String
  /// Where the base chain is hooked in that led here; nil for what the host does.
  public let base: BaseChain?
  /// The rule's place in its chain, from 0; nil for the chain's policy.
  public let rule: Int?
  /// The rule as the kernel has it; nil for the chain's policy.
  public let source: KernelRule?
  /// The sets of the rule's table, which its text may show.
  let sets: [KernelSet]
  /// What happened there.
  public let outcome: TraceOutcome

  /// The rule's comment.
  public var comment: String? { source?.comment }

  /// The kernel's number of the rule, by which `nft` deletes it; 0 where it was never in the kernel.
  public var handle: UInt64 { source?.handle ?? 0 }

  /// Where it is: the family and name of the table, the chain, and the kernel's number of the rule or its place.
  public var place: String {
    if table.isEmpty { return chain }
    let rule = handle > 0 ? "handle \(handle)" : rule.map { "rule \($0 + 1)" } ?? "policy"
    return "\(RuleText.family(family)) \(table) \(chain) \(rule)"
  }

  /// The rule on one line, near to how nft or iptables would write it; empty for the chain's policy.
  public var text: String { source.map { RuleText.line($0, family: family, sets: sets) } ?? "" }

  /// Whether they say the same. The sets, which are the whole table's, are not compared.
  public static func == (left: Self, right: Self) -> Bool {
    left.table == right.table && left.family == right.family && left.chain == right.chain
      && left.base == right.base
      && left.rule == right.rule && left.source == right.source && left.outcome == right.outcome
  }

  /// Takes the place and the outcome.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(table)
    hasher.combine(chain)
    hasher.combine(rule)
    hasher.combine(outcome)
  }
}

/// What a step did.
public enum TraceOutcome: Sendable, Hashable {
  case verdict(VerdictCode)
  case reject
  /// The packet counted in a named counter.
  case counted(String)
  /// The packet is let in by an element of a set of openings, which has this comment: who opened it, and why.
  case opened(String)
  case policy(BasePolicy)
  /// The rule hangs on this expression.
  case undetermined(expression: String)
  /// The packet's addresses were changed; the connection's later packets will be alike.
  case translated(Translation)
  /// The packet has this mark from here on.
  case marked(UInt32)
  /// The walk took this for granted: that a rate is within its limit.
  case assumed(String)
  /// The host decided where the packet goes.
  case routed(RouteAnswer)
  /// The host throws the packet away, for want of a route or of hops.
  case unroutable(String)
}

/// A change of one end of a packet.
public struct Translation: Sendable, Hashable {
  /// Which end.
  public let side: TranslationSide
  /// The new address; nil where it is not known.
  public let address: IPAddress?
  /// The new port in host order, 0 where the protocol has none; nil where it is not known.
  public let port: UInt16?
}
