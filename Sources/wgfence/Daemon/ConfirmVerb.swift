// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Netlink
import NetworkModel

/// `wgfence confirm`: makes an apply on trial permanent.
struct ConfirmVerb: Verb {
  static let configuration = verb(
    "confirm", "Keep what was applied with --confirm.",
    discussion: """
      Must be run over a connection that was opened after the apply: this shows that new connections still work. Over \
      SSH this is the session's own connection, which is looked up in the kernel's connection tracking.

      Exit status: 0 confirmed; 1 not confirmed, or in force but not stored for a restart.
      """)

  @OptionGroup var places: StateOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @Flag(help: "Confirm from a console. This does not show that the network works.")
  var console = false

  func run() throws {
    if console {
      Console.warn("confirming from a console does not show that the network works")
      return try places.settle(.confirm(.console), as: format)
    }
    try places.settle(.confirm(.session(session())), as: format)
  }

  /// The SSH session in which this runs; nil on a console.
  private func session() -> String? {
    do throws(HostReadError) { return try OwnSession.confirmation() } catch {
      Console.warn("the SSH session of this process is not known: \(error)")
      return nil
    }
  }
}
