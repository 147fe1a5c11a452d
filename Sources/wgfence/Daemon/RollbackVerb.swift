// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence rollback`: goes back.
struct RollbackVerb: Verb {
  static let configuration = verb(
    "rollback", "Go back to the ruleset before this one.",
    discussion: """
      The last ten are kept. The policy file does not hold until it changes again, or is applied.

      Exit status: 0 it holds; 1 it could not be done, or is in force but could not be stored for a restart.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(help: "The number of the ruleset to go back to, as --list shows it.")
  var to: Int?

  @Flag(help: "List the rulesets that are kept.")
  var list = false

  func run() throws { try places.carryOut(list ? .history : .rollback(to: to), namespace) }
}
