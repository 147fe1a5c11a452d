// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import PolicyAnalysis

/// `wgfence open`: a grant with an end.
struct OpenVerb: Verb {
  static let configuration = verb(
    "open", "Grant a service for a time.",
    discussion: """
      The kernel itself ends it, also if the daemon is gone by then. It is listed by status, kept in the journal with \
      who and why, and survives a changed policy, but no restart of the machine.

      Exit status: 0 done; 1 it could not be done.
      """)

  @Argument(help: "A service of the policy, or PORT/PROTOCOL.")
  package var service: String

  @Option(help: "Who: a machine, group, tunnel or zone of the policy, a prefix or an address.")
  var from: String

  @Option(name: .customLong("for"), help: "How long: 90s, 30m, 2h, at most 7 days.")
  var duration: String?

  @Option(help: "Why.")
  var because: String?

  @Flag(help: "Close it before its time.")
  var end = false

  @OptionGroup var places: StateOptions

  func validate() throws {
    if end { return }
    guard let duration else { throw ValidationError("say how long: --for 30m") }
    do throws(TemporaryGrantError) { _ = try GrantDuration(duration) } catch {
      throw ValidationError("\(error)")
    }
    guard because?.isEmpty == false else { throw ValidationError("say why: --because \"…\"") }
  }

  func run() throws {
    if end { return try places.ask(.close(service: service, from: from)) }
    try places.ask(
      .open(
        TemporaryGrantOrder(
          service: service, from: from, lasting: duration ?? "", because: because ?? "")))
  }
}
