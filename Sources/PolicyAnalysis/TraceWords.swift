// SPDX-License-Identifier: GPL-3.0-or-later

internal import Ruleset
package import PacketWalk

/// What decided a trace, in the words of the tables themselves: those of the own one are in its rules' comments.
package enum TraceWords {
  /// The line of the policy, what is built in, or the place of another table's rule.
  package static func because(_ trace: Trace) -> String {
    guard let step = deciding(trace) else { return "nothing objects" }
    guard step.table == Ruleset.tableName, let comment = step.comment else { return step.place }
    return comment.hasPrefix("built in") ? comment : String(comment.prefix { $0 != " " })
  }

  /// What that is about.
  package static func reason(_ trace: Trace) -> String {
    guard let step = deciding(trace) else { return "" }
    if case .unroutable(let why) = step.outcome { return why }
    guard step.table == Ruleset.tableName, let comment = step.comment else { return step.text }
    let place = comment.hasPrefix("built in: ") ? "built in: " : String(comment.prefix { $0 != " " }) + " "
    return String(comment.dropFirst(place.count))
  }

  /// The step that decided. Of a packet that no grant counted, that is the last rule which accepted it, and not the policy
  /// of whatever chain came behind; nil where no rule did.
  static func deciding(_ trace: Trace) -> TraceStep? {
    guard let step = trace.deciding, trace.verdict == .accept else { return trace.deciding }
    switch step.outcome {
    case .policy, .routed: return trace.steps.last { $0.outcome == .verdict(.accept) }
    default: return step
    }
  }
}
