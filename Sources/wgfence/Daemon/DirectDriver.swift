// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import LinuxHost
import NetworkModel
import PolicyCompiler
import PolicyLanguage
import Ruleset

/// The kernel and the state directory in the hands of a verb, where there is no daemon.
enum DirectDriver {
  enum Purpose {
    case reading
    case writing
    /// To the kernel, whatever the disk says: a panic must take effect where nothing can be stored.
    case mustWrite
  }

  /// Who runs this program.
  static var caller: String {
    if let behind = StateOptions.variable("SUDO_USER") { return behind }
    return UserNames.name(of: getuid())
  }

  /// Runs the body. Whatever it refuses ends the verb with status 1.
  static func run(
    _ places: StateOptions, _ namespace: NamespaceGuard, _ purpose: Purpose,
    _ body: (inout ControllerDriver<KernelRuleset>, StateDirectory) throws(Refusal) -> Void
  ) throws {
    if purpose != .reading { try namespace.check() }
    guard let directory = places.directory else {
      Console.error(
        "in a network namespace of its own nothing is kept: name the --state-dir that this is about")
      throw ExitCode(1)
    }
    do {
      let lock = purpose == .reading ? nil : try lock(directory, purpose)
      var driver = try driver(directory)
      try body(&driver, directory)
      _ = consume lock
    } catch let code as ExitCode {
      throw code
    } catch {
      Console.error("\((error as? Refusal)?.text ?? "\(error)")")
      throw ExitCode(1)
    }
  }

  /// The right to write in the state directory.
  /// nil where it cannot be taken and `purpose` goes on all the same.
  static func lock(_ directory: StateDirectory, _ purpose: Purpose = .writing) throws -> StateLock? {
    do throws(StateError) {
      if let lock = try directory.lock() { return lock }
      Console.error(
        "a daemon keeps \(directory.path), but does not answer here: name its --socket, or restart it")
    } catch {
      if purpose == .mustWrite {
        Console.note("wgfence: warning: \(error)\n")
        return nil
      }
      Console.error("\(error)")
    }
    throw ExitCode(1)
  }

  /// Says what was done. Where it could not be stored, that ends the verb with status 1.
  static func conclude(_ report: StoredReport) throws(Refusal) {
    Console.print(report.text)
    if let warning = report.warning { throw Refusal(warning) }
  }

  /// What is stored. A state that cannot be read is as none, which is said.
  private static func state(_ directory: StateDirectory?) -> PersistedState {
    switch directory?.state() {
    case .whole(let state): return state
    case .damaged(let why):
      Console.note("wgfence: warning: \(why): what was stored of a panic or a trial is not known\n")
      return PersistedState()
    case .absent, nil: return PersistedState()
    }
  }

  static func driver(_ directory: StateDirectory?) throws -> ControllerDriver<KernelRuleset> {
    let state = state(directory)
    let found = state.inForce.flatMap { directory?.ruleset($0).value?.provenance }
    do throws(StoreError) {
      return ControllerDriver(
        Controller(state, inForce: found), store: try KernelRuleset(), directory: directory,
        ownership: .shared,
        lastResort: Lowering.table(PolicyCompiler.lastResort),
        environment: DirectSurroundings())
    } catch {
      Console.error("\(EnforcementError(error))")
      throw ExitCode(1)
    }
  }
}

/// What surrounds a verb: it says warnings and errors, and reads no policy but the one it was given.
private struct DirectSurroundings: ControllerEnvironment {
  func readPolicy() -> PolicyReading? {
    .refused(PolicyRefusal(digest: "", reason: "not read", report: ""))
  }

  func now() -> Moment { Moment.now }

  func say(_ severity: Controller.Severity, _ text: PrintableText) {
    switch severity {
    case .error, .warning: Console.note("wgfence: \(severity == .error ? "error" : "warning"): \(text)\n")
    case .notice, .info: return
    }
  }
}
