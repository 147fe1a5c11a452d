// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import LinuxHost
package import NetworkModel
internal import PolicyCompiler
internal import PolicyFiles
internal import PolicyLanguage
package import Ruleset

/// Carries out requests in this process if there is no daemon: it changes the kernel and the state directory itself.
package struct DirectFirewall: ~Copyable {
  private let service: FirewallService
  private let caller: String
  private var driver: ControllerDriver<KernelRuleset>
  /// Held until this value ends.
  private let lock: StateLock?

  /// What a request needs of the state directory.
  package enum Access {
    case reading
    case writing
    /// The kernel is changed even if nothing can be stored: a panic must always take effect.
    case attempting

    /// What putting a policy in force needs.
    package static let apply = Access.writing

    /// What another request needs.
    package init(_ request: FirewallRequest) {
      switch request {
      case .status, .log, .history, .temporaryGrants: self = .reading
      case .apply, .takeRelease, .accept, .endObservation, .confirm, .rollback, .open, .close, .closeNumber,
        .panic(.end):
        self = .writing
      case .panic(.begin), .unload: self = .attempting
      }
    }
  }

  /// Locks the state directory and reads it, for a request of `caller`. Without a directory nothing is stored.
  /// Warnings and errors go to `say`.
  package init(
    _ directory: StateDirectory?, at access: Access, by caller: String,
    say: @escaping (Controller.Severity, PrintableText) -> Void
  ) throws(Refusal) {
    let lock = try Self.lock(directory, access, say)
    driver = try Self.driver(directory, say)
    self.lock = lock
    self.caller = caller
    service = FirewallService(directory, in: .verb, sessions: KernelSessions())
    // Whichever process comes first after the end of a trial goes back.
    if access != .reading {
      driver.perform(driver.controller.resumeTrial(at: Moment.now))
      driver.completeStoring()
    }
  }

  private static func driver(
    _ directory: StateDirectory?, _ say: @escaping (Controller.Severity, PrintableText) -> Void
  ) throws(Refusal) -> ControllerDriver<KernelRuleset> {
    let state = state(directory, say)
    let found = state.inForce.flatMap { directory?.ruleset($0).value?.provenance }
    do throws(StoreError) {
      return ControllerDriver(
        Controller(state, inForce: found, past: directory?.past ?? .nothing), store: try KernelRuleset(),
        directory: directory,
        ownership: .shared, lastResort: Lowering.table(PolicyCompiler.lastResort),
        environment: VerbEnvironment(tell: say))
    } catch {
      throw Refusal("\(EnforcementError(error))")
    }
  }

  /// Carries out a request.
  package mutating func execute(_ request: FirewallRequest) throws(Refusal) -> FirewallResult {
    if request == .endObservation { readObserved() }
    return try service.execute(request, by: caller, at: Moment.now, on: &driver)
  }

  /// A policy for a panic on a host on which nothing is in force.
  package mutating func offer(_ candidate: Candidate) { driver.know(candidate) }

  /// Reads the policy that is only observed, to enforce it. If its file has changed meanwhile, it is not known any more.
  private mutating func readObserved() {
    guard let inForce = driver.controller.inForce, inForce.kind == .observe else { return }
    let loaded = PolicyLoader(machine: MachineChoice(given: inForce.machine)).load(inForce.path)
    if case .success(let candidate) = loaded.result { driver.know(candidate) }
  }

  /// Puts in force a policy that was checked.
  package mutating func apply(
    _ candidate: Candidate, _ mode: EnforcementMode, trial: TrialTime?
  ) throws(Refusal) -> FirewallResult {
    try service.apply(candidate, mode, trial: trial, by: caller, at: Moment.now, on: &driver)
  }

  /// What `apply` would change.
  package mutating func plan(
    _ candidate: Candidate, _ mode: EnforcementMode
  ) throws(EnforcementError) -> Enforcer.Outcome {
    try driver.plan(candidate, mode)
  }

  /// The lock of the state directory; nil if it is not needed, or if it failed for a request that goes on without it.
  private static func lock(
    _ directory: StateDirectory?, _ access: Access, _ say: (Controller.Severity, PrintableText) -> Void
  ) throws(Refusal) -> StateLock? {
    guard let directory, access != .reading else { return nil }
    do throws(StateError) {
      if let lock = try directory.lock() { return lock }
    } catch {
      guard access == .attempting else { throw Refusal("\(error)") }
      say(.warning, "\(error)")
      return nil
    }
    throw Refusal(
      "a daemon has locked \(directory.path), but does not answer here: set --socket, or restart it")
  }

  /// The stored state. If it cannot be read, a warning is printed and an empty state is used.
  private static func state(
    _ directory: StateDirectory?, _ say: (Controller.Severity, PrintableText) -> Void
  ) -> PersistedState {
    switch directory?.state() {
    case .whole(let state): return state
    case .damaged(let why):
      say(.warning, "\(why): it is not known whether a panic or a trial was stored")
      return PersistedState()
    case .absent, nil: return PersistedState()
    }
  }
}

/// The environment of a verb: it prints warnings and errors, and reads no policy other than the given one.
private struct VerbEnvironment: ControllerEnvironment {
  let tell: (Controller.Severity, PrintableText) -> Void

  func readPolicy() -> PolicyReading? { nil }

  func now() -> Moment { Moment.now }

  func say(_ severity: Controller.Severity, _ text: PrintableText) {
    switch severity {
    case .error, .warning: tell(severity, text)
    case .notice, .info: return
    }
  }
}
