// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import LinuxHost
import NetworkModel

/// Prevents writing rules in the machine's own network namespace without `--host`.
struct NamespaceGuard: ParsableArguments {
  @Flag(
    name: .customLong("host"),
    help: "Write rules in the machine's own network namespace: change this host's firewall.")
  var isForHost = false

  /// Ends the verb with status 1 if rules would be written in the initial namespace without `--host`. Debug builds
  /// never write there.
  func check() throws {
    switch NetworkNamespace.current() {
    case .other: return
    case .initial, .undetermined: break
    }
    #if DEBUG
      throw Refusal(
        "this is a debug build, which never writes a ruleset in the machine's own network namespace: "
          + "use a release build, or another network namespace (unshare -n)")
    #else
      if isForHost { return }
      throw Refusal(
        "this is the machine's own network namespace: use --host to change this host's firewall, "
          + "or try the policy in another network namespace (unshare -n)")
    #endif
  }
}
