// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence panic`: accepts only the failsafe grants.
struct PanicVerb: Verb {
  static let configuration = verb(
    "panic", "Accept only loopback, the tunnels' own packets and the failsafe grants.",
    discussion: """
      Also ends the outbound connections of this host and its containers. A panic stays in force over restarts of the \
      daemon and of the machine, until wgfence panic --end.

      Exit status: 0 the panic is in force, or was ended; 1 it could not be done, or was done but not stored for a restart.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "End the panic: the policy is in force again.")
  var end = false

  func run() throws { try places.carryOut(.panic(end ? .end : .begin), namespace) }
}
