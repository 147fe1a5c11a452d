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
      The last ten rulesets are stored. --list shows each with its policy, the commit if the policy is in a git repository \
      of yours, and how many lines of access it gained and lost against the one before. The policy file is superseded until it is edited or applied.

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

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    if list { return try printList() }
    if !force { try refuseImpact() }
    try places.carryOut(.rollback(to: to), namespace, as: format)
  }

  /// Only root can read the stored rulesets. Members of the group get the daemon's list, without differences and commits.
  private func printList() throws {
    guard let report = places.directory.flatMap({ HistoryReport(detailed: $0) }) else {
      if format == .json { throw Refusal("the stored rulesets cannot be read, only root can: use sudo") }
      return try places.carryOut(.history, namespace)
    }
    Console.print(report.text, or: report.json, as: format)
  }

  /// Ends the verb with status 2 if the ruleset would end what works on this host.
  private func refuseImpact() throws {
    guard let directory = places.directory,
      let (report, gaps) = try StoredImpact.report(rollingBackTo: to, in: directory)
    else { return }
    for gap in gaps { Console.warn("\(gap)") }
    format == .json ? Console.note(report.text) : Console.print(report.text)
    if let broken = report.names {
      throw Console.refuse(
        "this would stop working: \(broken). Nothing was changed. To go back anyway, use --force")
    }
  }
}
