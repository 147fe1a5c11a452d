// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyLanguage
import Ruleset
import PacketWalk
import Testing

@testable import PolicyAnalysis
@testable import ImpactAnalysis

/// A host with wg0 (10.13.13.2 and fd13:13::2), eth0 (198.51.100.7) and docker0 (172.17.0.1).
private struct Host: HostEnvironment {
  static let own = ["10.13.13.2", "fd13:13::2", "198.51.100.7", "172.17.0.1", "127.0.0.1", "::1"]

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    address.isLoopback || Self.own.contains(address.description) ? .local : .unicast
  }

  func route(_ question: RouteQuestion) -> RouteAnswer {
    let address = question.destination
    if addressType(address, on: nil) == .local { return .local }
    let name =
      ["10.13.13.0/24": "wg0", "fd13:13::/64": "wg0", "172.17.0.0/16": "docker0"].first {
        Prefix($0.key)?.contains(address) == true
      }?.value ?? "eth0"
    return InterfaceName(name).map(RouteAnswer.interface) ?? .unknown
  }

  func facts(of interface: InterfaceName) -> InterfaceFacts? {
    InterfaceFacts(index: 9, type: interface.description.hasPrefix("wg") ? 0xfffe : 1)
  }
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}

@Suite("Live connections that a change cuts")
struct CutFlowsTests {
  private static let site = """
    version: 1
    tunnels:
      wg0:
        prefixes: [10.13.13.0/24, "fd13:13::/64"]
        listen: 51820
        hub: ec2
    machines:
      ec2:         { addresses: { wg0: [10.13.13.1, "fd13:13::1"] }, endpoint: 203.0.113.10 }
      onprem:      { addresses: { wg0: [10.13.13.2, "fd13:13::2"] }, endpoint: 198.51.100.7 }
      laptop-eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] } }
      laptop-ryan: { addresses: { wg0: [10.13.13.11, "fd13:13::11"] } }

    """

  private static let open = """
    allow:
      - { to: onprem, services: [postgres, 8888/tcp], from: laptop-eric }
      - { to: onprem, services: [web, 8080/tcp], from: internet }
      - { to: onprem, services: [ping, postgres], from: laptop-ryan }
    """
  private static let closed = """
    allow:
      - { to: onprem, services: [8888/tcp], from: laptop-eric }
      - { to: onprem, services: [web], from: internet }
      - { to: onprem, services: [postgres], from: laptop-ryan }
    """

  private static func view(_ grants: String) throws -> SiteView {
    let policy = try policy(site + grants)
    let compiled = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    return compiled.view(of: try #require(policy.machine(named: "onprem")))
  }

  private static func flow(
    _ from: String, _ to: String, _ port: UInt16, _ transport: IPProtocol = .tcp, by source: UInt16 = 40_000
  ) throws -> LiveFlow {
    let tuple = FlowTuple(
      source: try #require(IPAddress(from)), destination: try #require(IPAddress(to)), sourcePort: source,
      destinationPort: port)
    var flow = LiveFlow(transport: transport, original: tuple, reply: tuple.inverted)
    if transport == .tcp { flow.tcpState = .established }
    return flow
  }

  private static func cut(_ flows: [LiveFlow], from old: String?, to new: String) throws -> CutFlows {
    let desired = try view(new)
    var judge = FlowJudge(
      desired, from: try old.map { Lowering.table(try view($0).ruleset) },
      to: Lowering.table(desired.ruleset), in: Host())
    for flow in flows { judge.take(flow) }
    return judge.result()
  }

  @Test("are those whose grant was removed, with machine, service and line, in both families")
  func namesThem() throws {
    let found = try Self.cut(
      [
        Self.flow("10.13.13.10", "10.13.13.2", 5432), Self.flow("fd13:13::10", "fd13:13::2", 5432),
        Self.flow("10.13.13.10", "10.13.13.2", 8888), Self.flow("10.13.13.11", "10.13.13.2", 5432),
        Self.flow("192.0.2.9", "198.51.100.7", 8080), Self.flow("192.0.2.9", "198.51.100.7", 443),
      ], from: Self.open, to: Self.closed)
    #expect(
      found.cut.map { "\($0.machine) \($0.zone) \($0.flow.original.source) \($0.service) \($0.direction)" }
        == [
          "internet internet 192.0.2.9 cadvisor in", "laptop-eric wg0 10.13.13.10 postgres in",
          "laptop-eric wg0 fd13:13::10 postgres in",
        ])
    #expect(found.cut.allSatisfy { $0.because?.hasPrefix("policy.yaml:") == true })
    #expect(found.cut.allSatisfy { $0.interface != nil && $0.unknown == nil && $0.refusal != nil })
    #expect(found.undetermined.isEmpty)
    #expect(found.flows == 6)
  }

  @Test("are found for a new firewall, without a line that allowed them before")
  func newTable() throws {
    let found = try Self.cut(
      [
        Self.flow("10.13.13.10", "10.13.13.2", 9999), Self.flow("10.13.13.10", "10.13.13.2", 8888),
        Self.flow("192.0.2.9", "198.51.100.7", 5432, .udp),
      ], from: nil, to: Self.closed)
    #expect(found.cut.map(\.service) == ["5432/udp", "9999/tcp"])
    #expect(found.cut.allSatisfy { $0.because == nil })
  }

