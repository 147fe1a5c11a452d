// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset
package import PacketWalk

/// What decided a trace, in words.
package enum TraceWords {
  /// The place that decided: the line of the policy, `built in` with its reason, or the rule of another table. A rule
  /// of wgfence's own table that the policy does not have is given by its comment.
  package static func because(_ trace: Trace) -> String {
    guard let step = deciding(trace) else { return "no rule matched; default accept" }
    if let origin = step.origin { return origin.lines.isEmpty ? origin.comment : origin.place }
    return step.table == Ruleset.tableName ? step.comment ?? step.place : step.place
  }

  /// The reason of what decided.
  package static func reason(_ trace: Trace) -> String {
    guard let step = deciding(trace) else { return "" }
    if case .unroutable(let why) = step.outcome { return why }
    if case .undetermined(let why) = step.outcome, step.source == nil { return why }
    return step.origin?.reason ?? step.text
  }

  /// The step that decided. For an accepted packet that no grant counted, it is the last rule that accepted
  /// it, and not the policy of a later chain; nil if no rule accepted it.
  static func deciding(_ trace: Trace) -> TraceStep? {
    guard let step = trace.deciding, trace.verdict == .accept else { return trace.deciding }
    switch step.outcome {
    case .policy, .routed: return trace.steps.last { $0.outcome == .verdict(.accept) }
    default: return step
    }
  }
}

/// The words for what decided traces. Each is written once.
///
/// A class because it keeps them: an audit walks many packets for which the same few rules decide.
package final class DecisionWords {
  private let view: SiteView?
  /// Without a policy the step that decided gives the words.
  private var known: [TraceStep?: Words] = [:]
  private var texts: [String: String] = [:]

  /// What decided a trace.
  package struct Words {
    /// The line of the policy, `built in`, or the rule of another table.
    package let because: String
    /// The reason of that line or rule.
    package let reason: String
  }

  /// Words for traces, by a view of the policy if there is one.
  package init(_ view: SiteView?) { self.view = view }

  /// The words for a trace.
  package func words(of trace: Trace) -> Words {
    if let view { return Words(because: shared(view.because(trace)), reason: shared(view.reason(trace))) }
    let step = TraceWords.deciding(trace)
    if let words = known[step] { return words }
    let words = Words(because: TraceWords.because(trace), reason: TraceWords.reason(trace))
    known[step] = words
    return words
  }

  /// The same text, stored once.
  private func shared(_ text: String) -> String {
    if let same = texts[text] { return same }
    texts[text] = text
    return text
  }
}
