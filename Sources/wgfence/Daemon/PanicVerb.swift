// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence panic`: nothing but the failsafe grants.
struct PanicVerb: Verb {
  static let configuration = verb(
    "panic", "Let nothing through but loopback, the tunnels' own packets and the failsafe grants.",
    discussion: """
      Also ends what this host and its containers opened outward. Holds over restarts of the daemon and the machine, \
      until wgfence panic --end.

      Exit status: 0 it holds, or is over; 1 it could not be done, or is in force but could not be stored for a restart.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "End the panic: the policy holds again.")
  var end = false

  func run() throws { try places.carryOut(.panic(end ? .end : .begin), namespace) }
}
