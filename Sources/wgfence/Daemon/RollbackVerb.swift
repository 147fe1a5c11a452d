// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence rollback`: puts an earlier ruleset in force.
struct RollbackVerb: Verb {
  static let configuration = verb(
    "rollback", "Put the previous ruleset in force again.",
    discussion: """
      The last ten rulesets are stored. The policy file is superseded until it is edited or applied.

      Exit status: 0 the earlier ruleset is in force; 1 it is not, or it is but could not be stored for a restart.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(help: "The number of the ruleset to go back to, as --list shows it.")
  var to: Int?

  @Flag(help: "List the stored rulesets.")
  var list = false

  func run() throws { try places.carryOut(list ? .history : .rollback(to: to), namespace) }
}
