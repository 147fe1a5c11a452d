// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import FleetCommands
import NetworkModel

/// The daemon's control socket, and the directory where rulesets are stored.
struct StateOptions: ParsableArguments {
  static let defaultSocket = HostPlaces.socket

  @Option(
    name: .customLong("state-dir"),
    help: "The folder of stored rulesets (default: $WGFENCE_STATE_DIR, else \(StateDirectory.defaultPath)).",
    completion: .directory)
  var stateDirectory: String?

  @Option(
    name: .customLong("socket"),
    help: "The daemon's control socket (default: $WGFENCE_SOCKET, else \(StateOptions.defaultSocket)).",
    completion: .file())
  var socket: String?

  /// The state directory; nil: it must be named.
  var directory: StateDirectory? { HostPlaces.state(stateDirectory) }

  /// The control socket; nil: it must be named.
  var socketPath: String? { HostPlaces.socket(socket) }

  /// The daemon, if one answers.
  func daemon() throws(Refusal) -> DaemonConnection? {
    guard let path = socketPath else { return nil }
    return try DaemonConnection(path: path)
  }

  /// The daemon. If none is running, the verb ends with an error and status 1.
  func requiredDaemon(_ verb: String) throws(Refusal) -> DaemonConnection {
    if let daemon = try daemon() { return daemon }
    let path = socketPath ?? Self.defaultSocket
    throw Refusal(
      "\(verb) needs the daemon, and none answers at \(path): start it (systemctl start wgfence) or set --socket"
    )
  }

  /// Sends a request to the daemon, and prints its result.
  func ask(_ request: FirewallRequest, as format: ReportFormat = .text) throws {
    try Self.ask(try requiredDaemon(request.verb), request, format)
  }

  private static func ask(_ daemon: DaemonConnection, _ request: FirewallRequest, _ format: ReportFormat)
    throws
  {
    try Console.conclude(
      try Console.result(daemon.ask(request, say: Console.say)), of: request, as: format)
  }

  /// Sends a request to the daemon; carries it out in this process if there is no daemon.
  /// `candidate` is the policy for a panic on a host on which nothing is in force.
  func carryOut(
    _ request: FirewallRequest, _ namespace: NamespaceGuard, as format: ReportFormat = .text,
    offering candidate: Candidate? = nil
  ) throws {
    if let daemon = try daemon() { return try Self.ask(daemon, request, format) }
    if request.isChange { try namespace.check() }
    try settle(request, as: format, offering: candidate)
  }

  /// The same for a request that does not change the kernel's rules.
  func settle(
    _ request: FirewallRequest, as format: ReportFormat = .text, offering candidate: Candidate? = nil
  ) throws {
    if let daemon = try daemon() { return try Self.ask(daemon, request, format) }
    guard directory != nil || request == .unload else {
      throw Refusal(
        "in a network namespace other than the machine's own this needs --state-dir")
    }
    var firewall = try DirectFirewall(
      directory, at: DirectFirewall.Access(request), by: Caller.name, say: Console.say)
    if let candidate { firewall.offer(candidate) }
    try Console.conclude(try firewall.execute(request), of: request, as: format)
  }
}

extension Console {
  /// Prints a message of a driver in this process.
  static func say(_ severity: Controller.Severity, _ text: PrintableText) {
    severity == .error ? error(text) : warn(text)
  }

  /// Prints a message of the daemon.
  static func say(_ words: DaemonConnection.Words) {
    switch words {
    case .output(let text): print(text)
    case .note(let text): note(text)
    }
  }

  /// The result of a request. If it was refused (the reason is printed already) or was a report, the verb ends with
  /// the daemon's status.
  static func result(_ answer: DaemonConnection.Answer) throws -> FirewallResult {
    guard let result = answer.result else { throw ExitCode(answer.status) }
    return result
  }

  /// Prints the answer of a verb of `fleet`. Ends the verb with its status.
  static func conclude(_ answer: FleetAnswer) throws {
    if let document = answer.document { print(document: document) } else { print(answer.text) }
    if answer.status != 0 { throw ExitCode(answer.status) }
  }

  /// Prints what was done. Ends the verb with status 1 if it could not be stored.
  static func conclude(
    _ result: FirewallResult, of request: FirewallRequest? = nil, as format: ReportFormat = .text
  ) throws {
    if format == .json, let request {
      Self.print(document: ChangeReport(request, result).json)
    } else {
      for warning in result.warnings { warn(warning) }
      Self.print(result.text)
    }
    if let failure = result.notPersisted { error(failure.consequence) }
    if result.exitStatus != 0 { throw ExitCode(Int32(result.exitStatus)) }
  }
}
