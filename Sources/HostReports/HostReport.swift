// SPDX-License-Identifier: GPL-3.0-or-later

package import DaemonService
internal import DropAnalysis
package import Enforcement
internal import HostAnalysis
package import NetworkModel
internal import PolicyAnalysis
internal import PolicyCompiler
internal import PolicyFiles
internal import PolicyLanguage
internal import PolicyProof
package import Reports
internal import Ruleset

/// A report about this host, as a verb prints it.
package struct HostReport {
  /// The report.
  package let body: Body
  /// The exit status of the verb.
  package let status: Int32

  /// What is printed.
  package enum Body {
    /// A report for people.
    case people(PrintableText)
    /// A report for programs.
    case programs(document: String)
    /// Nothing: the remarks say why there is none.
    case nothing
  }

  private init(_ body: Body, status: Int32) { (self.body, self.status) = (body, status) }

  /// A report for people or for programs.
  private init(
    _ text: PrintableText, or json: @autoclosure () -> String, as form: FirewallRequest.ReportForm,
    status: Int32
  ) {
    self.init(form == .json ? .programs(document: json()) : .people(text), status: status)
  }

  /// What is said beside the report, on standard error.
  package enum Remark {
    case note(PrintableText)
    case warning(PrintableText)
    case error(PrintableText)
  }

  /// Makes the report. `state` is where the log of dropped packets is, `baseline` an earlier report of audit. What is not
  /// known is said by remarks. Throws what a verb can throw (`VerbFailure`).
  package static func make(
    _ request: HostReportRequest, of policy: PolicySource, state: StateDirectory?,
    leavingOut baseline: AuditBaseline?, say: (Remark) -> Void
  ) throws -> HostReport {
    let choice = MachineChoice(given: request.machine)
    do {
      switch request.subject {
      case .audit(let format, let threshold):
        return try audit(policy, choice, format, threshold, leavingOut: baseline, say)
      case .doctor(let form): return try doctor(policy, choice, form, caller: request.session)
      case .plan(let form, let detail):
        return try plan(policy, choice, form, detail, caller: request.session, say)
      case .log(let form, let age, let grouping):
        let question = try drops(since: age, policy, choice, state)
        if grouping == .lines { for note in question.notes { say(.warning("\(note)")) } }
        return HostReport(
          .people(grouping == .summary ? question.summary(form) : question.log(form)), status: 0)
      case .suggest(let form, let age):
        let question = try drops(since: age, policy, choice, state)
        return HostReport(.people(try question.suggestion(form)), status: 0)
      }
    } catch let invalid as PolicyRole.Invalid {
      let text = PolicyRejectionText(.invalid(invalid.errors), path: invalid.path)
      say(.note(text.report))
      say(.error(text.answer))
      return HostReport(.nothing, status: text.exitStatus)
    }
  }

  // MARK: The reports

  private static func audit(
    _ source: PolicySource, _ choice: MachineChoice, _ format: AuditFormat, _ threshold: FailureThreshold,
    leavingOut baseline: AuditBaseline?, _ say: (Remark) -> Void
  ) throws -> HostReport {
    var notes: [String] = []
    let role = try PolicyRole.find(source, choice, &notes).map { role in
      let live = live(role.policy, on: role.machine.name, say)
      let site = CompiledSite(role.policy, today: Today.date, live: live)
      return HostReading.Role(site.view(of: role.machine), path: role.path, digest: role.digest)
    }
    let report = try HostReading.read().audit(as: role, notes: notes).leavingOut(baseline)
    let body: Body =
      switch format {
      case .text: .people(report.text)
      case .json: .programs(document: report.json)
      case .sarif: .programs(document: report.sarif)
      case .html: .programs(document: report.page(at: Today.time))
      }
    return HostReport(body, status: report.findings.contains { threshold.counts($0.severity) } ? 2 : 0)
  }

  private static func doctor(
    _ source: PolicySource, _ choice: MachineChoice, _ form: FirewallRequest.ReportForm,
    caller: RemoteSession?
  ) throws -> HostReport {
    var notes: [String] = []
    let role = try PolicyRole.find(source, choice, &notes)
    let found = try HostDiagnosis(as: role.map { DoctorSubject.Role(policy: $0.policy, machine: $0.machine) })
    let (impact, gaps) =
      role.map { ImpactCheck.report(of: $0.policy, as: $0.machine, caller: caller) } ?? (
        ImpactReport(nil), []
      )
    let report = DoctorReport(
      machine: role?.machine.name, policy: role?.path, digest: role?.digest,
      diagnosis: found.diagnosis, impact: impact, notes: notes + found.notes + gaps)
    let isFine = impact.names == nil && !report.diagnosis.hasProblems
    return HostReport(report.text, or: report.json, as: form, status: isFine ? 0 : 2)
  }

  private static func plan(
    _ source: PolicySource, _ choice: MachineChoice, _ form: FirewallRequest.ReportForm,
    _ detail: HostReportRequest.Detail, caller: RemoteSession?, _ say: (Remark) -> Void
  ) throws -> HostReport {
    let (file, path) = try source.load()
    let policy = try PolicyRole.valid(file, path)
    let warnings = file.decoded.diagnostics
    if !warnings.isEmpty { say(.note(DiagnosticText().render(warnings))) }
    let name = choice.name(in: policy)
    let live = live(policy, on: name, say)
    let site = CompiledSite(policy, today: Today.date, live: live)
    let own = try policy.enforcingMachine(named: name)
    let view = site.view(of: own)
    var store = try KernelRuleset.own()
    let outcome = try Enforcer.plan(view.table, in: &store)
    let (cut, gap) = LiveCut.report(of: outcome, to: view, loading: view.table)
    if let gap { say(.warning(gap)) }
    let (impact, gaps) = ImpactCheck.report(of: view, loading: view.table, caller: caller)
    for gap in gaps { say(.warning("\(gap)")) }
    let report = PlanReport(
      outcome.plan, to: view.table, before: outcome.before, generation: outcome.generation, cut: cut,
      impact: impact,
      difference: LiveDifference.report(from: outcome.before, to: site, on: own, path: path),
      detail: detail == .operations ? .verbose : .usual)
    return HostReport(report.text, or: report.json, as: form, status: report.isEmpty ? 0 : 2)
  }

  private static func drops(
    since age: DropAge, _ source: PolicySource, _ choice: MachineChoice, _ state: StateDirectory?
  ) throws -> DropQuestion {
    var notes: [String] = []
    let role = try PolicyRole.find(source, choice, &notes)
    return try DropQuestion(state, as: role, since: age, notes: notes)
  }

  /// The live facts of this host for a policy.
  private static func live(_ policy: Policy, on machine: String, _ say: (Remark) -> Void) -> LiveFacts {
    let reading = LiveReading(for: policy, on: machine)
    for gap in reading.gaps { say(.warning("\(gap)")) }
    return reading.facts
  }
}
