// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyDifference
import PolicyLanguage
import Testing

/// `confine`, `limit` and `refuse`, asked of the policy `confined-database` and of its changes.
@Suite("Outbound traffic, limits and answers") struct OutboundTests {
  private static func site(_ policy: Policy) throws -> CompiledSite {
    CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
  }

  private static let head = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.99.0.0/24, "fd99::/64"], listen: 51820 }
    machines:
      db:
        addresses: { wg0: [10.99.0.1, "fd99::1"] }
        endpoint: [203.0.113.5, "2001:db8:203::5"]
        zones: { containers: { interfaces: [docker0] } }
      app: { addresses: { wg0: [10.99.0.2, "fd99::2"] } }

    """

  struct Case: Sendable, CustomTestStringConvertible {
    let from: String
    let to: String
    let service: String
    let verdict: TraceVerdict
    var testDescription: String { "\(from) to \(to): \(service)" }
  }

  @Test(
    "a confined sender sends only by a grant, in both families, and is refused at once",
    arguments: [
      Case(from: "db", to: "internet", service: "https", verdict: .accept),
      Case(from: "db", to: "internet", service: "smtp", verdict: .reject),
      Case(from: "db", to: "198.51.100.20", service: "ssh", verdict: .accept),
      Case(from: "db", to: "2001:db8:198::20", service: "ssh", verdict: .accept),
      Case(from: "db", to: "198.51.100.21", service: "ssh", verdict: .reject),
      Case(from: "db.containers", to: "198.51.100.53", service: "dns", verdict: .accept),
      Case(from: "db.containers", to: "198.51.100.20", service: "ssh", verdict: .reject),
      Case(from: "db.containers", to: "internet", service: "https", verdict: .reject),
    ])
  func confined(_ asked: Case) throws {
    let site = try Self.site(try shippedPolicy("confined-database"))
    let machine = try #require(site.policy.machine(named: "db"))
    let question = try Question(
      site.policy, machine: machine, from: asked.from, to: asked.service, destination: asked.to, over: nil)
    let paths = Explanation(question, of: site, .across).paths
    #expect(!paths.isEmpty && Set(paths.map(\.verdict)) == [asked.verdict])
  }

  @Test("a confined sender's packets to another machine are judged where they leave, and where they arrive")
  func throughTheTunnel() throws {
    let site = try Self.site(try shippedPolicy("confined-database"))
    let machine = try #require(site.policy.machine(named: "monitor"))
    func hops(_ service: String) throws -> [String] {
      let question = try Question(
        site.policy, machine: machine, from: "db", to: service, destination: nil, over: nil)
      let path = try #require(Explanation(question, of: site, .across).paths.first)
      return path.hops.map { "\($0.machine) \($0.role.rawValue) \($0.verdict)" }
    }
    #expect(try hops("prometheus") == ["db sender accept", "wg0 tunnel accept", "monitor receiver accept"])
    #expect(try hops("postgres") == ["db sender reject"])
  }

  @Test("a failed test of a confined sender names the line to add")
  func fixes() throws {
    let site = try Self.site(
      try policy(
        Self.head + """
          confine: [db]
          allow:
            - { to: internet, services: [dns, ntp], from: db }
          tests:
            - { from: db, to: 198.51.100.20, allow: [ssh] }
            - { from: db, to: app, allow: [postgres] }
          """))
    let fixes = PolicyTestRun(site).failures.map(\.fix)
    #expect(
      fixes == [
        "add to 'allow': - { to: 198.51.100.20, services: [ssh], from: db }",
        "add to 'allow': - { to: app, services: [postgres], from: db }",
      ])
  }

  @Test("an explanation says below which limit a packet is accepted")
  func withinLimit() throws {
    let limited = "  - { to: db, services: [ssh, https], from: app, limit: 6/minute }\n"
    let site = try Self.site(
      policy(Self.head + "allow:\n\(limited)  - { to: db, services: [https], from: app }\n"))
    let machine = try #require(site.policy.machine(named: "db"))
    for (service, assumptions) in [("ssh", ["within limit rate 6/minute"]), ("https", []), ("smtp", [])] {
      let question = try Question(
        site.policy, machine: machine, from: "app", to: service, destination: nil, over: nil)
      let paths = Explanation(question, of: site, .across).paths
      #expect(!paths.isEmpty && paths.allSatisfy { $0.assumptions == assumptions }, "\(service)")
    }
  }

  @Test("the difference says in words what is confined, limited and answered, and what may be sent")
  func difference() throws {
    let old = try Self.site(
      try policy(Self.head + "allow:\n  - { to: db, services: [ssh], from: app }\n"))
    let new = try Self.site(
      try policy(
        Self.head + """
          confine: [db, { from: db.containers, to: 169.254.169.254 }]
          refuse: [wg0]
          allow:
            - { to: db, services: [ssh], from: app, limit: 6/minute, burst: 9 }
            - { to: internet, services: [dns, ntp], from: db }
          """))
    let gained = SiteDifference(from: old, to: new)
    #expect(gained.gained.isEmpty && gained.lost.isEmpty && gained.clearTextLost.isEmpty)
    #expect(
      Set(gained.statementsGained.map { "\($0.kind.rawValue) \($0.machine): \($0.what)" }) == [
        "confinements db: what it sends itself",
        "confinements db: what its containers send to 169.254.169.254",
        "limits db: ssh from app: 6/minute, burst 9 of each source",
        "refusals db: what no grant allows from wg0", "refusals app: what no grant allows from wg0",
      ])
    #expect(gained.outboundGained.isEmpty)
    let lost = Set(
      gained.outboundLost.map { "\($0.isOfContainers) \($0.to): \($0.services.joined(separator: ", "))" })
    #expect(lost.contains("false anywhere else: any except dns, ntp, tunnel wg0"))
    #expect(lost.contains("true 169.254.169.254: any except tunnel wg0"))
    let back = SiteDifference(from: new, to: old)
    #expect(Set(back.statementsLost) == Set(gained.statementsGained) && back.statementsGained.isEmpty)
    #expect(back.outboundGained == gained.outboundLost && back.outboundLost.isEmpty)
    // Against the table in a kernel, of which no policy is known.
    var kernel = new
    kernel.replaced["db"] = old.table(of: try #require(old.policy.machine(named: "db")))
    let live = SiteDifference(from: kernel, to: new, only: "db")
    #expect(Set(live.statementsGained) == Set(gained.statementsGained.filter { $0.machine == "db" }))
    kernel = old
    kernel.replaced["db"] = new.table(of: try #require(new.policy.machine(named: "db")))
    #expect(
      Set(SiteDifference(from: kernel, to: old, only: "db").statementsLost.map(\.kind)) == [
        .confinement, .limit, .refusal,
      ])
  }
}
