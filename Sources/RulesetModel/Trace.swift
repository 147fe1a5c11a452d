// SPDX-License-Identifier: GPL-3.0-or-later

/// What befell a packet on its way through the chains of some hooks: the rules that it met and matched, in order. The
/// verdict is that of the last step.
public struct Trace: Sendable, Hashable {
  /// The rules that it matched, in order.
  public internal(set) var steps: [TraceStep] = []

  /// How it ended; nothing that objects is acceptance.
  public var verdict: TraceVerdict {
    switch steps.last?.outcome {
    case .verdict(.drop), .policy(.drop): .drop
    case .reject: .reject
    case .undetermined: .undetermined
    case .verdict, .policy, .counted, nil: .accept
    }
  }

  /// This way, then that one.
  public func followed(by other: Trace) -> Trace {
    var both = self
    both.steps += other.steps
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

/// A rule that a packet matched, or a chain's policy.
public struct TraceStep: Sendable, Hashable {
  /// The table's name.
  public let table: String
  /// The chain's name.
  public let chain: String
  /// The rule's place in its chain, from 0; nil for the chain's policy.
  public let rule: Int?
  /// The rule's user data; empty for the chain's policy.
  let userdata: [UInt8]
  /// What happened there.
  public let outcome: TraceOutcome

  /// The rule's comment.
  public var comment: String? { Userdata.text(type: NFT.udataComment, in: userdata) }
}

/// What a step did.
public enum TraceOutcome: Sendable, Hashable {
  case verdict(VerdictCode)
  case reject
  /// The packet counted in a named counter.
  case counted(String)
  case policy(BasePolicy)
  /// The rule hangs on this expression.
  case undetermined(expression: String)
}
