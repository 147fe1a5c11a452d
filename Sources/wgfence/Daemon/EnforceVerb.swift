// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence enforce`: ends the observe mode.
struct EnforceVerb: Verb {
  static let configuration = verb(
    "enforce", "End the observe mode: drop what the policy does not allow.",
    discussion: """
      Puts the policy in force that is only observed, after apply --observe or because the daemon found that it would \
      end what works. Where 'observe' of the policy names this machine, remove it there instead.

      Exit status: 0 the policy is enforced; 1 it is not, or is enforced but not stored for a restart.
      """)

  @OptionGroup var places: StateOptions
  @OptionGroup var namespace: NamespaceGuard

  func run() throws { try places.carryOut(.endObservation, namespace) }
}
