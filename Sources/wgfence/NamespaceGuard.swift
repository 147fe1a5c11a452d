// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import LinuxHost
import NetworkModel

/// Keeps rules out of the machine's own network namespace unless that is what was asked for.
struct NamespaceGuard: ParsableArguments {
  @Flag(
    name: .customLong("host"),
    help: "Write rules in the machine's own network namespace: this host's firewall, not a test's.")
  var isForHost = false

  /// Ends the verb with status 1 where rules would be written in the initial namespace without `--host`. Debug builds
  /// never write there.
  func check() throws {
    switch NetworkNamespace.current() {
    case .other: return
    case .initial, .undetermined: break
    }
    #if DEBUG
      throw Refusal(
        "this is a debug build, and this is the machine's own network namespace: a ruleset is not written here; "
          + "use a release build, or a namespace of your own (unshare -n)")
    #else
      if isForHost { return }
      throw Refusal(
        "this is the machine's own network namespace: say --host to change this host's firewall, "
          + "or try the policy in a namespace of its own (unshare -n)")
    #endif
  }
}
