// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService

/// The policy argument and `--machine` of verbs that also work without a policy.
struct PolicyWhereThere: ParsableArguments {
  @Argument(
    help: "The policy file (default: \(PolicyOptions.defaultPath), if it exists).",
    completion: .file(extensions: ["yaml", "yml"]))
  var policy: String?

  @OptionGroup var machine: MachineOptions

  /// The policy: the named one, or the usual one.
  var source: PolicySource { PolicySource(policy) }
}
