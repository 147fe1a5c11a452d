// SPDX-License-Identifier: GPL-3.0-or-later

public import ArgumentParser
public import DaemonService
import Enforcement
import NetworkModel
import PolicyFiles

/// `wgfence daemon`: keeps the kernel equal to the policy.
struct DaemonVerb: Verb {
  static let configuration = verb(
    "daemon", "Keep this kernel's ruleset equal to the policy.",
    discussion: """
      Puts the last ruleset in force, then the policy, and sleeps. A changed policy file, list, live endpoint or day is \
      put in force in one transaction if it passes every check, its own tests included; otherwise what is in force \
      stays. Where the kernel can (Linux 6.9), nobody else may change the table; elsewhere every change by others is \
      repaired, and told with the name of who made it.

      Stays in the foreground and logs to standard error. SIGHUP reads everything again; SIGTERM ends it, and the \
      rules stay. Needs CAP_NET_ADMIN; in the machine's own network namespace, --host.
      """)

  @OptionGroup var options: PolicyOptions
  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  /// Whether the table is held against others.
  enum Ownership: String, ExpressibleByArgument, CaseIterable {
    case auto
    case off
  }

  @Option(help: "auto: hold the table against others where the kernel can; off: repair what others change.")
  var ownership: Ownership = .auto

  @Option(
    help:
      "Serve metrics there: unix:PATH or ADDRESS:PORT, which a line of the policy must grant, and not to internet."
  )
  var metrics: MetricsPlace?

  @Option(
    name: .customLong("metrics-file"),
    help: "Write metrics to this file every 15 s, for node-exporter's text file collector.",
    completion: .file())
  var metricsFile: String?

  @Option(
    name: .customLong("full-read"), help: "Seconds between two looks at everything, whatever events told.")
  var fullRead: Int64 = 300

  func validate() throws {
    guard (1...86_400).contains(fullRead) else {
      throw ValidationError("--full-read takes 1 to 86400 seconds")
    }
  }

  func run() throws {
    try namespace.check()
    guard let directory = places.directory, let socket = places.socketPath else {
      throw Refusal(
        "in a network namespace of its own the daemon needs --state-dir and --socket: the machine's own are not for it"
      )
    }
    let daemon = try Daemon(
      Daemon.Settings(
        policy: FilePath.absolute(options.policy), machine: options.machine.choice, socket: socket,
        stateDirectory: directory, ownership: ownership == .auto ? .asked : .shared, metrics: metrics,
        metricsFile: metricsFile, fullReadInterval: fullRead * 1_000_000_000))
    try daemon.run()
  }
}

extension MetricsPlace: ExpressibleByArgument {
  /// A place from the command line.
  public init?(argument: String) { self.init(argument) }
}
