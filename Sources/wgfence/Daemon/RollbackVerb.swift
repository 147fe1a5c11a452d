// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import Reports

/// `wgfence rollback`: puts an earlier ruleset in force.
struct RollbackVerb: Verb {
  static let configuration = verb(
    "rollback", "Put the previous ruleset in force again.",
    discussion: """
      The last ten rulesets are stored. The policy file is superseded until it is edited or applied.

      Refuses if something would stop working that works now, as apply does.

      Exit status: 0 the earlier ruleset is in force; 1 it is not, or it is but could not be stored for a restart; 2 \
      something would stop working, and nothing was changed.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(help: "The number of the ruleset to go back to, as --list shows it.")
  var to: Int?

  @Flag(help: "List the stored rulesets.")
  var list = false

  @Flag(help: "Go back even if something that works now would stop working.")
  var force = false

  func run() throws {
    if list { return try places.carryOut(.history, namespace) }
    if !force { try refuseImpact() }
    try places.carryOut(.rollback(to: to), namespace)
  }

  /// Ends the verb with status 2 if the ruleset would end what works on this host. The end of a trial is never refused.
  private func refuseImpact() throws {
    guard let directory = places.directory, case .whole(let state) = directory.state(), state.pending == nil,
      let ruleset = directory.ruleset(try directory.number(asked: to, state)).value
    else { return }
    let (report, gaps) = StoredImpact.report(of: ruleset)
    for gap in gaps { Console.warn("\(gap)") }
    Console.print(report.text)
    if let broken = report.names {
      throw Console.refuse(
        "this would stop working: \(broken). Nothing was changed. To go back anyway, use --force")
    }
  }
}
