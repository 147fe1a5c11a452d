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
  package static func deciding(_ trace: Trace) -> TraceStep? {
    guard let step = trace.deciding, trace.verdict == .accept else { return trace.deciding }
    switch step.outcome {
    case .policy, .routed: return trace.steps.last { $0.outcome == .verdict(.accept) }
    default: return step
    }
  }
}
