// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import HostAnalysis
import LinuxHost
import Netlink
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports
import Ruleset

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
    let loaded = try options.load()
    let name = options.machine.name(in: loaded.policy)
    guard let machine = loaded.policy.machine(named: name) else {
      // Says which there are.
      _ = try options.compile(loaded.policy)
      throw ExitCode(1)
    }
    let interface = try liveInterface(loaded.policy, machine)
    let question: Question
    do throws(QuestionError) {
      question = try Question(
        loaded.policy, machine: machine, from: from, to: to, destination: destination,
        over: interface == nil ? over : nil)
    } catch {
      Console.error("\(error.description)")
      throw ExitCode(1)
    }
    if question.sources == [.machine(name)] {
      Console.error("what \(name) sends to itself is never filtered: ask from another machine or zone")
      throw ExitCode(1)
    }
    let heard = LiveEndpoints.heard(by: loaded.policy)
    let site = CompiledSite(loaded.policy, today: Today.date, live: heard)
    var notes: [String] = []
    let explanation =
      live
      ? try explainLive(question, site, machine, interface, &notes)
      : Explanation(question, of: site, across ? .across : .machine)
    let report = ExplanationReport(
      machine: name, question: question, explanation: explanation, notes: notes, isLive: live)
    guard !explanation.ways.isEmpty else {
      let why =
        notes.isEmpty
        ? "\(from) and \(name) share no tunnel, zone or address family there" : notes.joined(separator: "; ")
      Console.error("no packet can go this way: \(why)")
      throw ExitCode(1)
    }
    switch format {
    case .text: Console.print(report.text(Console.hasColour(STDOUT_FILENO) ? .coloured : .plain))
    case .json: Console.print(document: report.json)
    }
    if explanation.verdict != .accept { throw ExitCode(2) }
  }

  /// The interface that `--over` names, where it is no zone and no tunnel of the policy.
  private func liveInterface(_ policy: Policy, _ machine: Machine) throws -> InterfaceName? {
    guard live, let over, policy.tunnel(named: over) == nil, over != Zone.internet,
      machine.zone(named: over) == nil
    else { return nil }
    return InterfaceName(over)
  }

  private func explainLive(
    _ question: Question, _ site: CompiledSite, _ machine: Machine, _ interface: InterfaceName?,
    _ notes: inout [String]
  ) throws -> Explanation {
    do {
      let host = try HostReader.snapshot()
      if let interface, host.interface(named: interface) == nil {
        Console.error("'\(interface)' is no zone or tunnel of the policy, and no interface of this host")
        throw ExitCode(1)
      }
      var socket = try NFTablesSocket()
      let tables = try socket.readAll()
      let order = try HookOrder.read()
      let environment = try LiveHostEnvironment()
      let walk = PacketWalk(tables, order: order)
      let packets = LivePackets(question, of: site, on: host, by: interface)
      notes += packets.notes
      if !tables.contains(where: { $0.name == Ruleset.tableName && $0.family == NFT.familyInet }) {
        notes.append("no wgfence ruleset is loaded in the kernel")
      }
      if !walk.unwalked.isEmpty {
        let chains = walk.unwalked.joined(separator: ", ")
        notes.append("chains that were not evaluated and may drop packets: \(chains)")
      }
      let view = site.view(of: machine)
      return Explanation(
        ways: packets.asked.map { asked in
          Explanation.way(
            asked.packet, walk.arrival(asked.packet, in: environment), from: asked.source, over: asked.zone,
            on: view)
        })
    } catch let error as HostReadError {
      Console.error("\(error)")
    } catch let error as NetlinkError {
      Console.error("\(error)")
    }
    throw ExitCode(1)
  }
}
