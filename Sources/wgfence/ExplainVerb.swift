// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import Glibc
import PacketWalk
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports

/// `wgfence explain`: why a packet gets through, or why not.
struct ExplainVerb: Verb {
  static let configuration = verb(
    "explain", "Walk a packet through the rules, and say what decides about it.",
    discussion: """
      Follows the first packet of a flow rule by rule through what the policy compiles to, and names the line that decides. \
      With --live it goes through everything that is loaded in this kernel, other programs' tables included, with this \
      host's own routes and addresses (needs root). With --across it begins at the sender's output, and goes through the \
      tunnel to the receiver, to say which side refuses.

      Both ends are named as in the policy: --from laptop --to postgres. A source may be a machine, group, zone, tunnel, \
      list or address; a service a name or PORT/tcp.

      Exit status: 0 it is accepted; 1 it could not be told; 2 it is dropped or rejected, or cannot be determined.
      """)

  @OptionGroup var options: PolicyOptions

  @Option(help: "Who asks: a machine, group, zone, tunnel, list, MACHINE.ZONE or address.")
  var from: String

  @Option(help: "What for: a service by name, or PORT/tcp, PORT/udp.")
  var to: String

  @Option(help: "What it is for beyond the machine: one of its zones, or an address behind it.")
  var destination: String?

  @Option(help: "The zone or tunnel by which the packet comes; with --live, an interface too.")
  var over: String?

  @Flag(help: "Through everything loaded in this kernel, not through what the policy compiles to.")
  var live = false

  @Flag(help: "From the sender's output through the tunnel to the receiver.")
  var across = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func validate() throws {
    if live, across { throw ValidationError("--live knows this kernel alone: it goes with no --across") }
  }

  func run() throws {
    let policy = try options.load().validPolicy(options.policy)
    let machine = try options.own(in: policy)
    let interface = live ? LiveExplanation.interface(named: over, policy, machine) : nil
    let question = try Question(
      policy, machine: machine, from: from, to: to, destination: destination,
      over: interface == nil ? over : nil)
    if question.sources == [.machine(machine.name)] {
      throw Refusal(
        "what \(machine.name) sends to itself is never filtered: ask from another machine or zone")
    }
    let site = CompiledSite(policy, today: Today.date, live: LiveEndpoints.heard(by: policy))
    var notes: [String] = []
    let explanation: Explanation
    if live {
      let found = try LiveExplanation(question, of: site, on: machine, by: interface)
      (explanation, notes) = (found.explanation, found.notes)
    } else {
      explanation = Explanation(question, of: site, across ? .across : .machine)
    }
    guard !explanation.ways.isEmpty else {
      let why =
        notes.isEmpty
        ? "\(from) and \(machine.name) share no tunnel, zone or address family there"
        : notes.joined(separator: "; ")
      throw Refusal("no packet can go this way: \(why)")
    }
    let report = ExplanationReport(
      machine: machine.name, question: question, explanation: explanation, notes: notes, isLive: live)
    switch format {
    case .text: Console.print(report.text(Console.hasColour(STDOUT_FILENO) ? .coloured : .plain))
    case .json: Console.print(document: report.json)
    }
    if explanation.verdict != .accept { throw ExitCode(2) }
  }
}
