// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import HostAnalysis
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports

/// `wgfence audit`: who can reach what answers here.
struct AuditVerb: Verb {
  static let configuration = verb(
    "audit", "List everything that answers on this host and in its containers, and who reaches each.",
    discussion: """
      Every TCP, UDP and SCTP socket that listens in any network namespace of this host, and every published port, with its \
      process, container and unit, judged by walks of packets through everything that the kernel has loaded: from each zone \
      and machine of the policy, with the line or the foreign rule that decides. Without a policy, from each interface.

      Findings come with a fix. --baseline names an earlier report (--format json) and leaves only what is new; --fail-on \
      says which findings count for the exit status. Needs root to see other users' processes, other namespaces and the \
      kernel's rules.

      --format html writes a page for a browser to standard output: findings, a map of who reaches what, and all of it as a \
      table. It loads nothing from anywhere.

      Exit status: 0 nothing was found that counts; 1 it could not be told; 2 something was found.
      """)

  @OptionGroup var options: PolicyWhereThere

  @Option(help: "text, json, sarif (for code scanning), or html (one page that is whole in itself).")
  var format: AuditFormat = .text

  @Option(
    help: "Leave out findings that this earlier report has too (a file of --format json).",
    completion: .file())
  var baseline: String?

  @Option(help: "The least severity that ends with status 2: error, warning, information; or never.")
  var failOn: FailureThreshold = .error

  func run() throws {
    var notes: [String] = []
    let known = try baseline.map { try HostLook.baseline($0) }
    let role = try options.find(&notes).map { role in
      let live = LiveEndpoints.heard(by: role.policy, on: role.machine.name)
      let site = CompiledSite(role.policy, today: Today.date, live: live)
      return HostLook.Role(site.view(of: role.machine), path: role.path, digest: role.digest)
    }
    let report = try HostLook.take().audit(as: role, notes: notes).leavingOut(known)
    switch format {
    case .text: Console.print(report.text(Console.hasColour(STDOUT_FILENO) ? .coloured : .plain))
    case .json: Console.print(document: report.json)
    case .sarif: Console.print(document: report.sarif)
    case .html: Console.print(document: report.page(at: Today.time))
    }
    if report.findings.contains(where: { failOn.counts($0.severity) }) { throw ExitCode(2) }
  }
}

/// The formats of an audit.
enum AuditFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
  case sarif
  case html
}

extension FailureThreshold: ExpressibleByArgument {}
