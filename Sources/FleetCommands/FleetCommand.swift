// SPDX-License-Identifier: GPL-3.0-or-later

package import ArgumentParser
package import NetworkModel

/// `wgfence fleet`: one signed policy on many machines.
package struct FleetCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "fleet", _superCommandName: "wgfence",
    abstract: "Publish signed releases of a policy, and take them on many machines.",
    discussion: """
      A release is a policy with its lists and a statement that the fleet's publish keys sign. It is one file, which any \
      channel may carry: git, rsync, HTTPS, a USB stick. Each machine verifies the signature itself and never goes back to an \
      older release. Who controls the channel can keep releases from a machine and read them, but cannot change a rule.

      Exit status: 0 done, nothing to report; 1 it could not be done; 2 done, and there is a finding; 64 usage error.
      """,
    subcommands: [
      FleetInit.self, FleetPublish.self, FleetSign.self, FleetVerify.self, FleetJoin.self, FleetAccept.self,
      FleetTrust.self, FleetLeave.self,
    ])

  package init() {}
}

/// A verb of `wgfence fleet`. It prints nothing itself: the program prints its answer.
package protocol FleetVerb: ParsableCommand {
  /// Carries it out. `note` writes on standard error.
  func answer(_ note: @escaping (PrintableText) -> Void) throws -> FleetAnswer
}

/// What a verb of `wgfence fleet` prints at its end, and its exit status.
package struct FleetAnswer {
  /// The report for people; empty if there is none.
  package let text: PrintableText
  /// The report for programs, which is printed instead if there is one.
  package let document: String?
  /// The exit status.
  package let status: Int32

  init(_ text: PrintableText, document: String? = nil, status: Int32 = 0) {
    (self.text, self.document, self.status) = (text, document, status)
  }
}