  @Test("are never connections of the host with itself, or outbound connections that no rule forbids")
  func ownFlows() throws {
    let flows = try [
      Self.flow("127.0.0.1", "127.0.0.1", 5432), Self.flow("10.13.13.2", "10.13.13.2", 5432),
      Self.flow("::1", "::1", 5432), Self.flow("198.51.100.7", "192.0.2.9", 443),
      Self.flow("10.13.13.2", "10.13.13.1", 9999),
    ]
    for old in [nil, Self.open] {
      let found = try Self.cut(flows, from: old, to: Self.closed)
      #expect(found.cut.isEmpty)
    }
  }

  @Test("are those that leave in the clear, if the new policy forbids that")
  func outward() throws {
    let encrypted = Self.open + "\nencrypt:\n  - { between: [ec2, onprem], tunnel: wg0 }\n"
    let found = try Self.cut(
      [
        Self.flow("198.51.100.7", "203.0.113.10", 443),
        Self.flow("198.51.100.7", "203.0.113.10", 51820, .udp, by: 51820),
        Self.flow("203.0.113.10", "198.51.100.7", 443), Self.flow("10.13.13.2", "10.13.13.1", 443),
      ], from: Self.open, to: encrypted)
    #expect(
      found.cut.map { "\($0.machine) \($0.zone) \($0.direction)" } == [
        "internet internet in", "onprem internet out",
      ])
  }

  @Test("are not those that were refused before, are closed, or were never answered")
  func notAlive() throws {
    var closing = try Self.flow("10.13.13.10", "10.13.13.2", 5432)
    closing.tcpState = .timeWait
    var dying = try Self.flow("10.13.13.10", "10.13.13.2", 5432)
    dying.status.insert(.dying)
    var asking = try Self.flow("10.13.13.10", "10.13.13.2", 5432)
    asking.tcpState = .synSent
    asking.status = [.confirmed]
    let found = try Self.cut(
      [closing, dying, asking, Self.flow("10.13.13.12", "10.13.13.2", 9999)], from: Self.open,
      to: Self.closed)
    #expect(found.cut.isEmpty)
    #expect(found.flows == 1)
  }

  @Test("are judged by the destination port before DNAT to a container")
  func translated() throws {
    var published = try Self.flow("192.0.2.9", "198.51.100.7", 8080)
    published.reply.source = try #require(IPAddress("172.17.0.2"))
    published.reply.sourcePort = 80
    published.status.insert(.destinationNAT)
    var web = published
    web.original.destinationPort = 80
    web.reply.sourcePort = 8000
    let found = try Self.cut([published, web], from: Self.open, to: Self.closed)
    #expect(found.cut.map(\.flow.original.destinationPort) == [8080])
  }

  @Test("include pings")
  func otherProtocols() throws {
    var ping = try Self.flow("10.13.13.11", "10.13.13.2", 0, .icmp, by: 0)
    ping.query = ICMPQuery(type: 8, code: 0, identifier: 77)
    let found = try Self.cut([ping], from: Self.open, to: Self.closed)
    #expect(found.cut.map(\.service) == ["ping"])
    #expect(found.cut.map(\.machine) == ["laptop-ryan"])
  }

  @Test("are undetermined if the walk is, or if the interface on which they arrive is not known")
  func undetermined() throws {
    let desired = try Self.view(Self.closed)
    var table = Lowering.table(desired.ruleset)
    let chain = try #require(table.chains.firstIndex { $0.name == "ingress" })
    table.chains[chain].rules.insert(
      KernelRule(expressions: [.opaque(name: "socket", data: [1, 2, 3]), .verdict(.drop)]), at: 0)
    var judge = FlowJudge(
      desired, from: Lowering.table(try Self.view(Self.open).ruleset), to: table, in: Host())
    judge.take(try Self.flow("10.13.13.10", "10.13.13.2", 5432))
    judge.take(try Self.flow("fe80::5", "fe80::1", 546, .udp))
    let found = judge.result()
    #expect(found.cut.isEmpty)
    #expect(found.undetermined.count == 2)
    #expect(found.undetermined.contains { $0.unknown?.contains("depends on") == true })
    #expect(found.undetermined.contains { $0.unknown?.contains("interface") == true })
  }

  @Test("that differ only in their opener's port are walked once: 100,000 of them take less than 10 s")
  func questions() throws {
    var flows: [LiveFlow] = []
    for port in 0..<100_000 {
      flows.append(
        try Self.flow("10.13.13.\(10 + port % 2)", "10.13.13.2", 5432, by: UInt16(1024 + port / 2 % 60_000)))
    }
    let clock = ContinuousClock()
    var found = CutFlows()
    let time = try clock.measure { found = try Self.cut(flows, from: Self.open, to: Self.closed) }
    #expect(found.questions == 2)
    #expect(found.cut.count == 50_000)
    // A debug build takes several times as long as the program does.
    #expect(time < .seconds(10), "\(time)")
    print("\(flows.count) connections judged in \(time)")
  }

  @Test("An age is in whole seconds, and never negative")
  func age() throws {
    var flow = try Self.flow("10.13.13.10", "10.13.13.2", 5432)
    #expect(flow.age(at: 5_000_000_000) == nil)
    flow.start = 3_000_000_000
    #expect(flow.age(at: 5_999_999_999) == 2)
    #expect(flow.age(at: 1) == 0)
  }
}
