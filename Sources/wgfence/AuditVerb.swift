// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import LinuxKernel
import NetworkModel
import PolicyAnalysis
import PolicyCompiler
import PolicyLanguage
import RulesetModel

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

      Exit status: 0 nothing was found that counts; 1 it could not be told; 2 something was found.
      """)

  @OptionGroup var options: PolicyWhereThere

  @Option(help: "text, json, or sarif (for code scanning).")
  var format: AuditFormat = .text

  @Option(
    help: "Leave out findings that this earlier report has too (a file of --format json).",
    completion: .file())
  var baseline: String?

  @Option(help: "The least severity that ends with status 2: error, warning, information; or never.")
  var failOn: FailureThreshold = .error

  func run() throws {
    var notes: [String] = []
    let known = try baseline.map { try AuditBaseline.read($0) }
    let role = try options.find(&notes)
    let report = try look(role, &notes).leavingOut(known)
    switch format {
    case .text: Console.print(report.text(Console.hasColour(STDOUT_FILENO) ? .coloured : .plain))
    case .json: Console.print(report.json)
    case .sarif: Console.print(report.sarif)
    }
    if report.findings.contains(where: { failOn.counts($0.severity) }) { throw ExitCode(2) }
  }

  private func look(_ role: PolicyWhereThere.Role?, _ notes: inout [String]) throws -> AuditReport {
    do {
      let survey = try HostReader.survey()
      let rules = try NamespaceTables.read(of: survey.others.filter { !$0.snapshot.listeners.isEmpty })
      notes += rules.gaps
      var socket = try NFTablesSocket()
      let tables = try socket.readAll()
      let devices = devices(&notes)
      let host = AuditedHost(
        survey: survey, tables: tables, order: try HookOrder.read(), surroundings: try LiveSurroundings(),
        otherTables: rules.tables, tunnels: Set(devices.map(\.name)),
        tunnelPorts: Set(devices.compactMap(\.listenPort)))
      guard let role else {
        let audit = Audit(of: host, by: nil)
        return AuditReport(
          machine: nil, policy: nil, drift: .none, audit: audit,
          findings: audit.findings(drift: .none, view: nil),
          openings: [], notes: notes + audit.notes)
      }
      let ruleset = try compile(role)
      let view = SiteView(policy: role.loaded.policy, machine: role.machine, ruleset: ruleset)
      let audit = Audit(of: host, by: view)
      let own = tables.first { $0.name == Ruleset.tableName && $0.family == NFT.familyInet }
      let drift = try drift(Lowering.table(ruleset))
      return AuditReport(
        machine: role.machine.name,
        policy: AuditReport.PolicyName(path: role.path, digest: role.loaded.digest),
        drift: drift, audit: audit, findings: audit.findings(drift: drift, view: view),
        openings: own.map { Opening.inForce(in: $0, policy: role.loaded.policy, machine: role.machine) }
          ?? [],
        notes: notes + audit.notes)
    } catch let error as HostReadError {
      Console.error("\(error)")
    } catch let error as NetlinkError {
      Console.error("\(error)")
    }
    throw ExitCode(1)
  }

  private func compile(_ role: PolicyWhereThere.Role) throws -> Ruleset {
    let policy = role.loaded.policy
    do throws(CompileError) {
      return try PolicyCompiler.compile(
        policy, machine: role.machine.name, today: Today.date, live: LiveEndpoints.heard(by: policy))
    } catch {
      Console.error(error.description)
      throw ExitCode(1)
    }
  }

  private func drift(_ desired: KernelTable) throws -> Audit.Drift {
    let plan = try KernelSession.run { store throws(EnforcementError) in
      try Enforcer.plan(desired, in: &store)
    }
    guard plan.before != nil else { return .notLoaded }
    return plan.plan.operations.isEmpty ? .none : .operations(plan.plan.operations.count)
  }

  /// What WireGuard made; where that cannot be told, nothing is trusted for a tunnel.
  private func devices(_ notes: inout [String]) -> [WireGuardDevice] {
    do throws(HostReadError) {
      return try WireGuardDevices.read().devices
    } catch {
      notes.append("which interfaces are tunnels was not read: \(error)")
      return []
    }
  }
}

/// The formats of an audit.
enum AuditFormat: String, ExpressibleByArgument, CaseIterable {
  case text
  case json
  case sarif
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
