// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import NetworkModel
import Reports
import PolicyLanguage
import Ruleset

/// `wgfence plan`: what `apply` would change.
struct PlanVerb: Verb {
  static let configuration = verb(
    "plan", "Print what apply would change in this kernel, and which live connections it would end.",
    discussion: """
      Reads the kernel and changes nothing. Needs root, or CAP_NET_ADMIN in its network namespace.

      Exit status: 0 the kernel equals the policy; 1 it could not be told; 2 there is something to change.
      """)

  @OptionGroup var options: PolicyOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    let loaded = try options.load()
    let live = LiveEndpoints.heard(by: loaded.policy, on: options.machine.name(in: loaded.policy))
    let ruleset = try options.compile(loaded.policy, live: live)
    let desired = Lowering.table(ruleset)
    let outcome = try KernelSession.run { store throws(EnforcementError) in
      try Enforcer.plan(desired, in: &store)
    }
    let cut = CutReport.read(
      outcome.plan, from: outcome.before, to: desired, ruleset, loaded.policy,
      machine: options.machine.name(in: loaded.policy))
    switch format {
    case .text:
      let ends = cut.text
      Console.print(PlanReport.text(outcome.plan, before: outcome.before))
      if !ends.isEmpty { Console.print("\n\(ends)") }
    case .json: Console.print(document: json(outcome, cut))
    }
    if !outcome.plan.isEmpty { throw ExitCode(2) }
  }

  private func json(_ outcome: Enforcer.Outcome, _ cut: CutReport) -> String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/plan/1")
      object.put("operations", outcome.plan.operations.count)
      object.put("scope", outcome.plan.scope == .whole ? "whole" : "in place")
      object.put("generation", outcome.generation)
      object.array("changes") { array in
        for operation in outcome.plan.operations {
          array.object { object in
            object.put("change", operation.sense.rawValue)
            object.put("subject", operation.subject)
            object.put("detail", operation.detail(in: outcome.before))
          }
        }
      }
      cut.put(in: &object)
    }
  }
}

/// A plan for people.
enum PlanReport {
  static func text(_ plan: Plan, before: KernelTable?) -> PrintableText {
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
}
