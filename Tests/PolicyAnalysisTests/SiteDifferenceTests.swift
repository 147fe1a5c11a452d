// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyDifference
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import Testing

@Suite("The difference of two policies") struct SiteDifferenceTests {
  private static let head = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.77.0.0/24, "fd77::/64"], listen: 51820, hub: gate }
    machines:
      gate: { addresses: { wg0: [10.77.0.1, "fd77::1"] }, endpoint: 203.0.113.1 }
      server:
        addresses: { wg0: [10.77.0.2, "fd77::2"] }
        endpoint: 203.0.113.2
        zones: { lan: { interfaces: [eth1], prefixes: [192.168.7.0/24] } }
        subnets: [192.168.7.0/24]
      ada: { addresses: { wg0: [10.77.0.10, "fd77::10"] } }
      bob: { addresses: { wg0: 10.77.0.11 } }
    groups: { people: [ada, bob] }

    """

  /// The policies before and after, and what is gained and lost, as `machine service from over`.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let old: String
    let new: String
    var gained: Set<String> = []
    var lost: Set<String> = []
    var clear: Set<String> = []
  }

  private static let ssh = "  - { to: server, services: [ssh], from: ada }"

  static let cases: [Case] = [
    Case(
      testDescription: "a text written differently is not a difference",
      old: "allow:\n  - { to: server, services: [ssh, postgres], from: people }",
      new: """
        services: { db: 5432/tcp }
        allow:
          # the same, line by line
          - { from: bob, to: server, services: [db] }
          - { from: ada, to: server, services: [5432/tcp, 22/tcp] }
          - { from: bob, to: server, services: [ssh] }
        """),
    Case(
      testDescription: "a grant gained and a grant lost",
      old: "allow:\n\(ssh)\n  - { to: server, services: [grafana], from: bob }",
      new: "allow:\n\(ssh)\n  - { to: server, services: [postgres], from: bob }",
      gained: ["server postgres/5432 bob wg0"], lost: ["server grafana/3000 bob wg0"]),
    Case(
      testDescription: "a widened prefix shows the gained addresses",
      old: "allow:\n  - { to: server, services: [9443/tcp], from: 198.51.100.0/25 }",
      new: "allow:\n  - { to: server, services: [9443/tcp], from: 198.51.100.0/24 }",
      gained: [
        "server 9443/tcp/9443 198.51.100.128/25 internet"
      ]),
    Case(
      testDescription: "from the internet, and a range of ports",
      old: "allow:\n\(ssh)",
      new: "allow:\n\(ssh)\n  - { to: server, services: [6000-6010/tcp], from: internet }",
      gained: ["server 6000-6010/tcp/6000 internet internet"]),
    Case(
      testDescription: "a grant of the port of a host's own DHCP client",
      old: "allow:\n\(ssh)", new: "allow:\n\(ssh)\n  - { to: server, services: [68/udp], from: bob }",
      gained: ["server 68/udp/68 bob wg0"]),
    Case(
      testDescription: "a grant of that port to the internet",
      old: "allow:\n\(ssh)",
      new: "allow:\n\(ssh)\n  - { to: server, services: [68/udp, 546/udp], from: internet }",
      gained: ["server 68/udp/68 internet internet", "server 546/udp/546 internet internet"]),
    Case(
      testDescription: "ping, which is ICMP in both families",
      old: "allow:\n\(ssh)", new: "allow:\n\(ssh)\n  - { to: server, services: [ping], from: bob }",
      // bob has no IPv6 address.
      gained: ["server ping/icmp bob wg0"]),
    Case(
      testDescription: "traffic forwarded into a zone, and from it",
      old: "allow:\n\(ssh)",
      new: """
        allow:
        \(ssh)
          - { to: server.lan, services: [printing], from: bob }
          - { to: gate, services: [ssh], from: server.lan }
        """,
      gained: [
        "server>lan printing/631 bob wg0", "server>lan printing/9100 bob wg0",
        "gate ssh/22 server.lan wg0",
      ]),
    Case(
      testDescription: "a removed encrypt line gains clear text",
      old:
        "allow:\n\(ssh)\n  - { to: gate, services: [web], from: internet }\nencrypt:\n  - { between: [server, gate], tunnel: wg0 }",
      new: "allow:\n\(ssh)\n  - { to: gate, services: [web], from: internet }",
      gained: [
        "gate web/443 server internet", "gate web/80 server internet",
      ],
      clear: ["gate>server", "server>gate"]),
    Case(
      testDescription: "an exit node: a grant to the internet behind a machine",
      old: "allow:\n\(ssh)",
      new: "allow:\n\(ssh)\n  - { to: gate.internet, services: [https], from: bob }",
      gained: [
        "gate>anywhere else https/443 bob wg0"
      ]),
    Case(
      testDescription: "a service name that gets other ports",
      old: "services: { db: 5432/tcp }\nallow:\n  - { to: server, services: [db], from: ada }",
      new: "services: { db: [5432/tcp, 5433/tcp] }\nallow:\n  - { to: server, services: [db], from: ada }",
      gained: ["server db/5433 ada wg0"]),
    Case(
      testDescription: "a grant that ended is lost",
      old: "allow:\n  - { to: server, services: [ssh], from: people }",
      new:
        "allow:\n  - { to: server, services: [ssh], from: ada }\n  - { to: server, services: [ssh], from: bob, until: 2026-01-01 }",
      lost: ["server ssh/22 bob wg0"]),
  ]

  @Test("is exactly what is gained and what is lost", arguments: cases)
  func names(_ test: Case) throws {
    let today = try #require(CalendarDate("2026-11-24"))
    func site(_ text: String) throws -> CompiledSite {
      // An ended grant is an error in the policy. The policy is decoded for an earlier day and compiled for
      // today.
      CompiledSite(try policy(Self.head + text, on: "2025-12-01"), today: today)
    }
    let (old, new) = (try site(test.old), try site(test.new))
    let difference = SiteDifference(from: old, to: new)
    func words(_ reaches: [SiteDifference.Reach]) -> Set<String> {
      Set(
        reaches.map { reach in
          let place = reach.machine + (reach.to.map { ">\($0)" } ?? "")
          let port = reach.ports.map { "\($0.lowerBound)" } ?? reach.transport
          return "\(place) \(reach.service)/\(port) \(reach.from) \(reach.over)"
        })
    }
    #expect(words(difference.gained) == test.gained)
    #expect(words(difference.lost) == test.lost)
    #expect(Set(difference.clearTextGained.map { "\($0.machine)>\($0.to)" }) == test.clear)
    #expect(difference.isEmpty == (test.gained.isEmpty && test.lost.isEmpty))
    // The reverse comparison gives the reverse result.
    let back = SiteDifference(from: new, to: old)
    #expect(words(back.gained) == test.lost)
    #expect(words(back.lost) == test.gained)
    #expect(Set(back.clearTextLost.map { "\($0.machine)>\($0.to)" }) == test.clear)
  }

  @Test("marks access from outside, and lists it first")
  func marks() throws {
    let today = try #require(CalendarDate("2026-11-24"))
    let old = CompiledSite(try policy(Self.head + "allow:\n\(Self.ssh)"), today: today)
    let new = CompiledSite(
      try policy(
        Self.head + "allow:\n\(Self.ssh)\n  - { to: gate, services: [ssh], from: bob }\n"
          + "  - { to: server, services: [postgres], from: internet }"), today: today)
    let gained = SiteDifference(from: old, to: new).gained
    #expect(gained.map(\.isFromOutside) == [true, false])
    #expect(gained.map(\.machine) == ["server", "gate"])
  }

  @Test("from a machine without a ruleset is all that the policy closes")
  func bare() throws {
    let today = try #require(CalendarDate("2026-11-24"))
    let site = CompiledSite(try policy(Self.head + "allow:\n\(Self.ssh)"), today: today)
    var open = site
    open.bare = ["server"]
    let difference = SiteDifference(from: open, to: site, only: "server")
    #expect(difference.gained.isEmpty)
    #expect(difference.lost.contains { $0.from == "internet" && $0.isFromOutside })
    // Access that stays open is not lost.
    #expect(!difference.lost.contains { $0.service == "ssh" && $0.from == "ada" })
  }
}
