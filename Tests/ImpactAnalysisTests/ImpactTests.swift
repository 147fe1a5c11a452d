// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import Ruleset
import Testing

@testable import ImpactAnalysis

@Suite("What a change ends on a host")
struct ImpactTests {
  /// A flow of a kind, a policy that keeps it, and one that ends it.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The flow's name.
    let name: String
    var keeps = ImpactFixture.Draft()
    let ends: ImpactFixture.Draft
    let prepare: @Sendable (inout ImpactFixture) throws -> Void
  }

  private static func allowing(_ services: String, from source: String, _ keys: String = "")
    -> ImpactFixture.Draft
  {
    ImpactFixture.Draft(
      keys: keys, rest: "allow:\n  - { to: host, services: [\(services)], from: \(source) }")
  }

  private static func blocking(_ prefix: String) -> ImpactFixture.Draft {
    ImpactFixture.Draft(
      rest: ImpactFixture.Draft().rest + "\nlists:\n  bad: [\(prefix)]\nblock: [bad]")
  }

  /// The network of lan0 is behind the peer, so its packets are dropped on lan0.
  private static let misplaced = ImpactFixture.Draft(peer: "subnets: [192.168.1.0/24, \"fd68:1::/64\"]")
  /// The same with a zone for lan0.
  private static let placed = ImpactFixture.Draft(
    keys: "zones: { lan: { interfaces: [lan0], prefixes: [192.168.1.0/24, \"fd68:1::/64\"] } }",
    peer: "subnets: [192.168.1.0/24, \"fd68:1::/64\"]")
  private static let guestsCovered = "zones: { containers: { interfaces: [docker0, vmnet1] } }"

  static let cases: [Case] = [
    Case(
      testDescription: "a session from the internet", name: "session:198.51.100.9",
      keeps: allowing("ssh", from: "internet"), ends: allowing("web", from: "internet"),
      prepare: { try $0.session(from: "198.51.100.9", to: "203.0.113.10") }),
    Case(
      testDescription: "a session over IPv6", name: "session:2001:db8:9::9",
      keeps: allowing("ssh", from: "internet"), ends: allowing("ssh", from: "laptop"),
      prepare: { try $0.session(from: "2001:db8:9::9", to: "2001:db8:1::10") }),
    Case(
      testDescription: "a session through the tunnel", name: "session:10.13.13.10",
      keeps: allowing("ssh", from: "laptop"), ends: allowing("ssh", from: "peer"),
      prepare: { try $0.session(from: "10.13.13.10", to: "10.13.13.2") }),
    Case(
      testDescription: "a session through the tunnel over IPv6", name: "session:fd13::10",
      keeps: allowing("ssh", from: "laptop"), ends: allowing("ssh", from: "internet"),
      prepare: { try $0.session(from: "fd13::10", to: "fd13::2") }),
    Case(
      testDescription: "a tunnel whose port is not the policy's", name: "tunnel:wg0",
      keeps: allowing("51999/udp", from: "internet", "endpoint: 203.0.113.10"),
      ends: allowing("web", from: "internet", "endpoint: 203.0.113.10"),
      prepare: {
        $0.facts.ephemeralPorts = 32768...50000
        try $0.tunnel(port: 51999, peer: "198.51.100.7:51820")
      }),
    Case(
      testDescription: "a tunnel over IPv6 to a blocked peer", name: "tunnel:wg0",
      ends: blocking("\"2001:db8:9::/48\""),
      prepare: { try $0.tunnel(port: 51820, peer: "[2001:db8:9::7]:51820") }),
    Case(
      testDescription: "the internet, if replies from there are blocked", name: "internet:eth0",
      ends: blocking("9.9.9.0/24"), prepare: { _ in }),
    Case(
      testDescription: "the internet over IPv6", name: "internet:eth0", ends: blocking("\"2620:fe::/48\""),
      prepare: { _ in }),
    Case(
      testDescription: "a name server in a network that the policy places elsewhere", name: "dns:192.168.1.1",
      keeps: placed, ends: misplaced,
      prepare: { $0.facts.nameServers = [try ImpactFixture.address("192.168.1.1")] }),
    Case(
      testDescription: "a name server over IPv6", name: "dns:fd68:1::1", keeps: placed, ends: misplaced,
      prepare: { $0.facts.nameServers = [try ImpactFixture.address("fd68:1::1")] }),
    Case(
      testDescription: "a time server", name: "time:203.0.113.99", ends: blocking("203.0.113.64/26"),
      prepare: { $0.facts.timeServers = [try ImpactFixture.address("203.0.113.99")] }),
    Case(
      testDescription: "a time server over IPv6", name: "time:fd68:1::9", keeps: placed, ends: misplaced,
      prepare: { $0.facts.timeServers = [try ImpactFixture.address("fd68:1::9")] }),
    Case(
      testDescription: "the renewal of an address", name: "dhcp:lan0", keeps: placed, ends: misplaced,
      prepare: { $0.facts.leased = Set([InterfaceName("lan0")].compactMap { $0 }) }),
    Case(
      testDescription: "guests whose bridge no zone covers", name: "guests:vmnet1",
      keeps: ImpactFixture.Draft(keys: guestsCovered), ends: ImpactFixture.Draft(), prepare: { _ in }),
    Case(
      testDescription: "guests to the name server here", name: "guests:docker0",
      keeps: allowing("dns", from: "containers"), ends: allowing("dns", from: "internet"),
      prepare: { try $0.listen(53) }),
    Case(
      testDescription: "guests to the DHCP server here", name: "guests:docker0",
      keeps: allowing("dhcp", from: "containers"), ends: allowing("dns", from: "containers"),
      prepare: { try $0.listen(67) }),
    Case(
      testDescription: "guests to each other, if bridged frames meet the rules", name: "guests:vmnet1",
      keeps: ImpactFixture.Draft(
        keys:
          "zones: { containers: { interfaces: [docker0, vmnet1], prefixes: [172.17.0.0/16, 10.50.0.0/24, \"fd17::/64\", \"fd50::/64\"] } }"
      ),
      ends: ImpactFixture.Draft(
        keys:
          "zones: { containers: { interfaces: [docker0, vmnet1], prefixes: [172.17.0.0/16, \"fd17::/64\", \"fd50::/64\"] } }"
      ),
      prepare: { $0.facts.bridgedFrames = .meetRules }),
    Case(
      testDescription: "the metadata service", name: "metadata:169.254.169.254",
      ends: blocking("169.254.169.254"), prepare: { _ in }),
    Case(
      testDescription: "OSPF", name: "multicast:ospf-lan0", keeps: allowing("ospf", from: "internet"),
      ends: allowing("web", from: "internet"), prepare: { $0.facts.groups = try Self.groups("224.0.0.5") }),
    Case(
      testDescription: "OSPF over IPv6", name: "multicast:ospf-lan0",
      keeps: allowing("ospf", from: "internet"), ends: allowing("web", from: "internet"),
      prepare: { $0.facts.groups = try Self.groups("ff02::5") }),
    Case(
      testDescription: "VRRP", name: "multicast:vrrp-lan0", keeps: allowing("ip/112", from: "internet"),
      ends: allowing("ospf", from: "internet"), prepare: { $0.facts.groups = try Self.groups("224.0.0.18") }),
  ]

  private static func groups(_ text: String) throws -> [InterfaceName: Set<IPAddress>] {
    [try #require(InterfaceName("lan0")): [try ImpactFixture.address(text)]]
  }

  @Test("is every kind of flow that works before, and no flow that the policy keeps", arguments: cases)
  func kinds(_ one: Case) throws {
    var host = try ImpactFixture()
    try one.prepare(&host)
    #expect(try host.broken(by: one.ends).contains(one.name))
    #expect(try !host.broken(by: one.keeps).contains(one.name))
    // What the policy in force ends already, the next one does not end.
    #expect(try !host.broken(by: one.ends, from: one.ends).contains(one.name))
  }

  @Test("names the line of the policy that decides, and every packet that stops")
  func explained() throws {
    var host = try ImpactFixture()
    host.facts.nameServers = [try ImpactFixture.address("192.168.1.1")]
    let found = try #require(
      try host.impact(of: Self.misplaced).findings.first { $0.name == "dns:192.168.1.1" })
    #expect(found.weight == .essential)
    #expect(found.kind == "dns")
    #expect(found.because.hasPrefix("policy.yaml:"))
    #expect(found.packets == ["to 192.168.1.1 port 53/udp", "to 192.168.1.1 port 53/tcp"])
    #expect(found.breaks.hasSuffix("to 192.168.1.1 port 53/udp, and 1 more"))
  }

  @Test(
    "is not what a table of another program drops already, wherever it drops it",
    arguments: [
      NFT.hookPrerouting, NFT.hookInput,
    ])
  func foreign(_ hook: UInt32) throws {
    var host = try ImpactFixture()
    try host.session(from: "198.51.100.9", to: "203.0.113.10")
    let closed = Self.allowing("web", from: "internet")
    let other = ImpactFixture.dropping(22, at: hook)
    #expect(try !host.broken(by: closed, others: [other]).contains("session:198.51.100.9"))
    #expect(try host.broken(by: closed).contains("session:198.51.100.9"))
  }

  @Test("is not what this host's own replies already lose")
  func foreignReply() throws {
    var host = try ImpactFixture()
    try host.session(from: "198.51.100.9", to: "203.0.113.10")
    // The reply goes to port 50000 of the client.
    let other = ImpactFixture.dropping(50_000, at: NFT.hookOutput)
    #expect(
      try !host.broken(by: Self.allowing("web", from: "internet"), others: [other]).contains(
        "session:198.51.100.9"))
  }

  @Test("is nothing in observe mode")
  func observing() throws {
    var host = try ImpactFixture()
    try host.session(from: "198.51.100.9", to: "203.0.113.10")
    let closed = Self.allowing("web", from: "internet")
    #expect(try host.impact(of: closed, mode: .observing).findings.isEmpty)
    #expect(try !host.impact(of: closed).findings.isEmpty)
  }

  @Test("is accepted by the name of each flow")
  func accepted() throws {
    var host = try ImpactFixture()
    try host.session(from: "198.51.100.9", to: "203.0.113.10")
    host.facts.nameServers = [try ImpactFixture.address("192.168.1.1")]
    let impact = try host.impact(
      of: ImpactFixture.Draft(keys: Self.guestsCovered, peer: Self.misplaced.peer))
    let names = ["session:198.51.100.9", "dns:192.168.1.1"]
    #expect(impact.objections().map(\.name) == names)
    #expect(impact.objections(except: ["dns:192.168.1.1"]).map(\.name) == ["session:198.51.100.9"])
    #expect(impact.objections(except: Set(names)).isEmpty)
    #expect(impact.objections(except: ["dns", "session", "session:198.51.100"]).map(\.name) == names)
  }

  @Test("is one finding for all sessions of an address")
  func severalSessions() throws {
    var host = try ImpactFixture()
    try host.session(from: "198.51.100.9", to: "203.0.113.10")
    try host.session(from: "198.51.100.9", to: "192.168.1.10")
    let found = try host.broken(by: Self.allowing("web", from: "internet"))
    #expect(found.filter { $0.hasPrefix("session:") } == ["session:198.51.100.9"])
  }

  @Test("does not include flows that the host has no way to send")
  func withoutPorts() throws {
    var host = try ImpactFixture()
    // A name server behind a bridge that has no ports any more.
    host.facts.nameServers = [try ImpactFixture.address("10.50.0.9")]
    let draft = Self.blocking("10.50.0.0/24")
    #expect(try host.broken(by: draft).contains("dns:10.50.0.9"))
    host.facts.host = HostSnapshot(
      interfaces: host.facts.host.interfaces.filter { $0.master != 6 }, listeners: [])
    #expect(try !host.broken(by: draft).contains("dns:10.50.0.9"))
  }

  @Test("is undetermined where the walk is, and then a gap")
  func undetermined() throws {
    var host = try ImpactFixture()
    try host.session(from: "198.51.100.9", to: "203.0.113.10")
    var other = ImpactFixture.dropping(22, at: NFT.hookInput)
    other.chains[0].rules[0].expressions = [.opaque(name: "socket", data: [1]), .verdict(.drop)]
    let impact = try host.impact(of: Self.allowing("web", from: "internet"), others: [other])
    #expect(!impact.objections().map(\.name).contains("session:198.51.100.9"))
    #expect(impact.undetermined.contains { $0.hasPrefix("session:198.51.100.9 ") })
    #expect(impact.gaps.contains { $0.contains("port 22/tcp") })
  }
}

