// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import HostAnalysis
import NetworkModel
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
    let role = try options.find(&notes)
    let found = try HostDiagnosis(as: role.map { DoctorSubject.Role(policy: $0.policy, machine: $0.machine) })
    let report = DoctorReport(
      machine: role?.machine.name, policy: role?.path, digest: role?.digest,
      diagnosis: found.diagnosis, notes: notes + found.notes)
    switch format {
    case .text: Console.print(report.text(Console.hasColour(STDOUT_FILENO) ? .coloured : .plain))
    case .json: Console.print(document: report.json)
    }
    if report.diagnosis.isIll { throw ExitCode(2) }
  }
}
