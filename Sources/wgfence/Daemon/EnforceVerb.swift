// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import DropAnalysis
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

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    if let observed = ObservedPolicy(places.directory) {
      do throws(Refusal) { say(try observed.drops(since: since)) } catch { Console.warn(error.text) }
      if !force { try refuse(observed.impact) }
    }
    if Console.isInteractive, !Console.asks("Enforce the policy?") {
      Console.note("Nothing was changed.\n")
      throw ExitCode(1)
    }
    try places.carryOut(.endObservation, namespace, as: format)
  }

  /// Prints text for people, which with `--format json` must not be on standard output.
  private func say(_ text: PrintableText) { format == .json ? Console.note(text) : Console.print(text) }

  /// Ends the verb with status 2 if the policy would end what works on this host.
  private func refuse(_ impact: (report: ImpactReport, gaps: [String])) throws {
    for gap in impact.gaps { Console.warn("\(gap)") }
    say(impact.report.text)
    if let refusal = impact.report.refusal(accepting: Set(accept)) { throw Console.refuse(refusal) }
  }
}
