// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence open`: makes a temporary grant.
struct OpenVerb: Verb {
  static let configuration = verb(
    "open", "Grant a service for a limited time, or list what is open.",
    discussion: """
      The kernel ends the temporary grant, even if the daemon is not running then. The journal records who made it and \
      why. It survives a change of the policy, but not a restart of the machine. It holds on this machine only: if a hub \
      is on the packet path, the hub's own policy must grant the packets, too.

      Exit status: 0 done; 1 it could not be done.
      """)

  @Argument(help: "A service of the policy, or PORT/PROTOCOL.")
  package var service: String?

  @Option(help: "The source: a machine, group, tunnel or zone of the policy, a prefix or an address.")
  var from: String?

  @Option(help: "The machine to which it is opened (default: this one).")
  var to: String?

  @Option(name: .customLong("for"), help: "The duration: 90s, 30m, 2h; at most 7 days.")
  var duration: String?

  @Option(help: "The reason, for the journal and status.")
  var because: String?

  @Flag(help: "The same as wgfence close SERVICE --from SOURCE.")
  var end = false

  @Flag(help: "List what is open: the remaining time, who opened it, and why.")
  var list = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @OptionGroup var places: StateOptions

  private var request: FirewallRequest {
    get throws {
      try TemporaryGrantArguments(service: service, from: from, to: to, duration: duration, because: because)
        .request(list ? .list(format) : end ? .end : .begin)
    }
  }

  func validate() throws {
    do { _ = try request } catch let error as Refusal { throw ValidationError("\(error.text)") }
  }

  func run() throws { try places.ask(try request, as: format) }
}

/// `wgfence close`: ends a temporary grant before its time.
struct CloseVerb: Verb {
  static let configuration = verb(
    "close", "End a temporary grant now.",
    discussion: "Exit status: 0 done, or it was not open; 1 it could not be done.")

  @Argument(help: "Its number in wgfence open --list, or a service, as in wgfence open.")
  package var which: String

  @Option(help: "With a service: the source.")
  var from: String?

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @OptionGroup var places: StateOptions

  private var request: FirewallRequest {
    get throws { try TemporaryGrantArguments(service: which, from: from).request(.end) }
  }

  func validate() throws {
    do { _ = try request } catch let error as Refusal { throw ValidationError("\(error.text)") }
  }

  func run() throws { try places.ask(try request, as: format) }
}
