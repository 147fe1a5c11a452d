// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import DropAnalysis
import Enforcement
import NetworkModel
import PolicyFiles
import Reports

/// `wgfence enforce`: ends the observe mode.
struct EnforceVerb: Verb {
  static let configuration = verb(
    "enforce", "End the observe mode: drop what the policy does not allow.",
    discussion: """
      Puts the policy in force that is only observed, after apply --observe or because the daemon found that it would \
      end what works. Where 'observe' of the policy names this machine, remove it there instead.

      Prints first what the policy would have dropped in the last days. Refuses if something would stop working that works now, as apply does.

      Exit status: 0 the policy is enforced; 1 it is not, or is enforced but not stored for a restart; 2 something would \
      stop working, and nothing was changed.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(help: "How far back it shows what would have been dropped: 2h, 7d.")
  var since: DropAge = .week

  @Option(help: "Accept that this stops working, by the name that is printed: tunnel:wg0. Can be repeated.")
  var accept: [String] = []

  @Flag(
    help: "Enforce the policy even if your own session or something else that works now would stop working.")
  var force = false

  func run() throws {
    if let from = observed {
      showDrops(from)
      if !force { try refuseImpact(from) }
    }
    if Console.isInteractive, !Console.asks("Enforce the policy?") {
      Console.note("Nothing was changed.\n")
      throw ExitCode(1)
    }
    try places.carryOut(.endObservation, namespace)
  }

  /// The origin of the ruleset that is only observed; nil if it cannot be read.
  private var observed: Provenance? {
    guard let directory = places.directory, case .whole(let state) = directory.state(),
      let from = state.inForce.flatMap({ directory.ruleset($0).value?.provenance }), from.kind == .observe
    else { return nil }
    return from
  }

  /// Prints what the policy would have dropped in the last days.
  private func showDrops(_ from: Provenance) {
    var notes: [String] = []
    do {
      let role = try PolicyRole.find(
        from.path, default: from.path, MachineChoice(given: from.machine), &notes)
      Console.print(try DropQuestion(places.directory, as: role, since: since, notes: notes).summary(.text))
    } catch {
      let why = VerbFailure.sentence(error) ?? "\(from.path) is not valid"
      Console.warn("it is not known what would have been dropped: \(why)")
    }
  }

  /// Ends the verb with status 2 if the policy would end what works on this host.
  private func refuseImpact(_ from: Provenance) throws {
    let (report, gaps) = StoredImpact.report(enforcing: from)
    for gap in gaps { Console.warn("\(gap)") }
    Console.print(report.text)
    if let refusal = report.refusal(accepting: Set(accept)) { throw Console.refuse(refusal) }
  }
}
