// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import Ruleset

/// What an apply would change.
package struct PlanReport {
  let plan: Plan
  /// The current table; nil if there is none.
  let before: KernelTable?
  /// The kernel's generation.
  let generation: UInt32
  /// The live connections that it would end.
  let cut: CutReport
  /// What works now and would not work any more.
  let impact: ImpactReport

  /// A report of these parts.
  package init(
    _ plan: Plan, before: KernelTable?, generation: UInt32, cut: CutReport, impact: ImpactReport
  ) {
    self.impact = impact
    self.plan = plan
    self.before = before
    self.generation = generation
    self.cut = cut
  }

  /// The report for people.
  package var text: PrintableText {
    let parts = [impact.text, cut.text, changes].filter { !$0.isEmpty }
    return parts.dropFirst().reduce(parts[0]) { $0 + "\n" + $1 }
  }

  private var changes: PrintableText {
    if plan.isEmpty { return "The kernel equals the policy: nothing to change.\n" }
    var table = AlignedTable([.left(), .left(), .left()])
    for operation in plan.operations {
      table.append([operation.sense == .add ? "+" : "-", operation.subject, operation.detail(in: before)])
    }
    let added = plan.operations.count { $0.sense == .add }
    let how =
      before == nil ? ", the table being new" : plan.scope == .whole ? ", the table being made anew" : ""
    return table.text()
      + "\n\(added) to add, \(plan.operations.count - added) to remove, in one transaction\(how).\n"
  }

  /// The report for programs.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/plan/1")
      impact.put(in: &object)
      object.put("operations", plan.operations.count)
      object.put("scope", plan.scope == .whole ? "whole" : "in place")
      object.put("generation", generation)
      object.array("changes") { array in
        for operation in plan.operations {
          array.object { object in
            object.put("change", operation.sense.rawValue)
            object.put("subject", operation.subject)
            object.put("detail", operation.detail(in: before))
          }
        }
      }
      cut.put(in: &object)
    }
  }
}
