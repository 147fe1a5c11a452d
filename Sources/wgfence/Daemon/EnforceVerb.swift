// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import Reports

/// `wgfence enforce`: ends the observe mode.
struct EnforceVerb: Verb {
  static let configuration = verb(
    "enforce", "End the observe mode: drop what the policy does not allow.",
    discussion: """
      Puts the policy in force that is only observed, after apply --observe or because the daemon found that it would \
      end what works. Where 'observe' of the policy names this machine, remove it there instead.

      Refuses if something would stop working that works now, as apply does.

      Exit status: 0 the policy is enforced; 1 it is not, or is enforced but not stored for a restart; 2 something would \
      stop working, and nothing was changed.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(help: "Accept that this stops working, by the name that is printed: tunnel:wg0. Can be repeated.")
  var accept: [String] = []

  @Flag(
    help: "Enforce the policy even if your own session or something else that works now would stop working.")
  var force = false

  func run() throws {
    if !force { try refuseImpact() }
    try places.carryOut(.endObservation, namespace)
  }

  /// Ends the verb with status 2 if the policy would end what works on this host.
  private func refuseImpact() throws {
    guard let directory = places.directory, case .whole(let state) = directory.state(),
      let from = state.inForce.flatMap({ directory.ruleset($0).value?.provenance }), from.kind == .observe
    else { return }
    let (report, gaps) = StoredImpact.report(enforcing: from)
    for gap in gaps { Console.warn("\(gap)") }
    Console.print(report.text)
    if let refusal = report.refusal(accepting: Set(accept)) { throw Console.refuse(refusal) }
  }
}
