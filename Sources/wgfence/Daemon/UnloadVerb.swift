// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import NetworkModel

/// `wgfence unload`: takes the rules out.
struct UnloadVerb: Verb {
  static let configuration = verb(
    "unload", "Take the table out of the kernel: nothing is protected then.",
    discussion: """
      Asks first. A running daemon goes on without enforcing anything until the next apply, or until it or the machine \
      is started again: to stay without rules, disable the service first.

      Exit status: 0 the table is gone; 1 it is not.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "Do not ask.")
  var yes = false

  func run() throws {
    if try places.daemon() == nil { try namespace.check() }
    if !yes {
      guard isatty(STDIN_FILENO) == 1 else {
        throw Refusal("nobody is there to be asked: say --yes to take the rules out")
      }
      Console.note(
        "Take inet wgfence out of the kernel? Every port of this machine will be open to everyone. [y/N] ")
      guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
        Console.note("Nothing was changed.\n")
        throw ExitCode(1)
      }
    }
    try places.carryOut(.unload, namespace)
  }
}
