// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import PolicyAnalysis

/// `wgfence open`: makes a temporary grant.
struct OpenVerb: Verb {
  static let configuration = verb(
    "open", "Grant a service for a limited time.",
    discussion: """
      The kernel ends the temporary grant, even if the daemon is not running then. status lists it, and the journal \
      records who made it and why. It survives a change of the policy, but not a restart of the machine.

      Exit status: 0 done; 1 it could not be done.
      """)

  @Argument(help: "A service of the policy, or PORT/PROTOCOL.")
  package var service: String

  @Option(help: "The source: a machine, group, tunnel or zone of the policy, a prefix or an address.")
  var from: String

  @Option(name: .customLong("for"), help: "The duration: 90s, 30m, 2h; at most 7 days.")
  var duration: String?

  @Option(help: "The reason, for the journal and status.")
  var because: String?

  @Flag(help: "End the temporary grant now.")
  var end = false

  @OptionGroup var places: StateOptions

  func validate() throws {
    if end { return }
    guard let duration else { throw ValidationError("the duration is missing: use, for example, --for 30m") }
    do throws(TemporaryGrantError) { _ = try GrantDuration(duration) } catch {
      throw ValidationError("\(error)")
    }
    guard because?.isEmpty == false else { throw ValidationError("the reason is missing: --because \"…\"") }
  }

  func run() throws {
    if end { return try places.ask(.close(service: service, from: from)) }
    try places.ask(
      .open(
        TemporaryGrantOrder(
          service: service, from: from, lasting: duration ?? "", because: because ?? "")))
  }
}
