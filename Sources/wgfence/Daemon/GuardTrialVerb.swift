// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import PolicyFiles

/// `wgfence guard-trial`: the process that undoes an apply --confirm that is not confirmed, without the daemon.
struct GuardTrialVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: TrialGuard.verb, abstract: "Undo an apply --confirm that is not confirmed.",
    shouldDisplay: false)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  /// Starts the process for a trial that this process is about to begin.
  static func start(_ places: StateOptions, _ namespace: NamespaceGuard) throws(Refusal) {
    guard let directory = places.directory else {
      throw Refusal("in a network namespace other than the machine's own, --confirm needs --state-dir")
    }
    try TrialGuard.start(
      ["--state-dir", FilePath.absolute(directory.path)] + (namespace.isForHost ? ["--host"] : []))
  }

  func run() throws {
    try namespace.check()
    guard let directory = places.directory else { throw Refusal("\(TrialGuard.verb) needs --state-dir") }
    TrialGuard.run(directory, say: Console.say)
  }
}
