// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// Prevents writing rules in the machine's own network namespace without `--host`.
struct NamespaceGuard: ParsableArguments {
  @Flag(
    name: .customLong("host"),
    help: "Write rules in the machine's own network namespace: change this host's firewall.")
  var isForHost = false

  /// Refuses if rules would be written in the machine's own namespace without `--host`. Debug builds never write there.
  func check() throws(Refusal) {
    if let refusal = HostPlaces.refusal(isForHost: { isForHost }) { throw refusal }
  }
}
