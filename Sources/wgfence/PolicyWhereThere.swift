// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import PolicyFiles
import PolicyProof

/// The policy argument and `--machine` of verbs that also work without a policy.
struct PolicyWhereThere: ParsableArguments {
  @Argument(
    help: "The policy file (default: \(PolicyOptions.defaultPath), if it exists).",
    completion: .file(extensions: ["yaml", "yml"]))
  var policy: String?

  @OptionGroup var machine: MachineOptions

  /// The policy: the named one, or the usual one.
  var source: PolicySource { PolicySource(policy) }

  /// The policy and machine that were named or found; nil and a note if there is none. What cannot be used ends the
  /// verb with status 1, an invalid policy with status 2.
  func find(_ notes: inout [String]) throws -> PolicyRole? {
    do {
      return try PolicyRole.find(source, machine.choice, &notes)
    } catch let invalid as PolicyRole.Invalid {
      throw Console.reject(.invalid(invalid.errors), of: invalid.path)
    }
  }
}
