// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc

/// `wgfence log`: what is dropped.
struct LogVerb: Verb {
  static let configuration = verb(
    "log", "Print dropped packets as they are dropped: zone, reason, and what would allow each.",
    discussion: """
      The kernel tells of at most ten packets a second for each reason. Those of the past are in the journal: \
      journalctl -u wgfence.

      Exit status: 0 ended; 1 there is no daemon.
      """)

  @OptionGroup var places: StateOptions

  @Flag(help: "Go on until interrupted; without it, what is dropped within a second.")
  var follow = false

  @Option(help: "text or json (an object a line).")
  var format: ReportFormat = .text

  func run() throws {
    let daemon = try places.requiredDaemon("log")
    if !follow {
      // What comes within a second, then the end.
      signal(SIGALRM) { _ in _exit(0) }
      alarm(1)
    }
    throw ExitCode(try daemon.ask(.log(format), patience: nil, say: Console.say).status)
  }
}
