// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import LinuxHost
import NetworkModel
import PolicyFiles
import Reports

/// `wgfence init`: writes a first policy.
struct InitVerb: Verb {
  static let configuration = verb(
    "init",
    "Write a first policy from this host's tunnels, peers, interfaces and listening sockets.",
    discussion: """
      The policy grants what the tunnels can reach now; everything else is closed, above all to the internet. Each guess \
      is marked with a comment, and comments list what was open and is now closed. Nothing is put in force.

      The policy is written to standard output, or to --output, which must not exist yet. It passes wgfence check. Needs \
      root to read WireGuard's peers and the kernel's rules. If something that works now would stop working with the policy, \
      that is printed to standard error.

      Exit status: 0 the policy was written; 1 it could not be written.
      """)

  @Option(help: "The machine's name in the policy (default: the host name up to its first dot).")
  var machine: String?

  @Option(name: .shortAndLong, help: "The new file for the policy.", completion: .file(extensions: ["yaml"]))
  var output: String?

  @Option(help: "The folder of WireGuard's configuration files; their comments give the names of peers.")
  var wireguardDir: String = WireGuardNames.defaultDirectory

  @Option(help: "text, or json: a report, with the policy if there is no --output.")
  var format: ReportFormat = .text

  @OptionGroup var places: StateOptions

  func run() throws {
    let look = try HostReading.read()
    if format == .text { for note in look.notes { Console.warn("\(note)") } }
    let first = try look.firstPolicy(
      named: machine, wireGuardDirectory: wireguardDir, storedIn: places.directory,
      policy: PolicyOptions.defaultPath)
    if let output { try NewFile.write(first.text, to: output) }
    if format == .json { return Console.print(document: first.json(writtenTo: output)) }
    if first.impact.names != nil {
      Console.warn(
        "with this policy, something that works now would stop working: correct it before you apply it")
      Console.note(first.impact.brokenText)
    }
    guard let output else { return Console.print(document: first.text) }
    Console.note("Written to \(output). Next: read it, then wgfence check \(output)\n")
  }
}
