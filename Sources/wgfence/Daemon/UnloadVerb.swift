// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel

/// `wgfence unload`: removes the table from the kernel.
struct UnloadVerb: Verb {
  static let configuration = verb(
    "unload", "Remove the table inet wgfence from the kernel. Nothing is filtered then.",
    discussion: """
      Asks first. A running daemon continues without enforcing anything until the next apply, or until the daemon or the \
      machine is restarted. To stay without rules, disable the service first.

      Exit status: 0 the table was removed; 1 it was not.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "Do not ask.")
  var yes = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    if try places.daemon() == nil { try namespace.check() }
    if !yes {
      guard Console.isInteractive else {
        throw Refusal("standard input is not a terminal: use --yes to remove the rules without a question")
      }
      guard
        Console.asks(
          "Remove the table inet wgfence from the kernel? wgfence then filters nothing on this machine.")
      else {
        Console.note("Nothing was changed.\n")
        throw ExitCode(1)
      }
    }
    try places.carryOut(.unload, namespace, as: format)
  }
}
