// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import LinuxKernel
import PolicyCompiler
import RulesetModel

/// The kernel and the state directory in the hands of a verb, where there is no daemon.
enum DirectCustody {
  enum Purpose {
    case reading
    case writing
  }

  /// Who runs this program.
  static var caller: String {
    if let behind = StateOptions.variable("SUDO_USER") { return behind }
    return UserNames.name(of: getuid())
  }

  /// Runs the body. Whatever it refuses ends the verb with status 1.
  static func run(
    _ places: StateOptions, _ namespace: NamespaceGuard, _ purpose: Purpose,
    _ body: (inout Custody<KernelRuleset>, StateDirectory) throws(Refusal) -> Void
  ) throws {
    if purpose == .writing { try namespace.check() }
    guard let directory = places.directory else {
      Console.error(
        "in a network namespace of its own nothing is kept: name the --state-dir that this is about")
      throw ExitCode(1)
    }
    do {
      let lock = purpose == .writing ? try lock(directory) : nil
      var custody = try custody(directory)
      try body(&custody, directory)
      _ = consume lock
    } catch let code as ExitCode {
      throw code
    } catch {
      Console.error("\(error)")
      throw ExitCode(1)
    }
  }

  /// The right to write in the state directory.
  static func lock(_ directory: StateDirectory) throws -> StateLock {
    do throws(StateError) {
      if let lock = try directory.lock() { return lock }
      Console.error(
        "a daemon keeps \(directory.path), but does not answer here: name its --socket, or restart it")
    } catch {
      Console.error("\(error)")
    }
    throw ExitCode(1)
  }

  static func custody(_ directory: StateDirectory?) throws -> Custody<KernelRuleset> {
    let state = directory?.state().value ?? KeptState()
    let found = state.inForce.flatMap { directory?.ruleset($0).value?.provenance }
    do throws(StoreError) {
      return Custody(
        Keeper(state, inForce: found), store: try KernelRuleset(), directory: directory, ownership: .shared,
        lastResort: Lowering.table(PolicyCompiler.lastResort),
        surroundings: DirectSurroundings())
    } catch {
      Console.error("\(EnforcementError(error))")
      throw ExitCode(1)
    }
  }
}

/// What surrounds a verb: it says warnings and errors, and reads no policy but the one it was given.
private struct DirectSurroundings: CustodySurroundings {
  func readPolicy() -> PolicyReading? {
    .refused(PolicyRefusal(digest: "", reason: "not read", report: ""))
  }

  func now() -> Moment { Moment.now }

  func say(_ severity: Keeper.Severity, _ text: String) {
    switch severity {
    case .error, .warning: Console.note("wgfence: \(severity == .error ? "error" : "warning"): \(text)\n")
    case .notice, .info: return
    }
  }
}
