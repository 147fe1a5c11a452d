// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import HostAnalysis
import LinuxHost
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports
import Ruleset

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
    let known = try baseline.map { try Self.readBaseline($0) }
    let role = try options.find(&notes)
    let report = try look(role, &notes).leavingOut(known)
    switch format {
    case .text: Console.print(report.text(Console.hasColour(STDOUT_FILENO) ? .coloured : .plain))
    case .json: Console.print(document: report.json)
    case .sarif: Console.print(document: report.sarif)
    case .html: Console.print(document: report.page(at: Today.time))
    }
    if report.findings.contains(where: { failOn.counts($0.severity) }) { throw ExitCode(2) }
  }

  /// What is no report ends the verb with status 1.
  private static func readBaseline(_ path: String) throws -> AuditBaseline {
    switch FileContent.read(path, limit: AuditBaseline.limit) {
    case .bytes(let bytes):
      if let baseline = AuditBaseline(json: bytes) { return baseline }
      Console.error("\(path) is no report of wgfence audit --format json")
    case .unreadable(let reason): Console.error("\(path): \(reason)")
    }
    throw ExitCode(1)
  }

  private func look(_ role: PolicyWhereThere.Role?, _ notes: inout [String]) throws -> AuditReport {
    let look = try HostLook.take()
    let view = try role.map { role in
      let live = LiveEndpoints.heard(by: role.loaded.policy, on: role.machine.name)
      return SiteView(
        policy: role.loaded.policy, machine: role.machine,
        ruleset: try PolicyOptions.compile(role.loaded.policy, as: role.machine.name, live: live), live: live)
    }
    let audit = Audit(of: look.host, by: view)
    let own = look.host.tables.first { $0.name == Ruleset.tableName && $0.family == NFT.familyInet }
    let drift = view.map { Audit.Drift(from: own, to: Lowering.table($0.ruleset)) } ?? .none
    return AuditReport(
      machine: role?.machine.name,
      policy: role.map { AuditPage.PolicyName(path: $0.path, digest: $0.loaded.digest) }, drift: drift,
      audit: audit,
      findings: audit.findings(
        drift: drift, view: view, blindSpots: BlindSpotReader.read(order: look.order),
        health: health(look.facts, role)),
      openings: role.flatMap { role in
        own.map { TemporaryGrant.inForce(in: $0, policy: role.loaded.policy, machine: role.machine) }
      } ?? [], notes: notes + look.notes + audit.notes)
  }

  /// The host as a doctor looks at it, as far as that says who reaches what: with a policy to hold it against.
  private func health(_ facts: HostFacts, _ role: PolicyWhereThere.Role?) -> DoctorSubject? {
    guard let role else { return nil }
    let known = DoctorSubject.Role(policy: role.loaded.policy, machine: role.machine)
    var facts = facts
    facts.routes = RouteReader.read(DoctorSubject(facts, as: known).routeQuestions, on: facts.host)
    return DoctorSubject(facts, as: known)
  }
}

/// The formats of an audit.
enum AuditFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
  case sarif
  case html
}

/// From which severity on a finding counts for the exit status.
enum FailureThreshold: String, ExpressibleByArgument, CaseIterable {
  case error
  case warning
  case information
  case never

  func counts(_ severity: FindingSeverity) -> Bool {
    switch self {
    case .error: severity <= .error
    case .warning: severity <= .warning
    case .information: true
    case .never: false
    }
  }
}
