// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import LinuxHost
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import Reports

/// `wgfence apply`: makes the kernel equal to a policy.
struct ApplyVerb: Verb {
  static let configuration = verb(
    "apply", "Make this kernel's ruleset equal to the policy.",
    discussion: """
      Checks the policy, runs its tests, refuses where a new connection like your own SSH session would not be let in, \
      then sends what differs as one transaction and proves by reading back that the kernel holds it. Packets meet the \
      old ruleset or the new one, never a part. Sessions whose grant is gone end at their next packet.

      Needs root, or CAP_NET_ADMIN in its network namespace; in the machine's own, --host.

      Exit status: 0 the kernel equals the policy; 1 it does not, and was not changed, or it does, but that could not be \
      stored for a restart; 2 the policy is not valid or a test of it failed, and nothing was changed.
      """)

  @OptionGroup var options: PolicyOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "Apply though a new connection like your own SSH session would not be let in.")
  var force = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @Option(
    help:
      "Go back after this time (60s, 5m) unless wgfence confirm comes over a connection opened after the apply. Needs the daemon."
  )
  var confirm: String?

  @OptionGroup var places: StateOptions

  func validate() throws { _ = try trial() }

  private func trial() throws -> TrialTime? {
    guard let confirm else { return nil }
    let duration: GrantDuration
    do throws(TemporaryGrantError) { duration = try GrantDuration(confirm) } catch {
      throw ValidationError("--confirm: \(error)")
    }
    guard let time = TrialTime(seconds: Int64(duration.milliseconds / 1000)) else {
      throw ValidationError("--confirm takes 5s to 24h")
    }
    return time
  }

  func run() throws {
    let daemon = try places.daemon()
    if daemon == nil {
      try namespace.check()
      if confirm != nil { _ = try places.requiredDaemon("apply --confirm") }
    }
    let file = try options.load()
    let candidate = try Console.accepted(
      PolicyLoader(machine: options.machine.choice).accept(file, path: options.policy), of: options.policy)
    guard let view = candidate.view else { throw ExitCode(1) }
    if !force { try refuseLockOut(view) }
    let cut: CutReport
    let result: FirewallResult
    if let daemon {
      cut = try connectionsCut(by: view) { () throws(EnforcementError) in
        var store = try KernelRuleset.own()
        return try Enforcer.plan(view.table, in: &store)
      }
      result = try Console.result(
        daemon.apply(
          file, path: FilePath.absolute(options.policy), machine: options.machine.given, trial: trial(),
          say: Console.say))
    } else {
      var firewall = try DirectFirewall(
        places.directory, at: .apply, by: StateOptions.caller, say: Console.say)
      cut = try connectionsCut(by: view) { () throws(EnforcementError) in try firewall.plan(candidate) }
      result = try firewall.apply(candidate)
    }
    let report = ApplyReport(
      policy: options.policy, machine: candidate.machine, digest: candidate.digest,
      operations: result.operations, generation: result.generation ?? 0,
      storage: result.notPersisted == nil ? .stored : .failed, trial: confirm, cut: cut)
    switch format {
    case .text: Console.print(report.text)
    case .json: Console.print(document: report.json)
    }
    try Console.conclude(result)
  }

  /// The live connections that the change ends. They are looked for, and told, before it: the caller's own may be one.
  private func connectionsCut(by view: SiteView, _ plan: () throws(EnforcementError) -> Enforcer.Outcome)
    throws -> CutReport
  {
    guard Capability.isNetworkAdministrator else {
      Console.warn("\(LiveCut.unknown): that needs root, or CAP_NET_ADMIN")
      return CutReport(found: nil, now: 0)
    }
    let (report, gap) = LiveCut.report(of: try plan(), to: view)
    if let gap { Console.warn(gap) }
    if format == .text { Console.print(report.text) }
    return report
  }

  /// Ends the verb with status 1 where the caller would be locked out. Where it cannot be told, that is said.
  private func refuseLockOut(_ view: SiteView) throws {
    switch OwnSession.verdict(of: view) {
    case .passed: return
    case .unknown(let why): Console.warn(why)
    case .lockedOut(let rejection): throw Console.reject(rejection, of: options.policy)
    }
  }
}
