// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import LinuxHost
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import Reports
import Ruleset

/// `wgfence apply`: makes the kernel equal to a policy.
struct ApplyVerb: Verb {
  static let configuration = verb(
    "apply", "Make this kernel's ruleset equal to the policy.",
    discussion: """
      Checks the policy and runs its tests. Refuses if something would stop working that works now: your own SSH \
      session, a tunnel, the way to the internet, a name server, the guests on a bridge. wgfence plan shows what, and \
      what would keep it. Then sends the difference as one transaction, and reads the table back to verify it. A packet \
      is judged by the old ruleset or by the new one, never by a mix. Connections whose grant was removed end at their \
      next packet.

      Needs root, or CAP_NET_ADMIN in its network namespace. In the machine's own network namespace it also needs --host.

      Exit status: 0 the kernel equals the policy; 1 it does not and nothing was changed, or it does but the ruleset \
      could not be stored for a restart; 2 the policy is not valid, one of its tests failed, or something would stop \
      working, and nothing was changed.
      """)

  @OptionGroup var options: PolicyOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "Apply even if your own session, a tunnel or something else that works now would stop working.")
  var force = false

  @Flag(help: "Drop nothing: count, log and accept what the policy does not allow, until wgfence enforce.")
  var observe = false

  @Option(help: "Accept that this stops working, by the name that plan prints: tunnel:wg0. Can be repeated.")
  var accept: [String] = []

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  @Option(
    help:
      "Roll back after this time (60s; 5s to 24h) unless wgfence confirm is run over a new connection."
  )
  var confirm: String?

  @OptionGroup var places: StateOptions
  @OptionGroup var colour: ColourOption

  func validate() throws { _ = try trial() }

  private func trial() throws -> TrialTime? { try confirm.map(Self.trial) }

  static func trial(_ confirm: String) throws -> TrialTime {
    do throws(Refusal) { return try TrialTime(words: confirm) } catch {
      throw ValidationError("--confirm\(error.text)")
    }
  }

  func run() throws {
    let (report, result) = try carryOut()
    Console.print(report.text, or: report.json, as: format)
    try Console.conclude(result)
  }

  /// Puts the policy in force. Prints before that what it ends, except with `--format json`.
  func carryOut() throws -> (ApplyReport, FirewallResult) {
    let daemon = try places.daemon()
    if daemon == nil { try namespace.check() }
    let file = try options.load()
    let candidate = try Console.accepted(
      PolicyLoader(machine: options.machine.choice).accept(file, path: options.policy), of: options.policy)
    guard let view = candidate.view else { throw ExitCode(1) }
    let mode: EnforcementMode = observe ? .observing : .enforcing
    if !force, !observe {
      try refuseLockOut(view)
      let impact = Console.impact(of: view, loading: candidate.table(mode))
      if format == .text { Console.print(impact.text) }
      if let refusal = impact.refusal(accepting: Set(accept)) { throw Console.refuse(refusal) }
    }
    let cut: CutReport
    let result: FirewallResult
    if let daemon {
      cut = try connectionsCut(by: view, loading: candidate.table(mode)) { () throws(EnforcementError) in
        var store = try KernelRuleset.own()
        return try Enforcer.plan(candidate.table(mode), in: &store)
      }
      result = try Console.result(
        daemon.apply(
          file, path: FilePath.absolute(options.policy), machine: options.machine.given, mode: mode,
          trial: trial(),
          say: Console.say))
    } else {
      var firewall = try DirectFirewall(
        places.directory, at: .apply, by: Caller.name, say: Console.say)
      cut = try connectionsCut(by: view, loading: candidate.table(mode)) { () throws(EnforcementError) in
        try firewall.plan(candidate, mode)
      }
      // It is started first: if this process dies, the trial is undone all the same.
      if confirm != nil { try GuardTrialVerb.start(places, namespace) }
      result = try firewall.apply(candidate, mode, trial: trial())
    }
    let report = ApplyReport(
      policy: options.policy, machine: candidate.machine, digest: candidate.digest,
      operations: result.operations, generation: result.generation ?? 0,
      storage: result.notPersisted == nil ? .stored : .failed, trial: confirm, cut: cut)
    return (report, result)
  }

  /// The live connections that the change ends. They are printed before the change, because the caller's own
  /// connection may be one of them.
  private func connectionsCut(
    by view: SiteView, loading desired: KernelTable, _ plan: () throws(EnforcementError) -> Enforcer.Outcome
  )
    throws -> CutReport
  {
    guard Capability.isNetworkAdministrator else {
      Console.warn("\(LiveCut.unknown): that needs root, or CAP_NET_ADMIN")
      return CutReport(found: nil, now: 0)
    }
    let (report, gap) = LiveCut.report(of: try plan(), to: view, loading: desired)
    if let gap { Console.warn(gap) }
    if format == .text { Console.print(report.text) }
    return report
  }

  /// Ends the verb with status 2 if the caller would be locked out. Prints a warning if that is not known.
  private func refuseLockOut(_ view: SiteView) throws {
    switch OwnSession.verdict(of: view) {
    case .passed: return
    case .unknown(let why): Console.warn(why)
    case .lockedOut(let rejection): throw Console.reject(rejection, of: options.policy)
    }
  }
}
