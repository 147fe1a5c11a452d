// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
internal import PolicyDifference
internal import PolicyAnalysis
package import Ruleset

/// What an apply would change.
package struct PlanReport {
  let plan: Plan
  /// The plan without the comments of rules.
  let meaning: Plan
  /// The current table; nil if there is none.
  let before: KernelTable?
  /// The kernel's generation.
  let generation: UInt32
  /// The live connections that it would end.
  let cut: CutReport
  /// What works now and would not work any more.
  let impact: ImpactReport
  /// The change in the policy's words.
  let difference: DifferenceReport?
  let detail: Detail

  /// How much the text says.
  package enum Detail {
    case usual
    /// Also the operations that are sent to the kernel.
    case verbose
  }

  /// A report of the plan that leads to a table.
  package init(
    _ plan: Plan, to desired: KernelTable, before: KernelTable?, generation: UInt32, cut: CutReport,
    impact: ImpactReport, difference: DifferenceReport? = nil, detail: Detail = .usual
  ) {
    self.plan = plan
    meaning =
      plan.scope == .whole
      ? plan : Plan(desired: desired.withoutComments, observed: before?.withoutComments)
    self.before = before
    self.generation = generation
    self.cut = cut
    self.impact = impact
    self.difference = difference
    self.detail = detail
  }

  /// Whether apply would change what passes or is counted; a change of comments alone is none.
  package var isEmpty: Bool { meaning.isEmpty }

  /// The report for people.
  package var text: PrintableText {
    let parts = [impact.text, cut.text, changes].filter { !$0.isEmpty }
    return parts.dropFirst().reduce(parts[0]) { $0 + "\n" + $1 }
  }

  private var changes: PrintableText {
    if plan.isEmpty { return "The kernel equals the policy: nothing to change.\n" }
    if meaning.isEmpty {
      return
        "The kernel equals the policy: nothing to change but \(plan.operations.count / 2) comments, which name "
        + "lines of the policy.\n"
    }
    var text: PrintableText = ""
    if let difference {
      text +=
        difference.difference.isEmpty
        ? "The same packets pass as before; how they are counted, logged or dropped changes.\n"
        : difference.text
    }
    return text
      + (detail == .verbose || difference == nil
        ? operations : "\(summary); --verbose lists the operations.\n")
  }

  private var summary: PrintableText {
    let added = plan.operations.count { $0.sense == .add }
    let how =
      before == nil ? ", the table being new" : plan.scope == .whole ? ", the table being made anew" : ""
    return "\(added) to add, \(plan.operations.count - added) to remove, in one transaction\(how)"
  }

  private var operations: PrintableText {
    var table = AlignedTable([.left(), .left(), .left()])
    for operation in plan.operations {
      let (sign, colour): (String, PrintableText.Colour) =
        operation.sense == .add ? ("+", .green) : ("-", .yellow)
      table.append([sign, operation.subject, operation.detail(in: before)], colour)
    }
    return table.text() + "\n\(summary).\n"
  }

  /// The report for programs.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/plan/1")
      impact.put(in: &object)
      impact.putTranslations(in: &object)
      object.put("operations", meaning.isEmpty ? 0 : plan.operations.count)
      object.put("comments", meaning.isEmpty ? plan.operations.count / 2 : 0)
      object.put("scope", plan.scope == .whole ? "whole" : "in place")
      object.put("generation", generation)
      object.array("changes") { array in
        for operation in meaning.isEmpty ? [] : plan.operations {
          array.object { object in
            object.put("change", operation.sense.rawValue)
            object.put("subject", operation.subject)
            object.put("detail", operation.detail(in: before))
          }
        }
      }
      object.array("gained") { array in
        for reach in difference?.difference.gained ?? [] {
          array.object { DifferenceReport.write(reach, to: &$0) }
        }
      }
      object.array("lost") { array in
        for reach in difference?.difference.lost ?? [] {
          array.object { DifferenceReport.write(reach, to: &$0) }
        }
      }
      cut.put(in: &object)
    }
  }
}
