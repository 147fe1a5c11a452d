// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import HostReports
import Reports

/// `wgfence audit`: reports which services on this host are reachable, and from where.
struct AuditVerb: Verb {
  static let configuration = verb(
    "audit",
    "List the listening sockets and published ports of this host, who reaches each, and what may be sent from it.",
    discussion: """
      Lists every TCP, UDP and SCTP socket that listens in any network namespace of this host, and every published port, \
      with its process, container and unit. For each, packets are walked through everything that the kernel has loaded: \
      from each zone and machine of the policy (without one, from each interface), with the line or foreign rule that \
      decides. Then lists what the host and its containers may send, and their connections to other hosts.

      Each finding has a fix. --baseline names an earlier report (--format json); only new findings are then reported. \
      --fail-on sets which findings count for the exit status. Needs root, or membership of the group wgfence, to \
      see other users' processes, other namespaces and the kernel's rules.

      --format html writes a page for a browser to standard output: findings, a map of who reaches what, and a table of \
      all results. The page loads nothing from the network.

      Exit status: 0 no finding that counts; 1 the audit could not be done; 2 at least one finding that counts.
      """)

  @OptionGroup var options: PolicyWhereThere

  @Option(help: "text, json, sarif (for code scanning), or html (one self-contained page).")
  var format: AuditFormat = .text

  @Option(
    help: "Leave out findings that are also in this earlier report (a file written with --format json).",
    completion: .file())
  var baseline: String?

  @Option(help: "The lowest severity that gives exit status 2: error, warning, information; or never.")
  var failOn: FailureThreshold = .error
  @OptionGroup var colour: ColourOption

  func run() throws {
    try Console.report(
      .audit(format, failOn), machine: options.machine, by: ReportClient(options.source, baseline: baseline))
  }
}

extension AuditFormat: ExpressibleByArgument {}
extension FailureThreshold: ExpressibleByArgument {}
