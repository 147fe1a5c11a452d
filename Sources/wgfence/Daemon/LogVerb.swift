// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import DropAnalysis
import Enforcement
import HostReports
import NetworkModel

/// `wgfence log`: prints dropped packets.
struct LogVerb: Verb {
  static let configuration = verb(
    "log", "Print dropped packets: time, zone, reason, and the grant that would allow each.",
    discussion: """
      Prints what the daemon stored (root, or a member of the group wgfence); with --follow, packets as they are dropped. The kernel logs at most ten packets a \
      second for each reason, so counts are samples. The policy gives the names and the grants.

      Exit status: 0 ended; 1 the log cannot be read, or with --follow the daemon is not running.
      """)

  @OptionGroup var options: PolicyWhereThere
  @OptionGroup var places: StateOptions

  @Flag(name: .shortAndLong, help: "Print packets as they are dropped, until interrupted. Needs the daemon.")
  var follow = false

  @Option(help: "How far back: 30m, 2h, 7d (default: 1d; with --summary 7d; with --follow nothing).")
  var since: DropAge?

  @Flag(help: "Group by source, service and reason.")
  var summary = false

  @Option(help: "text or json (one object per line; with --summary one object).")
  var format: ReportFormat = .text

  func run() throws {
    if summary || since != nil || !follow {
      try Console.report(
        .log(format, since ?? (summary ? .week : .day), summary ? .summary : .lines),
        machine: options.machine,
        by: ReportClient(options.source, state: places.stateDirectory))
    }
    guard follow else { return }
    let daemon = try places.requiredDaemon("log --follow")
    throw ExitCode(try daemon.ask(.log(format), patience: nil, say: Console.say).status)
  }
}
