// SPDX-License-Identifier: GPL-3.0-or-later

public import ArgumentParser
public import DaemonService
import Enforcement
import NetworkModel
import PolicyFiles
import ReleaseFiles

/// `wgfence daemon`: keeps the kernel's ruleset equal to the policy.
struct DaemonVerb: Verb {
  static let configuration = verb(
    "daemon", "Keep this kernel's ruleset equal to the policy.",
    discussion: """
      Puts the last ruleset in force, then the policy, and waits for events. When the policy file, a list, a live \
      endpoint or the day changes, the new ruleset is put in force in one transaction if it passes every check, the \
      policy's own tests included; otherwise the ruleset in force stays. If the kernel supports it (Linux 6.9), the \
      daemon owns the table and no other process can change it; otherwise each change by another process is repaired, \
      and logged with that process's name.

      Runs in the foreground and logs to standard error. SIGHUP reads everything again. SIGTERM ends the daemon; the \
      rules stay loaded. Needs CAP_NET_ADMIN, and --host in the machine's own network namespace.

      Exit status: 0 ended by SIGTERM; 1 it could not start or continue now; 64 usage error; 78 it cannot start until \
      something is changed: permission, the kernel, the network namespace.
      """)

  @OptionGroup var options: PolicyOptions
  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Option(
    name: .customLong("fleet-trust"),
    help: "The trust file of a fleet (default: $WGFENCE_FLEET_TRUST, else \(FleetPlaces.defaultTrust)).",
    completion: .file())
  var fleetTrust: String?

  /// Whether the daemon owns the table (`NFT_TABLE_F_OWNER`).
  enum Ownership: String, ExpressibleByArgument, CaseIterable {
    case auto
    case off
  }

  @Option(
    help: "auto: own the table if the kernel supports it, so that others cannot change it; off: repair.")
  var ownership: Ownership = .auto

  @Option(
    help:
      "Serve metrics at unix:PATH or ADDRESS:PORT. The policy must grant the port, and not to internet."
  )
  var metrics: MetricsPlace?

  @Option(
    name: .customLong("metrics-file"),
    help: "Write metrics to this file every 15 s, for node-exporter's text file collector.",
    completion: .file())
  var metricsFile: String?

  @Option(
    name: .customLong("full-read"), help: "Seconds between two full reads, which do not depend on events.")
  var fullRead: Int64 = 300

  func validate() throws {
    guard (1...86_400).contains(fullRead) else {
      throw ValidationError("--full-read takes 1 to 86400 seconds")
    }
  }

  func run() throws {
    do { try daemon().run() } catch {
      throw error.statusIfPermanent().map { ExitCode($0) as any Error } ?? error
    }
  }

  private func daemon() throws(DaemonError) -> Daemon {
    do throws(Refusal) { try namespace.check() } catch { throw DaemonError(error) }
    guard let directory = places.directory, let socket = places.socketPath else {
      throw DaemonError.placesNotNamed
    }
    return try Daemon(
      Daemon.Settings(
        policy: FilePath.absolute(options.policy), machine: options.machine.choice, socket: socket,
        stateDirectory: directory, fleet: HostPlaces.fleet(fleetTrust, state: directory),
        ownership: ownership == .auto ? .asked : .shared, metrics: metrics,
        metricsFile: metricsFile, fullReadInterval: fullRead * 1_000_000_000))
  }
}

extension MetricsPlace: ExpressibleByArgument {
  /// A place from the command line.
  public init?(argument: String) { self.init(argument) }
}
