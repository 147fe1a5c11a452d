// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import LinuxHost
package import NetworkModel
internal import PolicyCompiler
internal import PolicyLanguage
internal import Ruleset

/// The kernel and the state directory in the hands of a verb, where there is no daemon: requests are carried out in this
/// process.
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
    /// The kernel is changed whatever the disk says: a panic must take effect where nothing can be stored.
    case attempting

    /// Of putting a policy in force.
    package static let apply = Access.writing

    /// Of another request.
    package init(_ request: FirewallRequest) {
      switch request {
      case .status, .log, .history: self = .reading
      case .apply, .confirm, .rollback, .open, .close, .panic(.end): self = .writing
      case .panic(.begin), .unload: self = .attempting
      }
    }
  }

  /// Takes charge for a request of somebody's. Without a directory nothing survives. What is to be known besides goes to
  /// `say`.
  package init(
    _ directory: StateDirectory?, at access: Access, by caller: String,
    say: @escaping (Controller.Severity, PrintableText) -> Void
  ) throws(Refusal) {
    let lock = try Self.lock(directory, access, say)
    driver = try Self.driver(directory, say)
    self.lock = lock
    self.caller = caller
    service = FirewallService(directory, in: .verb, sessions: KernelSessions())
  }

  private static func driver(
    _ directory: StateDirectory?, _ say: @escaping (Controller.Severity, PrintableText) -> Void
  ) throws(Refusal) -> ControllerDriver<KernelRuleset> {
    let state = state(directory, say)
    let found = state.inForce.flatMap { directory?.ruleset($0).value?.provenance }
    do throws(StoreError) {
      return ControllerDriver(
        Controller(state, inForce: found), store: try KernelRuleset(), directory: directory,
        ownership: .shared, lastResort: Lowering.table(PolicyCompiler.lastResort),
        environment: VerbEnvironment(tell: say))
    } catch {
      throw Refusal("\(EnforcementError(error))")
    }
  }

  /// Carries out a request.
  package mutating func execute(_ request: FirewallRequest) throws(Refusal) -> FirewallResult {
    try service.execute(request, by: caller, at: Moment.now, on: &driver)
  }

  /// Puts a policy in force that was checked.
  package mutating func apply(_ candidate: Candidate) throws(Refusal) -> FirewallResult {
    try service.apply(candidate, trial: nil, by: caller, at: Moment.now, on: &driver)
  }

  /// What `apply` would change.
  package mutating func plan(_ candidate: Candidate) throws(EnforcementError) -> Enforcer.Outcome {
    try driver.plan(candidate)
  }

  /// The right to write in the state directory; nil where it is not needed, or cannot be taken and is not waited for.
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
      "a daemon keeps \(directory.path), but does not answer here: name its --socket, or restart it")
  }

  /// What is stored. A state that cannot be read is as none, which is said.
  private static func state(
    _ directory: StateDirectory?, _ say: (Controller.Severity, PrintableText) -> Void
  ) -> PersistedState {
    switch directory?.state() {
    case .whole(let state): return state
    case .damaged(let why):
      say(.warning, "\(why): what was stored of a panic or a trial is not known")
      return PersistedState()
    case .absent, nil: return PersistedState()
    }
  }
}

/// What surrounds a verb: it says warnings and errors, and reads no policy but the one it was given.
private struct VerbEnvironment: ControllerEnvironment {
  let tell: (Controller.Severity, PrintableText) -> Void

  func readPolicy() -> PolicyReading? {
    .refused(PolicyRefusal(digest: "", reason: "not read", report: ""))
  }

  func now() -> Moment { Moment.now }

  func say(_ severity: Controller.Severity, _ text: PrintableText) {
    switch severity {
    case .error, .warning: tell(severity, text)
    case .notice, .info: return
    }
  }
}
