// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset
package import PacketWalk

/// What decided a trace, in words. For wgfence's own table, the words are in the comments of its rules.
package enum TraceWords {
  /// The place that decided: the line of the policy, `built in`, or the rule of another table.
  package static func because(_ trace: Trace) -> String {
    guard let step = deciding(trace) else { return "no rule matched; default accept" }
    guard step.table == Ruleset.tableName, let comment = step.comment else { return step.place }
    return comment.hasPrefix("built in") ? comment : String(comment.prefix { $0 != " " })
  }

  /// The reason of what decided.
  package static func reason(_ trace: Trace) -> String {
    guard let step = deciding(trace) else { return "" }
    if case .unroutable(let why) = step.outcome { return why }
    guard step.table == Ruleset.tableName, let comment = step.comment else { return step.text }
    let place = comment.hasPrefix("built in: ") ? "built in: " : String(comment.prefix { $0 != " " }) + " "
    return String(comment.dropFirst(place.count))
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
