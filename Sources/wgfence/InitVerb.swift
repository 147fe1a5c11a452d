// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import HostAnalysis
import LinuxHost
import NetworkModel
import PolicyAnalysis
import PolicyFiles
import PolicyLanguage
import Ruleset

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
    let text = FirstPolicy(try basis()).text
    let decoded = PolicyDecoder.decode(
      bytes: Array(text.utf8), path: output ?? "policy.yaml", today: Today.date
    ) { _ in .unreadable(reason: "no lists here") }
    // What is written is a policy, or is not written.
    guard decoded.isValid else {
      Console.note(DiagnosticText().render(decoded.diagnostics))
      Console.error("what this host has makes no valid policy: write it by hand (docs/policy-language.md)")
      throw ExitCode(1)
    }
    guard let output else {
      Console.print(document: text)
      return
    }
    let file = open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard file >= 0 else {
      let reason =
        errno == EEXIST ? "it is there already, and is not replaced" : String(cString: strerror(errno))
      Console.error("\(output): \(reason)")
      throw ExitCode(1)
    }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        Console.error("\(output): \(String(cString: strerror(errno))); what is there of it is not whole")
        throw ExitCode(1)
      }
      bytes = bytes.dropFirst(count)
    }
    guard close(file) == 0 else {
      Console.error("\(output): \(String(cString: strerror(errno)))")
      throw ExitCode(1)
    }
    Console.note("Written to \(output). Next: read it, then wgfence check \(output)\n")
  }

  private func basis() throws -> FirstPolicy.Basis {
    let look = try HostLook.take()
    for note in look.notes { Console.note("wgfence: warning: \(note)\n") }
    let facts = look.facts
    let anywhere = ["9.9.9.9", "2620:fe::fe"].compactMap { IPAddress($0) }.map { RouteAsk($0) }
    let uplinks = RouteReader.read(Set(anywhere), on: facts.host).values.compactMap {
      fact -> InterfaceName? in
      if case .leaves(let interface, _) = fact { interface } else { nil }
    }
    let session = try? RemoteSessionFinder.find(environment: { getenv($0).map { String(cString: $0) } })
    return FirstPolicy.Basis(
      name: machine ?? String(MachineChoice.hostName.prefix { $0 != "." }), today: "\(Today.date)",
      audit: Audit(of: look.host, by: nil), interfaces: facts.host.interfaces,
      devices: facts.wireGuard.devices,
      peerNames: WireGuardNames.read(directory: wireguardDir), uplinks: Set(uplinks),
      forwarding: facts.settings[.forwarding(.ipv4)] ?? 0 != 0 ? .on : .off, session: session?.session.client)
  }
}
