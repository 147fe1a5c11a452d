// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import LinuxKernel
import PolicyCompiler
import RulesetModel

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
      Console.error(
        "in a network namespace of its own the daemon needs --state-dir and --socket: the machine's own are not for it"
      )
      throw ExitCode(1)
    }
    do throws(DaemonError) {
      let daemon = try Daemon(
        Daemon.Settings(
          policy: Self.absolute(options.policy), machine: options.machine, socket: socket,
          stateDirectory: directory, ownership: ownership == .auto ? .asked : .shared, metrics: metrics,
          metricsFile: metricsFile, fullReadInterval: fullRead * 1_000_000_000))
      try daemon.run()
    } catch {
      Console.error("\(error)")
      throw ExitCode(1)
    }
  }

  static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return "\(String(cString: folder))/\(path)"
  }
}

/// `wgfence boot`: loads the last proven ruleset.
struct BootVerb: Verb {
  static let configuration = verb(
    "boot", "Load the last proven ruleset, before the network is up.",
    discussion: """
      For the service manager, early at boot: sends the stored ruleset to the kernel as it is, without reading the \
      policy, names, the clock or the network. Where it is damaged or missing, the lock-down ruleset is loaded: \
      loopback, the tunnels' own packets and the failsafe grants; where that is missing too, one with UDP 51820 alone.

      Exit status: 0 a ruleset is loaded; 1 none could be.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  func run() throws {
    try namespace.check()
    let journal = Journal()
    var kernel = try openKernel()
    if let directory = places.directory {
      for slot in [StateDirectory.Slot.boot, .lockDown] {
        switch directory.ruleset(slot) {
        case .absent: journal.say(.warning, "there is no ruleset \(directory.path)/\(slot.rawValue)")
        case .damaged(let why): journal.say(.error, why)
        case .whole(let ruleset):
          if load(ruleset, &kernel, journal) {
            let from = ruleset.provenance
            journal.say(
              slot == .boot ? .notice : .warning,
              "\(slot == .boot ? "loaded" : "LOCKED DOWN with") the ruleset of \(from.path) (\(from.digest))")
            return
          }
        }
      }
    }
    let table = Lowering.table(PolicyCompiler.lastResort)
    let provenance = Provenance(
      kind: .lockDown, path: "built in", digest: "", machine: "", by: "boot", since: 0)
    if let ruleset = try? StoredRuleset(table, provenance), load(ruleset, &kernel, journal) {
      journal.say(.warning, "LOCKED DOWN: nothing is let in but loopback, replies and UDP 51820")
      return
    }
    Console.error("no ruleset could be loaded: THIS MACHINE IS NOT PROTECTED")
    throw ExitCode(1)
  }

  private func openKernel() throws -> KernelRuleset {
    do throws(StoreError) {
      return try KernelRuleset()
    } catch {
      Console.error("\(EnforcementError(error))")
      throw ExitCode(1)
    }
  }

  /// Sends it and reads it back.
  private func load(_ ruleset: StoredRuleset, _ kernel: inout KernelRuleset, _ journal: Journal) -> Bool {
    do throws(StoreError) {
      try kernel.replay(ruleset)
      guard let meant = ruleset.table, Plan(desired: meant, observed: try kernel.read().table).isEmpty else {
        journal.say(.error, "the kernel does not hold the stored ruleset that it took")
        return false
      }
      return true
    } catch {
      journal.say(.error, "the stored ruleset was not taken: \(EnforcementError(error))")
      return false
    }
  }
}
