// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Glibc
import NetworkModel
import PolicyFiles
import PolicyLanguage
import Ruleset

/// The policy argument and `--machine` of verbs that also have an answer without a policy.
struct PolicyWhereThere: ParsableArguments {
  @Argument(
    help: "The policy file (default: \(PolicyOptions.defaultPath), where it is there).",
    completion: .file(extensions: ["yaml", "yml"]))
  var policy: String?

  @OptionGroup var machine: MachineOptions

  /// A policy, and the machine of it that this host is.
  struct Role {
    let loaded: LoadedPolicy
    let machine: Machine
    let path: String
  }

  /// The policy and machine that were named; without a name the usual file, where it is there and may be read and has
  /// this host, else nil and a note. What was named and cannot be used ends the verb with status 1, an invalid policy
  /// with 2.
  func find(_ notes: inout [String]) throws -> Role? {
    let path = policy ?? PolicyOptions.defaultPath
    if policy == nil, access(path, R_OK) != 0 {
      let reason = String(cString: strerror(errno))
      guard machine.given == nil else {
        Console.error("\(path): \(reason); --machine names a machine of a policy")
        throw ExitCode(1)
      }
      notes.append("no policy was looked at: \(path): \(reason)")
      return nil
    }
    let file = try PolicyFile.read(path)
    let loaded = LoadedPolicy(policy: try file.validPolicy(path), digest: file.digest, file: file)
    let name = machine.name(in: loaded.policy)
    if let found = loaded.policy.machine(named: name) {
      return Role(loaded: loaded, machine: found, path: path)
    }
    let known = loaded.policy.machines.map(\.name).joined(separator: ", ")
    guard policy == nil, machine.given == nil else {
      Console.error("'\(name)' is no machine of \(path) (--machine takes one of \(known))")
      throw ExitCode(1)
    }
    notes.append("\(path) has no machine '\(name)', so it was not used (--machine takes one of \(known))")
    return nil
  }
}
