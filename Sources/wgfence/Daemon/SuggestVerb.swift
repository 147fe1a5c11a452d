// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import DropAnalysis
import Enforcement
import HostReports

/// `wgfence suggest`: prints a change of the policy that allows what was dropped.
struct SuggestVerb: Verb {
  static let configuration = verb(
    "suggest", "Print a change of the policy that allows what was dropped, for a person to read.",
    discussion: """
      Prints a unified diff of the policy file: lines for 'allow', each tried, with the packets as comments. A line with a \
      risk is a comment itself. Changes nothing.

      Exit status: 0 printed; 1 the log or the policy cannot be used; 2 the policy is not valid.
      """)

  @OptionGroup var options: PolicyWhereThere
  @OptionGroup var places: StateOptions

  @Option(help: "How far back: 2h, 7d.")
  var since: DropAge = .week

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    try Console.report(
      .suggest(format, since), machine: options.machine,
      by: ReportClient(options.source, state: places.stateDirectory))
  }
}
