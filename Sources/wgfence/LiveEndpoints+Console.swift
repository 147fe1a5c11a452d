// SPDX-License-Identifier: GPL-3.0-or-later

import DaemonService
import NetworkModel
import PolicyLanguage

extension LiveEndpoints {
  /// The addresses at which this host's WireGuard last heard the machines whose policy says `endpoint: live`, told apart
  /// by their keys. What is not known goes to standard error.
  /// `machine` is the one that this host is; without it, nothing is said of this host's own addresses.
  static func heard(by policy: Policy, on machine: String? = nil) -> LiveEndpoints {
    let (live, gaps) = read(for: policy, on: machine)
    for gap in gaps { Console.note("wgfence: warning: \(gap)\n") }
    return live
  }
}
