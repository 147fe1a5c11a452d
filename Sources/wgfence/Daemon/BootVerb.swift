// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService

/// `wgfence boot`: loads the last proven ruleset.
struct BootVerb: Verb {
  static let configuration = verb(
    "boot", "Load the last proven ruleset, before the network is up.",
    discussion: """
      For the service manager, early at boot: sends the stored ruleset to the kernel as it is, without reading the \
      policy, names, the clock or the network. Where it is damaged or missing, the lock-down ruleset is loaded: \
      loopback, the tunnels' own packets and the failsafe grants; where that is missing too, one with UDP 51820 alone. \
      Beside a running daemon, which holds the table, it changes nothing and says what is in force.

      Exit status: 0 a ruleset is in force: one of these, or the daemon's; 1 none of these could be loaded.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  func run() throws {
    try namespace.check()
    try BootLoader(places.directory).load()
  }
}
