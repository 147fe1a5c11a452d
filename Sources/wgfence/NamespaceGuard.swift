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

  /// Refuses if rules would be written in the machine's own namespace without `--host`. Debug builds never write there.
  func check() throws(Refusal) {
    guard let here = NetworkNamespace.current().machineClause else { return }
    #if DEBUG
      throw Refusal(
        "\(here), and this is a debug build, which never writes a ruleset there: "
          + "use a release build, or another network namespace (unshare -n)")
    #else
      if isForHost { return }
      throw Refusal(
        "\(here): use --host to change this host's firewall, "
          + "or try the policy in another network namespace (unshare -n)")
    #endif
  }
}
