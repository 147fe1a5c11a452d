// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence boot`: loads the last proven ruleset.
struct BootVerb: Verb {
  static let configuration = verb(
    "boot", "Load the last proven ruleset, before the network is up.",
    discussion: """
      The service manager runs it early at boot. It sends the stored ruleset to the kernel unchanged, and does not read \
      the policy, names, the clock or the network. If the stored ruleset is damaged or missing, it loads the lock-down \
      ruleset: loopback, the tunnels' own packets and the failsafe grants. If that is missing too, it loads a built-in \
      one that accepts only loopback, replies and UDP 51820. If a running daemon owns the table, it changes nothing and \
      prints what is in force. The messages are entries of the journal, on standard error.

      Exit status: 0 a ruleset is in force: one of these, or the daemon's; 1 none of these could be loaded.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    try namespace.check()
    let report = try BootLoader(places.directory).load()
    if format == .json { Console.print(document: report.json) }
  }
}
