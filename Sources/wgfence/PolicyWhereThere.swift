// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import NetworkModel
import PolicyFiles
import PolicyLanguage

/// The policy argument and `--machine` of verbs that also work without a policy.
struct PolicyWhereThere: ParsableArguments {
  @Argument(
    help: "The policy file (default: \(PolicyOptions.defaultPath), if it exists).",
    completion: .file(extensions: ["yaml", "yml"]))
  var policy: String?

  @OptionGroup var machine: MachineOptions

  /// A policy, and the machine of it that this host is.
  struct Role {
    let policy: Policy
    let machine: Machine
    let path: String
    let digest: String
  }

  /// The policy and machine that were named. Without a name: the default file, if it exists, is readable and has this
  /// host; else nil and a note. A named policy or machine that cannot be used ends the verb with status 1, an invalid
  /// policy with status 2.
  func find(_ notes: inout [String]) throws -> Role? {
    let path = policy ?? PolicyOptions.defaultPath
    if policy == nil, access(path, R_OK) != 0 {
      let reason = String(cString: strerror(errno))
      guard machine.given == nil else {
        throw Refusal("\(path): \(reason); --machine needs a policy")
      }
      notes.append("no policy was used: \(path): \(reason)")
      return nil
    }
    let file = try PolicyFile.load(path)
    let policy = try file.validPolicy(path)
    let name = machine.name(in: policy)
    if let found = policy.machine(named: name) {
      return Role(policy: policy, machine: found, path: path, digest: file.digest)
    }
    let known = policy.machines.map(\.name).joined(separator: ", ")
    guard self.policy == nil, machine.given == nil else {
      throw Refusal("\(path) has no machine '\(name)' (--machine takes one of \(known))")
    }
    notes.append("\(path) has no machine '\(name)', so it was not used (--machine takes one of \(known))")
    return nil
  }
}
