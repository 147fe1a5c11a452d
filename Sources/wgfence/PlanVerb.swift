// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports
import Ruleset

/// `wgfence plan`: prints what `apply` would change.
struct PlanVerb: Verb {
  static let configuration = verb(
    "plan", "Print what apply would change in this kernel, and which live connections it would end.",
    discussion: """
      Shows first what works on this host now and would stop working, with the line that would keep it, then the live \
      connections that would end, then who can reach what. Reads the kernel and changes nothing. Needs root, or \
      CAP_NET_ADMIN in its network namespace.

      Exit status: 0 the kernel equals the policy; 1 the plan could not be made; 2 apply would change something.
      """)

  @OptionGroup var options: PolicyOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @Flag(help: "List the operations that would be sent to the kernel.")
  var verbose = false
  @OptionGroup var colour: ColourOption

  func run() throws {
    let policy = try options.load().validPolicy(options.policy)
    let live = LiveFacts.readPrintingGaps(for: policy, on: options.machine.name(in: policy))
    let site = CompiledSite(policy, today: Today.date, live: live)
    let own = try options.own(in: policy)
    let view = site.view(of: own)
    var store = try KernelRuleset.own()
    let outcome = try Enforcer.plan(view.table, in: &store)
    let (cut, gap) = LiveCut.report(of: outcome, to: view, loading: view.table)
    if let gap { Console.warn(gap) }
    let report = PlanReport(
      outcome.plan, to: view.table, before: outcome.before, generation: outcome.generation, cut: cut,
      impact: Console.impact(of: view, loading: view.table),
      difference: LiveDifference.report(from: outcome.before, to: site, on: own, path: options.policy),
      detail: verbose ? .verbose : .usual)
    Console.print(report.text, or: report.json, as: format)
    if !report.isEmpty { throw ExitCode(2) }
  }
}
