// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports

/// `wgfence explain`: shows why a packet is accepted or dropped.
struct ExplainVerb: Verb {
  static let configuration = verb(
    "explain", "Walk a packet through the rules, and show which rule decides its verdict.",
    discussion: """
      Walks the first packet of a flow rule by rule through the policy's ruleset, and names the policy line that decides. \
      With --live the packet is walked through everything that this kernel has loaded, other programs' tables included, \
      with this host's routes and addresses (needs root). With --across the walk begins at the sender's output and goes \
      through the tunnel to the receiver; it shows which machine drops or rejects the packet.

      Both ends are named as in the policy: --from laptop --to postgres. A source is a machine, group, zone, tunnel, list \
      or address; a service is a name or PORT/tcp.

      Exit status: 0 accepted; 1 the question could not be answered; 2 dropped, rejected or undetermined.
      """)

  @OptionGroup var options: PolicyOptions

  @Option(help: "The source: a machine, group, zone, tunnel, list, MACHINE.ZONE or address.")
  var from: String

  @Option(help: "The service: its name, or PORT/tcp, PORT/udp.")
  var to: String

  @Option(help: "The destination if it is not the machine: one of its zones, or an address behind it.")
  var destination: String?

  @Option(help: "The zone or tunnel on which the packet arrives; with --live also an interface.")
  var over: String?

  @Flag(help: "Walk through everything loaded in this kernel, not through the policy's ruleset.")
  var live = false

  @Flag(help: "Walk from the sender's output through the tunnel to the receiver.")
  var across = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text
  @OptionGroup var colour: ColourOption

  func validate() throws {
    if live, across { throw ValidationError("--live reads only this kernel: do not use it with --across") }
  }

  func run() throws {
    let file = try options.load().validPolicy(options.policy)
    let facts = LiveFacts.readPrintingGaps(for: file, on: live ? try options.own(in: file).name : nil)
    let policy = file.following(facts)
    let machine = try options.own(in: policy)
    let interface = live ? LiveExplanation.interface(named: over, policy, machine) : nil
    let question = try Question(
      policy, machine: machine, from: from, to: to, destination: destination,
      over: interface == nil ? over : nil)
    if question.isToItself {
      throw Refusal(
        "packets from \(machine.name) to itself are never filtered: name another machine or zone with --from")
    }
    let site = CompiledSite(policy, today: Today.date, live: facts)
    var notes: [String] = []
    let explanation: Explanation
    if live {
      let found = try LiveExplanation(question, of: site, on: machine, by: interface)
      (explanation, notes) = (found.explanation, found.notes)
    } else {
      explanation = Explanation(question, of: site, across ? .across : .machine)
    }
    guard !explanation.paths.isEmpty else {
      let why =
        notes.isEmpty
        ? "\(from) and \(machine.name) have no tunnel, zone or address family in common there"
        : notes.joined(separator: "; ")
      throw Refusal("no packet path from this source to this service: \(why)")
    }
    let report = ExplanationReport(
      machine: machine.name, question: question, explanation: explanation, notes: notes, isLive: live)
    Console.print(report.text, or: report.json, as: format)
    if explanation.verdict != .accept { throw ExitCode(2) }
  }
}
