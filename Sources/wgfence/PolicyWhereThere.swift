// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import Glibc
import NetworkModel
import PolicyFiles
import PolicyLanguage

/// The policy argument and `--machine` of verbs that also have an answer without a policy.
struct PolicyWhereThere: ParsableArguments {
  @Argument(
    help: "The policy file (default: \(PolicyOptions.defaultPath), where it is there).",
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

  /// The policy and machine that were named; without a name the usual file, where it is there and may be read and has
  /// this host, else nil and a note. What was named and cannot be used ends the verb with status 1, an invalid policy
  /// with 2.
  func find(_ notes: inout [String]) throws -> Role? {
    let path = policy ?? PolicyOptions.defaultPath
    if policy == nil, access(path, R_OK) != 0 {
      let reason = String(cString: strerror(errno))
      guard machine.given == nil else {
        throw Refusal("\(path): \(reason); --machine names a machine of a policy")
      }
      notes.append("no policy was looked at: \(path): \(reason)")
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
      throw Refusal("'\(name)' is no machine of \(path) (--machine takes one of \(known))")
    }
    notes.append("\(path) has no machine '\(name)', so it was not used (--machine takes one of \(known))")
    return nil
  }
}
