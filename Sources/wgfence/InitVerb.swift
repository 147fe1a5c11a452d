// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement
import HostAnalysis
import LinuxHost
import NetworkModel
import PolicyFiles
import PolicyLanguage

/// `wgfence init`: a first policy.
struct InitVerb: Verb {
  static let configuration = verb(
    "init",
    "Write a first policy from what this host has: its tunnels, peers, interfaces and listening sockets.",
    discussion: """
      What the tunnels reach now stays open to them; everything else is closed, the internet first. Each guess is a comment \
      beside it, and what is closed that was open is told. Nothing is put in force.

      The policy goes to standard output, or to --output, which must not exist yet. It passes wgfence check. Needs root to \
      read WireGuard's peers and the kernel's rules.

      Exit status: 0 written; 1 it could not be.
      """)

  @Option(help: "The machine's name in the policy (default: the host name up to its first dot).")
  var machine: String?

  @Option(name: .shortAndLong, help: "Write it to this new file.", completion: .file(extensions: ["yaml"]))
  var output: String?

  @Option(help: "Where WireGuard's configuration files are, for the names of peers in their comments.")
  var wireguardDir: String = WireGuardNames.defaultDirectory

  func run() throws {
    let look = try HostLook.take()
    for note in look.notes { Console.warn("\(note)") }
    let text = FirstPolicy(look.basis(named: machine, wireGuardDirectory: wireguardDir)).text
    let decoded = PolicyDecoder.decode(
      bytes: Array(text.utf8), path: output ?? "policy.yaml", today: Today.date
    ) { _ in .unreadable(reason: "no lists here") }
    // What is written is a policy, or is not written.
    guard decoded.isValid else {
      Console.note(DiagnosticText().render(decoded.diagnostics))
      throw Refusal("what this host has makes no valid policy: write it by hand (docs/policy-language.md)")
    }
    guard let output else {
      Console.print(document: text)
      return
    }
    try NewFile.write(text, to: output)
    Console.note("Written to \(output). Next: read it, then wgfence check \(output)\n")
  }
}
