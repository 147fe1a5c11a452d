// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc

/// `wgfence log`: prints dropped packets.
struct LogVerb: Verb {
  static let configuration = verb(
    "log", "Print packets as they are dropped: zone, reason, and the grant that would allow each.",
    discussion: """
      The kernel logs at most ten packets a second for each reason. Earlier drops are in the journal: \
      journalctl -u wgfence.

      Exit status: 0 ended; 1 the daemon is not running.
      """)

  @OptionGroup var places: StateOptions

  @Flag(help: "Print until interrupted. Without this flag, print only what is dropped within one second.")
  var follow = false

  @Option(help: "text or json (one object per line).")
  var format: ReportFormat = .text

  func run() throws {
    let daemon = try places.requiredDaemon("log")
    if !follow {
      // Ends the process after one second.
      signal(SIGALRM) { _ in _exit(0) }
      alarm(1)
    }
    throw ExitCode(try daemon.ask(.log(format), patience: nil, say: Console.say).status)
  }
}
