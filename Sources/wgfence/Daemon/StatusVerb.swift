// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence status`: how the firewall is.
struct StatusVerb: Verb {
  static let configuration = verb(
    "status", "Print what is in force, and whether the kernel holds it.",
    discussion: """
      Asks the daemon. Root and the members of the group wgfence may.

      Exit status: 0 all is well; 1 there is no daemon; 2 there is something to look after: a policy that was not \
      accepted, drift, an apply on trial, a panic.
      """)

  @OptionGroup var places: StateOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws { try places.ask(.status(format)) }
}
