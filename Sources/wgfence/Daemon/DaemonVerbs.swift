// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import LinuxHost
import Netlink
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import Ruleset

/// `wgfence status`: how the firewall is.
struct StatusVerb: Verb {
  static let configuration = verb(
    "status", "Print what is in force, and whether the kernel holds it.",
    discussion: """
      Asks the daemon. Root and the members of the group wgfence may.

      Exit status: 0 all is well; 1 there is no daemon; 2 there is something to look after: a policy that was not \
      accepted, drift, an apply on trial, a panic.
      """)

  @OptionGroup var places: StateOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    var request = ControlRequest("status")
    request["format"] = format.rawValue
    try places.requiredDaemon("status").run(request)
  }
}

/// `wgfence confirm`: keeps what was applied on trial.
struct ConfirmVerb: Verb {
  static let configuration = verb(
    "confirm", "Keep what was applied with --confirm.",
    discussion: """
      Counts only from a connection that was opened after the apply: that one can be opened is what it shows. Over SSH \
      it is the session's own connection, looked up in the kernel's connection tracking.

      Exit status: 0 it stays; 1 it was not confirmed, or is in force but could not be stored for a restart.
      """)

  @OptionGroup var places: StateOptions

  @Flag(help: "Confirm from a console. This proves nothing about the network.")
  var console = false

  func run() throws {
    var request = ControlRequest("confirm")
    if console {
      request["console"] = "yes"
      Console.note("wgfence: warning: a console proves nothing about the network\n")
    } else {
      request["session"] = try session()
    }
    try places.requiredDaemon("confirm").run(request)
  }

  /// The SSH session in which this runs; nil on a console.
  private func session() throws -> String? {
    do throws(HostReadError) {
      let found = try RemoteSessionFinder.find { name in getenv(name).map { String(cString: $0) } }
      guard let found, found.isEstablished else { return nil }
      return SessionFlow.text(found.session)
    } catch {
      Console.note("wgfence: warning: which session this is, is not known: \(error)\n")
      return nil
    }
  }
}

/// `wgfence rollback`: goes back.
struct RollbackVerb: Verb {
  static let configuration = verb(
    "rollback", "Go back to the ruleset before this one.",
    discussion: """
      The last ten are kept. The policy file does not hold until it changes again, or is applied.

      Exit status: 0 it holds; 1 it could not be done, or is in force but could not be stored for a restart.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(help: "The number of the ruleset to go back to, as --list shows it.")
  var to: Int?

  @Flag(help: "List the rulesets that are kept.")
  var list = false

  func run() throws {
    if let daemon = try places.daemon() {
      var request = ControlRequest("rollback")
      request["to"] = to.map { String($0) }
      if list { request["list"] = "yes" }
      return try daemon.run(request)
    }
    try DirectDriver.run(places, namespace, list ? .reading : .writing) {
      (driver, directory) throws(Refusal) in
      let state = driver.controller.state
      if list { return Console.print(HistoryReport.text(directory, state)) }
      let number = try directory.number(asked: to, state)
      if let failure = driver.perform(try driver.controller.rollback(to: number, by: DirectDriver.caller)) {
        throw Refusal("\(failure)")
      }
      try DirectDriver.conclude(
        StoredReport(
          done: HistoryReport.rolledBack(to: driver.controller.inForce), change: .rollback,
          notPersisted: driver.notPersisted,
          remedy: "Then run wgfence rollback --to \(number)"))
    }
  }
}

/// `wgfence panic`: nothing but the failsafe grants.
struct PanicVerb: Verb {
  static let configuration = verb(
    "panic", "Let nothing through but loopback, the tunnels' own packets and the failsafe grants.",
    discussion: """
      Also ends what this host and its containers opened outward. Holds over restarts of the daemon and the machine, \
      until wgfence panic --end.

      Exit status: 0 it holds, or is over; 1 it could not be done, or is in force but could not be stored for a restart.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "End the panic: the policy holds again.")
  var end = false

