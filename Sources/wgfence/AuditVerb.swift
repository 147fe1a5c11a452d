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

/// `wgfence audit`: who can reach what listens here.
struct AuditVerb: Verb {
  static let configuration = verb(
    "audit", "List this host's listening sockets, and who reaches each through the policy.",
    discussion: """
      Every TCP and UDP socket that listens in this network namespace, with its process, judged by a walk of packets \
      through the compiled ruleset: by zone and machine, with the line of the policy that decides. Says whether the \
      kernel holds that ruleset. Needs root to name other users' processes and to read the kernel's ruleset.

      Exit status: 0 nothing is exposed; 1 it could not be told; 2 something is exposed, or the kernel does not hold \
      what the policy says.
      """)

  @OptionGroup var options: PolicyOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    let loaded = try options.load()
    let ruleset = try options.compile(loaded.policy, live: LiveEndpoints.heard(by: loaded.policy))
    let name = options.machine.name(in: loaded.policy)
    guard let machine = loaded.policy.machine(named: name) else { throw ExitCode(1) }
    let host: HostSnapshot
    do throws(HostReadError) {
      host = try HostReader.snapshot()
    } catch {
      Console.error("\(error)")
      throw ExitCode(1)
    }
    let desired = Lowering.table(ruleset)
    let drift = try KernelSession.run { store throws(EnforcementError) in
      try Enforcer.plan(desired, in: &store)
    }
    let view = SiteView(policy: loaded.policy, machine: machine, ruleset: ruleset)
    let report = AuditReport(
      machine: name, path: options.policy, digest: loaded.digest, drift: drift.plan.operations.count,
      isLoaded: drift.before != nil,
      exposures: host.listeners.map { Exposure(of: $0, host: host, through: view) },
      openings: drift.before.map { Opening.inForce(in: $0, policy: loaded.policy, machine: machine) } ?? [],
      notes: host.notes)
    switch format {
    case .text: Console.print(report.text)
    case .json: Console.print(report.json)
    }
    if !report.isEnforced || report.exposures.contains(where: \.isExposed) { throw ExitCode(2) }
  }
}
