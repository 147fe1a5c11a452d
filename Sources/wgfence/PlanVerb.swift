// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import HostReports

/// `wgfence plan`: prints what `apply` would change.
struct PlanVerb: Verb {
  static let configuration = verb(
    "plan", "Print what apply would change in this kernel, and which live connections it would end.",
    discussion: """
      Shows first what works on this host now and would stop working, with the line that would keep it, then the live \
      connections that would end, then who can reach what. Reads the kernel and changes nothing. Needs root, \
      membership of the group wgfence, or CAP_NET_ADMIN in its network namespace.

      Exit status: 0 the kernel equals the policy; 1 the plan could not be made; 2 apply would change something.
      """)

  @OptionGroup var options: PolicyOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @Flag(help: "List the operations that would be sent to the kernel.")
  var verbose = false
  @OptionGroup var colour: ColourOption

  func run() throws {
    try Console.report(
      .plan(format, verbose ? .operations : .usual), machine: options.machine,
      by: ReportClient(options.source))
  }
}
