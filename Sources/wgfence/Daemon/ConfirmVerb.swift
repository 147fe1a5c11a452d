// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Netlink
import NetworkModel

/// `wgfence confirm`: keeps what was applied on trial.
struct ConfirmVerb: Verb {
  static let configuration = verb(
    "confirm", "Keep what was applied with --confirm.",
    discussion: """
      Counts only from a connection that was opened after the apply: that one can be opened is what it shows. Over SSH \
      it is the session's own connection, looked up in the kernel's connection tracking.

      Exit status: 0 it stays; 1 it was not confirmed, or is in force but could not be stored for a restart.
      """)

  @OptionGroup var places: StateOptions

  @Flag(help: "Confirm from a console. This proves nothing about the network.")
  var console = false

  func run() throws {
    if console {
      Console.warn("a console proves nothing about the network")
      return try places.ask(.confirm(.console))
    }
    try places.ask(.confirm(.session(session())))
  }

  /// The SSH session in which this runs; nil on a console.
  private func session() -> String? {
    do throws(HostReadError) { return try OwnSession.confirmation() } catch {
      Console.warn("which session this is, is not known: \(error)")
      return nil
    }
  }
}
