// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import Glibc
import LinuxHost
import NetworkModel

/// Where the daemon is reached and where rulesets survive.
struct StateOptions: ParsableArguments {
  static let defaultSocket = "/run/wgfence/control.sock"

  @Option(
    name: .customLong("state-dir"),
    help: "Where rulesets are kept (default: $WGFENCE_STATE_DIR, else \(StateDirectory.defaultPath)).",
    completion: .directory)
  var stateDirectory: String?

  @Option(
    name: .customLong("socket"),
    help: "The daemon's control socket (default: $WGFENCE_SOCKET, else \(StateOptions.defaultSocket)).",
    completion: .file())
  var socket: String?

  /// The state directory. In a network namespace that is not the machine's own only one that was named: what is tried
  /// out there must never be loaded at the machine's next boot.
  var directory: StateDirectory? {
    if let named = stateDirectory ?? Self.variable("WGFENCE_STATE_DIR") { return StateDirectory(named) }
    return NetworkNamespace.current().isCertainlyOther ? nil : StateDirectory(StateDirectory.defaultPath)
  }

  /// The control socket; likewise.
  var socketPath: String? {
    if let named = socket ?? Self.variable("WGFENCE_SOCKET") { return named }
    return NetworkNamespace.current().isCertainlyOther ? nil : Self.defaultSocket
  }

  static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Who runs this program.
  static var caller: String { variable("SUDO_USER") ?? UserNames.name(of: getuid()) }

  /// The daemon, if one answers.
  func daemon() throws(Refusal) -> DaemonConnection? {
    guard let path = socketPath else { return nil }
    return try DaemonConnection(path: path)
  }

  /// The daemon; without one the verb ends with status 1 and says so.
  func requiredDaemon(_ verb: String) throws(Refusal) -> DaemonConnection {
    if let daemon = try daemon() { return daemon }
    let path = socketPath ?? Self.defaultSocket
    throw Refusal(
      "\(verb) needs the daemon, and none answers at \(path): start it (systemctl start wgfence), or name its --socket"
    )
  }

  /// Has a request carried out by the daemon, and says what came of it.
  func ask(_ request: FirewallRequest) throws {
    try Self.ask(try requiredDaemon(request.verb), request)
  }

  private static func ask(_ daemon: DaemonConnection, _ request: FirewallRequest) throws {
    try Console.conclude(try Console.result(daemon.ask(request, say: Console.say)))
  }

  /// The same, in this process where there is no daemon.
  func carryOut(_ request: FirewallRequest, _ namespace: NamespaceGuard) throws {
    if let daemon = try daemon() { return try Self.ask(daemon, request) }
    if request.isChange { try namespace.check() }
    guard directory != nil || request == .unload else {
      throw Refusal(
        "in a network namespace of its own nothing is kept: name the --state-dir that this is about")
    }
    var firewall = try DirectFirewall(
      directory, at: DirectFirewall.Access(request), by: Self.caller, say: Console.say)
    try Console.conclude(try firewall.execute(request))
  }
}

extension Console {
  /// Says what a driver in this process says.
  static func say(_ severity: Controller.Severity, _ text: PrintableText) {
    severity == .error ? error(text) : warn(text)
  }

  /// Says what the daemon says.
  static func say(_ words: DaemonConnection.Words) {
    switch words {
    case .output(let text): print(text)
    case .note(let text): note(text)
    }
  }

  /// What came of a request. Where it was refused, which was said, or where it was a report, the verb ends with the
  /// daemon's status.
  static func result(_ answer: DaemonConnection.Answer) throws -> FirewallResult {
    guard let result = answer.result else { throw ExitCode(answer.status) }
    return result
  }

  /// Says what was done. Where it could not be stored, that ends the verb with status 1.
  static func conclude(_ result: FirewallResult) throws {
    for warning in result.warnings { warn(warning) }
    Self.print(result.text)
    if let failure = result.notPersisted { error(failure.consequence) }
    if result.exitStatus != 0 { throw ExitCode(Int32(result.exitStatus)) }
  }
}
