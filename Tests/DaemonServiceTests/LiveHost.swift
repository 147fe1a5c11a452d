// SPDX-License-Identifier: GPL-3.0-or-later

import DaemonService
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import TestSupport
import Testing

@testable import Reports

/// A machine of a policy in a network namespace of its own, with an interface to the internet and one more.
enum LiveHost {
  private static let policy = """
    version: 1
    tunnels: { wg0: { prefixes: [10.99.0.0/24, "fd99::/64"], listen: 51820 } }
    machines:
      db: { addresses: { wg0: [10.99.0.1, "fd99::1"] }, endpoint: [203.0.113.5, "2001:db8:203::5"] }
      app: { addresses: { wg0: [10.99.0.2, "fd99::2"] } }
    allow: [{ to: db, services: [postgres], from: app }]

    """

  static func shell(_ script: String) throws {
    let result = try run(["sh", "-ec", script])
    try #require(result.status == 0, "\(result.errors)")
  }

  /// Runs a body in a namespace, if this machine has some programs.
  static func with(_ programs: [String], _ body: (CompiledSite, Machine) throws -> Void) throws {
    let today = try #require(CalendarDate("2026-11-29"))
    let decoded = PolicyDecoder.decode(bytes: Array(policy.utf8), path: "policy.yaml", today: today) { _ in
      .unreadable(reason: "no lists here")
    }
    let policy = try #require(decoded.policy)
    let machine = try #require(policy.machine(named: "db"))
    try inNetworkNamespace {
      for program in programs where !isInstalled(program) {
        print("skipped: \(program) is not installed")
        return
      }
      // The interface without the default route is the first one.
      try shell(
        """
        ip link set lo up
        ip link add eno1 type veth peer name far1
        ip link set eno1 up
        ip link add eth0 type veth peer name far0
        ip link set eth0 up
        ip link set far0 up
        ip address add 203.0.113.5/24 dev eth0
        ip address add 2001:db8:203::5/64 dev eth0 nodad
        ip route add default via 203.0.113.1
        ip route add ::/0 via 2001:db8:203::1
        echo 1 >/proc/sys/net/ipv4/ip_forward
        """)
      try body(CompiledSite(policy, today: today, live: LiveFacts()), machine)
    }
  }

  /// What is said of a packet from the internet to a port.
  static func explained(_ site: CompiledSite, _ machine: Machine, _ service: String = "22/tcp") throws
    -> ExplanationReport
  {
    let question = try Question(
      site.policy, machine: machine, from: "internet", to: service, destination: nil, over: nil)
    let found = try LiveExplanation(question, of: site, on: machine, by: nil)
    return ExplanationReport(
      machine: machine.name, question: question, explanation: found.explanation, notes: found.notes,
      isLive: true)
  }
}
