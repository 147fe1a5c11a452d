// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence status`: prints the state of the firewall.
struct StatusVerb: Verb {
  static let configuration = verb(
    "status", "Print what is in force, and whether the kernel's ruleset equals it.",
    discussion: """
      Asks the daemon. Only root and members of the group wgfence can connect to it.

      Exit status: 0 nothing needs attention; 1 the daemon is not running; 2 something needs attention: a policy that \
      was not accepted, drift, an apply on trial, a panic, a tunnel without its interface.
      """)

  @OptionGroup var places: StateOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws { try places.ask(.status(format)) }
}
