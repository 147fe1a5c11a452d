// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import NetworkModel
import PolicyFiles

/// `wgfence panic`: accepts only the failsafe grants.
struct PanicVerb: Verb {
  static let configuration = verb(
    "panic", "Accept only loopback, the tunnels' own packets and the failsafe grants.",
    discussion: """
      Also ends the outbound connections of this host and its containers. The failsafe grants are those of what is in \
      force; where nothing is in force, those of the policy. A panic stays in force over restarts of the daemon and of the \
      machine, until wgfence panic --end. On a terminal it asks first. It needs --yes if it would end an administrator's \
      session or a tunnel and there is no terminal.

      Exit status: 0 the panic is in force, or was ended; 1 it could not be done, or was done but not stored for a restart.
      """)

  @OptionGroup var options: PolicyOptions
  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  @Flag(help: "End the panic: the policy is in force again.")
  var end = false

  @Flag(help: "Do not ask.")
  var yes = false

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws {
    if end { return try places.carryOut(.panic(.end), namespace, as: format) }
    let stored = places.directory?.ruleset(.panic).value
    let fallback = stored == nil ? policy : nil
    let lost = StoredImpact.accessLost(stored, else: fallback)
    if let lost { Console.warn("the panic ends this:\n\(lost)") }
    if !yes, lost != nil, !Console.isInteractive {
      throw Refusal("the panic would end an administrator's access: use --yes if that is meant")
    }
    if !yes, Console.isInteractive,
      !Console.asks("Begin a panic? Only the tunnels and the failsafe grants work then.")
    {
      Console.note("Nothing was changed.\n")
      throw ExitCode(1)
    }
    try places.carryOut(.panic(.begin), namespace, as: format, offering: fallback)
  }

  /// The policy, for a host on which nothing is in force; nil if it cannot be read: then no failsafe grant is known.
  private var policy: Candidate? {
    guard let file = try? options.load(),
      case .success(let candidate) = PolicyLoader(machine: options.machine.choice).accept(
        file, path: options.policy
      )
      .result
    else { return nil }
    return candidate
  }
}