  func run() throws {
    if let daemon = try places.daemon() {
      var request = ControlRequest("panic")
      if end { request["end"] = "yes" }
      return try daemon.run(request)
    }
    try DirectDriver.run(places, namespace, end ? .writing : .mustWrite) { (driver, _) throws(Refusal) in
      let (caller, wish) = (DirectDriver.caller, end ? PanicRequest.end : .begin)
      let actions =
        switch wish {
        case .begin: driver.controller.panic(by: caller, at: Moment.now)
        case .end: try driver.controller.endPanic(by: caller)
        }
      if let failure = driver.perform(actions) { throw Refusal("\(failure)") }
      try DirectDriver.conclude(
        StoredReport(
          done: wish.report(driver.controller.inForce), change: wish.change,
          notPersisted: driver.notPersisted,
          remedy: "Then run the same command again"))
    }
  }
}

/// `wgfence open`: a grant with an end.
struct OpenVerb: Verb {
  static let configuration = verb(
    "open", "Grant a service for a time.",
    discussion: """
      The kernel itself ends it, also if the daemon is gone by then. It is listed by status, kept in the journal with \
      who and why, and survives a changed policy, but no restart of the machine.

      Exit status: 0 done; 1 it could not be done.
      """)

  @Argument(help: "A service of the policy, or PORT/PROTOCOL.")
  package var service: String

  @Option(help: "Who: a machine, group, tunnel or zone of the policy, a prefix or an address.")
  var from: String

  @Option(name: .customLong("for"), help: "How long: 90s, 30m, 2h, at most 7 days.")
  var duration: String?

  @Option(help: "Why.")
  var because: String?

  @Flag(help: "Close it before its time.")
  var end = false

  @OptionGroup var places: StateOptions

  func validate() throws {
    if end { return }
    guard let duration else { throw ValidationError("say how long: --for 30m") }
    do throws(TemporaryGrantError) { _ = try GrantDuration(duration) } catch {
      throw ValidationError("\(error)")
    }
    guard because?.isEmpty == false else { throw ValidationError("say why: --because \"…\"") }
  }

  func run() throws {
    var request = ControlRequest("open")
    request["service"] = service
    request["from"] = from
    request["for"] = duration
    request["because"] = because
    if end { request["end"] = "yes" }
    try places.requiredDaemon("open").run(request)
  }
}

/// `wgfence log`: what is dropped.
struct LogVerb: Verb {
  static let configuration = verb(
    "log", "Print dropped packets as they are dropped: zone, reason, and what would allow each.",
    discussion: """
      The kernel tells of at most ten packets a second for each reason. Those of the past are in the journal: \
      journalctl -u wgfence.

      Exit status: 0 ended; 1 there is no daemon.
      """)

  @OptionGroup var places: StateOptions

  @Flag(help: "Go on until interrupted; without it, what is dropped within a second.")
  var follow = false

  @Option(help: "text or json (an object a line).")
  var format: ReportFormat = .text

  func run() throws {
    var request = ControlRequest("log")
    request["format"] = format.rawValue
    let daemon = try places.requiredDaemon("log")
    if !follow {
      // What comes within a second, then the end.
      signal(SIGALRM) { _ in _exit(0) }
      alarm(1)
    }
    try daemon.run(request, patience: nil)
  }
}

/// `wgfence unload`: takes the rules out.
struct UnloadVerb: Verb {
  static let configuration = verb(
    "unload", "Take the table out of the kernel: nothing is protected then.",
    discussion: """
      Asks first. A running daemon goes on without enforcing anything until the next apply, or until it or the machine \
      is started again: to stay without rules, disable the service first.

      Exit status: 0 the table is gone; 1 it is not.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "Do not ask.")
  var yes = false

  func run() throws {
    let daemon = try places.daemon()
    if daemon == nil { try namespace.check() }
    if !yes {
      guard isatty(STDIN_FILENO) == 1 else {
        Console.error("nobody is there to be asked: say --yes to take the rules out")
        throw ExitCode(1)
      }
      Console.note(
        "Take inet wgfence out of the kernel? Every port of this machine will be open to everyone. [y/N] ")
      guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
        Console.note("Nothing was changed.\n")
        throw ExitCode(1)
      }
    }
    if let daemon {
      return try daemon.run(ControlRequest("unload"))
    } else {
      try KernelSession.run { store throws(EnforcementError) in
        do throws(StoreError) {
          try store.removeTable()
        } catch {
          throw EnforcementError(error)
        }
      }
    }
    Console.print("inet wgfence is out of the kernel: nothing is protected.\n")
  }
}
