// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import PolicyAnalysis
import PolicyDifference
import PolicyFiles
import PolicyLanguage
import Reports

/// `wgfence diff`: compares what two policies let pass.
struct DiffVerb: Verb {
  static let configuration = verb(
    "diff", "Compare two policies: show who can newly reach what, and who no longer can.",
    discussion: """
      Compares the rulesets of two policies for all possible packets. A change of wording alone is not a difference; a \
      widened prefix is shown as the addresses that were added. OLD and NEW are files, or REV:path as in git \
      (HEAD:policies/site.yaml). Traffic that comes from outside every tunnel, or that may leave a tunnel, is marked and \
      listed first. With --live, one policy is compared with what this kernel enforces now, for one machine. Needs root \
      only with --live, and changes nothing.

      Exit status: 0 both let the same packets pass; 1 they could not be compared; 2 they differ, or one is \
      not valid: then nothing is written to standard output.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
    case markdown
  }

  @Argument(help: "The old policy and the new: files, or REV:path. With --live, the policy.")
  var policies: [String] = []

  @Option(name: .customLong("machine"), help: "Compare only this machine.")
  var machine: String?

  @Flag(help: "Compare what this kernel enforces with a policy, for one of its machines.")
  var live = false

  @Option(help: "text, json, or markdown (for a pull request).")
  var format: Format = .text
  @OptionGroup var colour: ColourOption

  func validate() throws {
    let wanted = live ? 1 : 2
    if live, policies.isEmpty { return }
    if policies.count != wanted {
      throw ValidationError(
        live
          ? "--live compares the kernel with one policy" : "name two policies: OLD NEW (or one, with --live)")
    }
  }

  func run() throws {
    let report = live ? try compareLive() : try compareFiles()
    switch format {
    case .text: Console.print(report.text)
    case .json: Console.print(document: report.json)
    case .markdown: Console.print(document: report.markdown)
    }
    if !report.difference.isEmpty { throw ExitCode(2) }
  }

  private func compareFiles() throws -> DifferenceReport {
    let old = try PolicyFile.load(fileOrRevision: policies[0]).validPolicy(policies[0])
    let new = try PolicyFile.load(fileOrRevision: policies[1]).validPolicy(policies[1])
    if let machine, old.machine(named: machine) == nil, new.machine(named: machine) == nil {
      throw Refusal("neither policy has a machine '\(machine)'")
    }
    var progress = Progress("compared", "machines", by: Console.note)
    let difference = SiteDifference(
      from: CompiledSite(old, today: Today.date), to: CompiledSite(new, today: Today.date), only: machine,
      workers: ThreadWorkers()
    ) { progress.note($0, of: $1) }
    progress.end()
    return DifferenceReport(old: policies[0], new: policies[1], difference: difference)
  }

  private func compareLive() throws -> DifferenceReport {
    let path = policies.first ?? PolicyOptions.defaultPath
    let policy = try PolicyFile.load(path).validPolicy(path)
    let name = MachineChoice(given: machine).name(in: policy)
    guard let own = policy.machine(named: name) else {
      throw Refusal("\(path) has no machine '\(name)': name one of its machines with --machine")
    }
    let new = CompiledSite(policy, today: Today.date, live: LiveFacts.readPrintingGaps(for: policy, on: name))
    return try LiveDifference.report(to: new, on: own, path: path)
  }
}
