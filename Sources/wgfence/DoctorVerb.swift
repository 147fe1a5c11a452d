// SPDX-License-Identifier: GPL-3.0-or-later

import ArgumentParser
import Enforcement
import HostReports

/// `wgfence doctor`: finds why a tunnel that looks correct does not work.
struct DoctorVerb: Verb {
  static let configuration = verb(
    "doctor", "Find why a tunnel that looks correct does not work, and show the fix.",
    discussion: """
      Compares this host with the policy and with what WireGuard needs: the tunnel's endpoint, addresses, port and peers, \
      routes, packet sizes, kernel settings, Docker Swarm, and other programs' firewalls. Changes nothing, and sends \
      nothing to a peer.

      Without a policy it checks the WireGuard interfaces of this host. A check that could not be made (most checks need \
      root, or membership of the group wgfence) is reported as not made, never as passed.

      Exit status: 0 no error and no warning; 1 the checks could not be made; 2 an error or a warning was found.
      """)

  @OptionGroup var options: PolicyWhereThere

  @Option(help: "text or json.")
  var format: ReportFormat = .text
  @OptionGroup var colour: ColourOption

  func run() throws {
    try Console.report(.doctor(format), machine: options.machine, by: ReportClient(options.source))
  }
}