@Suite("What a change ends, and the line that keeps it")
struct ImpactAdviceTests {
  private static let start = "add to 'allow': "

  /// The lines of a fix.
  private static func lines(_ fix: String) -> [String] {
    guard fix.hasPrefix(start) else { return [] }
    return fix.dropFirst(start.count).replacing(" and - {", with: "\n- {").split(separator: "\n").map(
      String.init)
  }

  @Test("has a line that, added to the policy, keeps the flow", arguments: ImpactTests.cases)
  func applied(_ one: ImpactTests.Case) throws {
    var host = try ImpactFixture()
    try one.prepare(&host)
    let found = try #require(try host.impact(of: one.ends).findings.first { $0.name == one.name })
    let lines = Self.lines(found.fix ?? "")
    if ["session", "tunnel", "multicast"].contains(found.kind), !one.ends.rest.contains("block") {
      #expect(!lines.isEmpty, "no line for \(found.name): \(found.fix ?? "none")")
    }
    guard !lines.isEmpty else { return }
    var fixed = one.ends
    fixed.rest += "\n" + lines.map { "  \($0)" }.joined(separator: "\n")
    #expect(try !host.broken(by: fixed).contains(one.name))
  }

  @Test("has one line for each service that guests ask this host for")
  func guests() throws {
    var host = try ImpactFixture()
    try host.listen(53)
    try host.listen(67)
    let finding = try #require(
      try host.impact(of: ImpactFixture.Draft()).findings.first { $0.name == "guests:docker0" })
    #expect(
      Self.lines(finding.fix ?? "") == [
        "- { to: host, services: [dns], from: containers }",
        "- { to: host, services: [dhcp], from: containers }",
      ])
  }

  @Test("has no line where no grant helps")
  func blocked() throws {
    var host = try ImpactFixture()
    try host.session(from: "198.51.100.9", to: "203.0.113.10")
    let draft = ImpactFixture.Draft(
      rest:
        "allow:\n  - { to: host, services: [ssh], from: internet }\nlists:\n  bad: [198.51.100.0/24]\nblock: [bad]"
    )
    let finding = try #require(
      try host.impact(of: draft).findings.first { $0.name == "session:198.51.100.9" })
    #expect(finding.fix == nil)
  }
}
