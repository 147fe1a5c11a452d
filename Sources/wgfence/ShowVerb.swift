// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports
import Ruleset

/// `wgfence show`: prints the ruleset of a policy.
struct ShowVerb: Verb {
  static let configuration = verb(
    "show", "Print the ruleset that a policy compiles to for a machine.",
    discussion: "Needs no root and changes nothing. `nft -f` can load the text.")

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
    case expressions
  }

  @OptionGroup var options: PolicyOptions

  @Option(help: "text (nft), json, or expressions (what the kernel executes).")
  var format: Format = .text

  func run() throws {
    let policy = try options.load().validPolicy(options.policy)
    let machine = try options.own(in: policy)
    let ruleset = CompiledSite(policy, today: Today.date).ruleset(of: machine)
    switch format {
    case .text: Console.print(document: RulesetText.text(ruleset))
    case .expressions: Console.print(document: ExpressionText.text(Lowering.table(ruleset)))
    case .json: Console.print(document: RulesetReport.json(ruleset, machine: machine.name))
    }
  }
}
