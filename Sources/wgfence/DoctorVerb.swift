// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
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

/// `wgfence doctor`: what makes a tunnel look fine and not work.
struct DoctorVerb: Verb {
  static let configuration = verb(
    "doctor", "Look for what makes a tunnel look fine and not work, and say the fix.",
    discussion: """
      Holds this host against the policy, and against what WireGuard needs: where the tunnel ends, its addresses, port and \
      peers, routes, packet sizes, the kernel's settings, Docker's Swarm, and other programs' firewalls. Nothing is changed, \
      and nothing is sent to a peer.

      Without a policy it looks at the WireGuard interfaces that there are. What it could not look at (most of it needs \
      root) is said, and counts as not made, never as passed.

      Exit status: 0 nothing is wrong (information is nothing wrong); 1 it could not be done; 2 an error or a warning was \
      found.
      """)

  @OptionGroup var options: PolicyWhereThere

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    var notes: [String] = []
    let found = try options.find(&notes)
    let role = found.map { DoctorSubject.Role(policy: $0.loaded.policy, machine: $0.machine) }
    var facts: HostFacts
    do throws(HostReadError) {
      facts = try HostFactsReader.read(
        docker: ContainerEngines.docker, engines: ContainerEngines.paths)
    } catch {
      Console.error("\(error)")
      throw ExitCode(1)
    }
    notes += facts.host.notes.filter { $0 != .protocolNotLoaded(.sctp) }.map(\.description)
    facts.routes = RouteReader.read(DoctorSubject(facts, as: role).routeQuestions, on: facts.host)
    if DoctorSubject(facts, as: role).hasSilentPeers {
      facts.wireGuard.sentMeanwhile = HostFactsReader.sent(since: facts.wireGuard.devices, on: facts.host)
    }
    let subject = DoctorSubject(facts, as: role)
    if role == nil {
      let names = subject.tunnels.map(\.name.description)
      notes.append(
        names.isEmpty
          ? "looked at without a policy, and there is no WireGuard interface here"
          : "looked at without a policy: the WireGuard interfaces here are \(names.joined(separator: ", "))")
    }
    let walks = findWalks(subject, &notes)
    let report = DoctorReport(
      machine: role?.machine.name, policy: found?.path, digest: found?.loaded.digest,
      diagnosis: Diagnosis(subject, walks: walks), notes: notes)
    switch format {
    case .text: Console.print(report.text(Console.hasColour(STDOUT_FILENO) ? .coloured : .plain))
    case .json: Console.print(document: report.json)
    }
    if report.diagnosis.isIll { throw ExitCode(2) }
  }

  /// What everything that is loaded in the kernel does with the packets that have to get in.
  private func findWalks(_ subject: DoctorSubject, _ notes: inout [String]) -> DoctorWalks {
    guard Capability.isNetworkAdministrator else {
      return DoctorWalks(unknown: "the kernel's rules are told to root alone")
    }
    do {
      var socket = try NFTablesSocket()
      let tables = try socket.readAll()
      let walk = PacketWalk(tables, order: try HookOrder.read())
      let site = subject.role.map { role in
        let heard = LiveEndpoints.read(for: role.policy)
        notes += heard.gaps
        return CompiledSite(role.policy, today: Today.date, live: heard.live)
      }
      if !walk.unwalked.isEmpty {
        let chains = walk.unwalked.joined(separator: ", ")
        notes.append("chains that were not evaluated and may drop packets: \(chains)")
      }
      return DoctorWalks(subject, of: site, through: walk, in: try LiveHostEnvironment())
    } catch {
      return DoctorWalks(unknown: "\(error)")
    }
  }
}
