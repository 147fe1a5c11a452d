// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import DaemonService
import Enforcement

/// `wgfence accept`: puts a policy file in force that the daemon holds back.
struct AcceptVerb: Verb {
  static let configuration = verb(
    "accept", "Put the policy file in force that the daemon holds back.",
    discussion: """
      The daemon holds a changed policy file back if it would end what works on this host now: an administrator's \
      session, a tunnel, the way to the internet, the guests. wgfence status shows what, and the digest of the file. \
      With a digest, or its beginning, only that file is accepted.

      Exit status: 0 it is in force; 1 it is not, or is in force but not stored for a restart.
      """)

  @Argument(help: "The digest of the file, as wgfence status shows it, or its beginning.")
  var digest: String?

  @OptionGroup var places: StateOptions

  @Option(help: "text or json.")
  var format: ReportFormat = .text

  func run() throws { try places.ask(.accept(digest: digest), as: format) }
}
