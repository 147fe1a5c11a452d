// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
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

  /// The daemon, if one answers.
  func daemon() throws -> DaemonConnection? {
    guard let path = socketPath else { return nil }
    return try DaemonConnection(path: path)
  }

  /// The daemon; without one the verb ends with status 1 and says so.
  func requiredDaemon(_ verb: String) throws -> DaemonConnection {
    if let daemon = try daemon() { return daemon }
    let path = socketPath ?? Self.defaultSocket
    Console.error(
      "\(verb) needs the daemon, and none answers at \(path): start it (systemctl start wgfence), or name its --socket"
    )
    throw ExitCode(1)
  }
}
