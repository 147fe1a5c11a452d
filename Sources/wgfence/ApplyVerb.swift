// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import HostAnalysis
import LinuxHost
import Netlink
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Reports
import Ruleset

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

  func validate() throws {
    guard let confirm else { return }
    let duration: GrantDuration
    do throws(TemporaryGrantError) {
      duration = try GrantDuration(confirm)
    } catch {
      throw ValidationError("--confirm: \(error)")
    }
    guard (5_000...86_400_000).contains(duration.milliseconds) else {
      throw ValidationError("--confirm takes 5s to 24h")
    }
  }

  func run() throws {
    let daemon = try places.daemon()
    if daemon == nil {
      try namespace.check()
      if confirm != nil { _ = try places.requiredDaemon("apply --confirm") }
    }
    let loaded = try options.load()
    let live = LiveEndpoints.heard(by: loaded.policy, on: options.machine.name(in: loaded.policy))
    let ruleset = try options.compile(loaded.policy, live: live)
    try runTests(loaded.policy)
    try prove(loaded.policy, ruleset, live)
    try refuseLockOut(loaded.policy, ruleset, live)
    let desired = Lowering.table(ruleset)
    let cut = try connectionsCut(by: ruleset, desired, loaded.policy)
    if format == .text { Console.print(cut.text) }
    let applied: Applied
    if let daemon { applied = try hand(loaded, to: daemon) } else { applied = try applyDirectly(loaded) }
    report(applied, cut, loaded)
    if applied.notPersisted != nil { throw ExitCode(1) }
  }

  /// What was sent, and the generation since.
  private struct Applied {
    var operations: Int
    var generation: UInt32
    /// Why it could not be stored; nil where it was.
    var notPersisted: String?
  }

  /// Lets the daemon do it: the policy and its lists are handed over as they were read here.
  private func hand(_ loaded: LoadedPolicy, to daemon: DaemonConnection) throws -> Applied {
    var request = ControlRequest("apply")
    request["path"] = DaemonVerb.absolute(options.policy)
    request["machine"] = options.machine.given
    request["lists"] = loaded.file.lists.map(\.name).joined(separator: "\n")
    if let confirm, let duration = try? GrantDuration(confirm) {
      request["confirm"] = String(duration.milliseconds / 1000)
    }
    var applied = Applied(operations: 0, generation: 0)
    // A large policy is checked for as long as that takes; this process has checked it before.
    let status = try daemon.ask(
      request, files: [loaded.file.bytes] + loaded.file.lists.map(\.bytes), patience: 600_000
    ) { result in
      applied.operations = result["operations"].flatMap { Int($0) } ?? 0
      applied.generation = result["generation"].flatMap { UInt32($0) } ?? 0
      applied.notPersisted = result["unkept"]
    }
    if status != 0 { throw ExitCode(status) }
    return applied
  }

  private func applyDirectly(_ loaded: LoadedPolicy) throws -> Applied {
    let directory = places.directory
    let lock = try directory.flatMap { try DirectDriver.lock($0) }
    var driver = try DirectDriver.driver(directory)
    do {
      let candidate = try Candidate(
        loaded.policy, machine: options.machine.name(in: loaded.policy), digest: loaded.digest,
        today: Today.date, live: LiveEndpoints.read(for: loaded.policy).live)
      let actions = try driver.controller.apply(
        candidate, by: DirectDriver.caller, confirm: nil,
        at: Moment.now)
      if driver.perform(actions) != nil { throw ExitCode(1) }
    } catch let code as ExitCode {
      throw code
    } catch {
      Console.error("\(error); nothing was changed")
      throw ExitCode(1)
    }
    _ = consume lock
    let report = StoredReport(
      done: "", change: .apply, notPersisted: driver.notPersisted, remedy: "Then run the same command again")
    if let warning = report.warning { Console.error(warning) }
    return Applied(
      operations: driver.sent, generation: driver.observed?.generation ?? 0, notPersisted: driver.notPersisted
    )
  }

  /// The live connections that the change ends. They are looked for, and told, before it: the caller's own may be one.
  private func connectionsCut(by ruleset: Ruleset, _ desired: KernelTable, _ policy: Policy) throws
    -> CutReport
  {
    guard Capability.isNetworkAdministrator else {
      Console.note(
        "wgfence: warning: which live connections this ends is not known: that needs root, or CAP_NET_ADMIN\n"
      )
      return CutReport(found: nil, now: 0)
    }
    let planned = try KernelSession.run { store throws(EnforcementError) in
      try Enforcer.plan(desired, in: &store)
    }
    return CutReport.read(
      planned.plan, from: planned.before, to: desired, ruleset, policy,
      machine: options.machine.name(in: policy))
  }

  private func runTests(_ policy: Policy) throws {
    let run = PolicyTestRun(CompiledSite(policy, today: Today.date))
    guard !run.failures.isEmpty else { return }
    let style: DiagnosticText.Style = Console.hasColour(STDERR_FILENO) ? .coloured : .plain
    Console.note(TestFailureText(style: style, lines: nil).render(run.failures))
    Console.error("\(run.failures.count) of the policy's own tests failed; nothing was changed")
    throw ExitCode(2)
  }

  /// Ends the verb with status 1 where the compiled ruleset does something else than the policy says.
  private func prove(_ policy: Policy, _ ruleset: Ruleset, _ live: LiveEndpoints) throws {
    guard let machine = policy.machine(named: options.machine.name(in: policy)) else { return }
    let site = CompiledSite(policy, today: Today.date, live: live)
    let proof = Proof.prove(ruleset, of: machine, in: site)
    if proof.counterExamples.isEmpty { return }
    Console.note(ProofReport.text(proof, path: options.policy))
    Console.error("\(ProofReport.refusal(proof, machine: machine.name)); nothing was changed")
    throw ExitCode(1)
  }

  /// Ends the verb with status 1 where the caller would be locked out. Where it cannot be told, that is said.
  private func refuseLockOut(_ policy: Policy, _ ruleset: Ruleset, _ live: LiveEndpoints) throws {
    if force { return }
    guard let machine = policy.machine(named: options.machine.name(in: policy)) else { return }
    let view = SiteView(policy: policy, machine: machine, ruleset: ruleset, live: live)
    let way: (session: RemoteSession, interface: InterfaceName?)?
    do throws(HostReadError) {
      way = try Self.ownSession()
    } catch {
      Console.note("wgfence: warning: whether you would be locked out is not known: \(error)\n")
      return
    }
    guard let way else { return }
    guard let interface = way.interface, interface != .loopback else {
      Console.note(
        "wgfence: warning: your session comes from \(way.session.client), to which there is no route here: "
          + "whether it would be let in again is not known\n")
      return
    }
    let lockOut = LockOut(session: way.session, interface: interface, through: view)
    if lockOut.isLockedOut {
      Console.error(
        "\(lockOut.explanation(view)); nothing was changed. Grant it (failsafe is the place), or say --force")
      throw ExitCode(1)
    }
  }

  /// The caller's own SSH session, and the interface by which its packets come; nil for a console, and for a session on
  /// loopback, which no rule cuts.
  private static func ownSession() throws(HostReadError) -> (
    session: RemoteSession, interface: InterfaceName?
  )? {
    let finding = try RemoteSessionFinder.find { name in getenv(name).map { String(cString: $0) } }
    guard let session = finding?.session, !session.client.isLoopback else { return nil }
    let routes = try Routes()
    if let scope = session.clientScope { return (session, scope) }
    let towards = try routes.interface(towards: session.client)
    return (session, towards ?? routes.interface(owning: session.server))
  }

  private func report(_ applied: Applied, _ cut: CutReport, _ loaded: LoadedPolicy) {
    switch format {
    case .text:
      if applied.operations == 0 {
        Console.print("The kernel equalled the policy already; nothing was sent.\n")
      } else {
        let count = applied.operations
        let ended = cut.found?.cut.count ?? 0
        let ends = ended == 0 ? "" : "; \(ended) live connection\(ended == 1 ? " ends" : "s end")"
        Console.print(
          "Applied \(options.policy) as \(options.machine.name(in: loaded.policy)): \(count) "
            + "operation\(count == 1 ? "" : "s") in one transaction, read back equal (generation \(applied.generation))\(ends).\n"
        )
      }
      if let confirm {
        Console.print(
          "It goes back in \(confirm) unless you open a new connection and say there: wgfence confirm\n")
      }
    case .json:
      Console.print(
        document: JSONWriter.object { object in
          object.put("schema", "wgfence/apply/1")
          object.put("machine", options.machine.name(in: loaded.policy))
          object.put("digest", loaded.digest)
          object.put("operations", applied.operations)
          object.put("generation", applied.generation)
          object.put("stored", applied.notPersisted == nil)
          cut.put(in: &object)
        })
    }
  }
}
