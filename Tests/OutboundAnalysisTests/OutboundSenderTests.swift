// SPDX-License-Identifier: GPL-3.0-or-later

import HostAnalysis
import NetworkModel
import PacketSets
import PacketWalk
import PolicyAnalysis
import PolicyCompiler
import PolicyLanguage
import Ruleset
import Testing

@testable import OutboundAnalysis

@Suite struct OutboundSenderTests {
  typealias Fixture = OutboundFixture

  private static let granted = [
    "{ to: internet, services: [7/tcp, dns, 6000-6010/udp], from: onprem }",
    "{ to: [203.0.113.0/24, \"2001:db8:203::/64\"], services: [25/tcp, ping], from: onprem }",
    "{ to: ec2, services: [9100/tcp], from: onprem }",
    "{ to: 192.168.1.20, services: [631/tcp], from: onprem }",
  ]

  private static let hosts = [
    "only between hosts: WireGuard and docker-swarm"
  ]

  @Test func `without confine, the host and its containers may send everything`() throws {
    let outbound = try Fixture.outbound(Fixture.site())
    #expect(outbound.senders.map(\.kind) == [.host, .containers, .containers])
    #expect(outbound.senders.allSatisfy { $0.scope == .everything && $0.confinements.isEmpty })
    #expect(outbound.senders[0].refused.isEmpty)
    // A refusal that every policy has: containers do not send WireGuard's packets to machines.
    #expect(outbound.senders[1].refused.allSatisfy { Self.hosts.contains($0.judgement.reason) })
    #expect(outbound.senders[1].interfaces.map(\.description) == ["docker0"])
    #expect(outbound.senders[1].guests == ["shop"])
    #expect(outbound.senders[2].interfaces.map(\.description) == ["br-shop"])
    #expect(outbound.connections.isEmpty && outbound.notes.isEmpty)
  }

  @Test func `a confined host may send only what a grant allows, in both families`() throws {
    let outbound = try Fixture.outbound(Fixture.site(confine: ["onprem"], allow: Self.granted))
    let host = outbound.senders[0]
    #expect(host.scope == .listed && host.refused.isEmpty)
    #expect(host.confinements.map(\.place) == ["policy.yaml:14"])
    #expect(host.confinements.allSatisfy { $0.towards == nil })
    #expect(
      Fixture.rows(host.allowed) == [
        "192.168.1.20 <- 631/tcp by enp5s0 accept policy.yaml:20 v4",
        "internet <- 6000-6010/udp 7/tcp dns by eth0 accept policy.yaml:17 v46",
        "203.0.113.0/24 2001:db8:203::/64 <- 25/tcp ping by eth0 accept policy.yaml:18 v46",
        "ec2 <- 9100/tcp by wg0 accept policy.yaml:19 v46",
      ])
    #expect(host.allowed.allSatisfy { $0.judgement.standing == .granted })
    #expect(host.allowed.map(\.zone) == ["lan", "internet", "internet", "wg0"])
    #expect(outbound.senders[1].scope == .everything)
  }

  @Test func `confined containers may send only what a grant allows`() throws {
    let allow = [
      "{ to: internet, services: [7/tcp], from: onprem.containers }",
      "{ to: ec2, services: [9100/tcp], from: onprem.containers }",
    ]
    let outbound = try Fixture.outbound(Fixture.site(confine: ["onprem.containers"], allow: allow))
    #expect(outbound.senders[0].scope == .everything)
    let docker = outbound.senders[1]
    #expect(docker.scope == .listed && docker.confinements.map(\.place) == ["policy.yaml:14"])
    #expect(
      Fixture.rows(docker.allowed) == [
        "internet <- 7/tcp by eth0 accept policy.yaml:17 v46",
        "ec2 <- 9100/tcp by wg0 accept policy.yaml:18 v46",
      ])
    // br-shop has no IPv6 addresses.
    #expect(
      Fixture.rows(outbound.senders[2].allowed) == [
        "internet <- 7/tcp by eth0 accept policy.yaml:17 v4",
        "ec2 <- 9100/tcp by wg0 accept policy.yaml:18 v4",
      ])
  }

  @Test func `senders whose destinations and services are too many to walk are named in a note`() throws {
    let rules = (0..<400).map { (number: Int) -> KernelRule in
      let address: [UInt8] = [9, 9, UInt8(number / 200), UInt8(number % 200 + 1)]
      let port: [UInt8] = [UInt8((2000 + number) >> 8), UInt8((2000 + number) & 0xff)]
      let expressions: [Expression] = [
        .payload(base: NFT.payloadNetwork, offset: 16, length: 4, destination: 1),
        .compare(operation: NFT.equal, source: 1, data: address),
        .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: 1),
        .compare(operation: NFT.equal, source: 1, data: port), .verdict(.drop),
      ]
      return KernelRule(expressions: expressions)
    }
    let table = KernelTable(
      family: AddressFamily.ipv4.rawValue, name: "many",
      chains: [
        KernelChain(
          name: "c", base: BaseChain(hook: NFT.hookForward, priority: 0, policy: .accept), rules: rules)
      ])
    let host = try Fixture.host(tables: [table])
    let audit = Audit(of: host, by: nil)
    let outbound = Outbound(of: host, by: nil, ingresses: audit.ingresses)
    #expect(outbound.senders.map(\.kind).first == .host)
    #expect(outbound.notes.count == 1)
    #expect(outbound.notes.first?.contains("what containers on docker0") == true, "\(outbound.notes)")
  }

  @Test func `bridges whose guests may send the same are one sender`() throws {
    let others = [
      try Fixture.container("shop", ["172.17.0.2/16"], on: "docker0", identity: 2),
      try Fixture.container("db", ["172.17.0.3/16"], on: "docker0", identity: 3),
      try Fixture.container("web", ["172.18.0.2/16"], on: "br-shop", identity: 4),
    ]
    let outbound = try Fixture.outbound(Fixture.site(confine: ["onprem.containers"]), others: others)
    #expect(outbound.senders.count == 2)
    #expect(outbound.senders[1].interfaces.map(\.description) == ["docker0", "br-shop"])
    #expect(outbound.senders[1].guests == ["shop", "db", "web"])
    #expect(outbound.senders[1].scope == .listed && outbound.senders[1].allowed.isEmpty)
  }

  @Test func `containers that are confined only towards some addresses may send everything else`() throws {
    let outbound = try Fixture.outbound(
      Fixture.site(confine: ["{ from: onprem.containers, to: [169.254.169.254, \"fd00:ec2::254\"] }"]))
    let docker = outbound.senders[1]
    #expect(docker.scope == .everything)
    #expect(docker.confinements.map { $0.towards?.count } == [2])
    let refused = docker.refused.filter { !Self.hosts.contains($0.judgement.reason) }
    #expect(
      Fixture.rows(refused) == [
        "169.254.169.254 fd00:ec2::254 <- any by eth0 reject policy.yaml:14 v46"
      ])
    #expect(outbound.senders[0].scope == .everything && outbound.senders[0].refused.isEmpty)
  }

  @Test func `a policy that is not loaded confines nobody`() throws {
    let view = try Fixture.site(confine: ["onprem", "onprem.containers"], allow: Self.granted)
    let outbound = try Fixture.outbound(view, tables: [])
    #expect(outbound.senders.allSatisfy { $0.scope == .everything && $0.refused.isEmpty })
    #expect(outbound.senders[0].confinements.map(\.place) == ["policy.yaml:14"])
  }

  @Test func `without a policy, senders are those of bridges`() throws {
    let outbound = try Fixture.outbound(nil, tables: [])
    #expect(outbound.senders.map(\.kind) == [.host, .containers, .containers])
    #expect(outbound.senders.allSatisfy { $0.scope == .everything })
    #expect(outbound.senders[0].allowed.allSatisfy { $0.zone == nil })
  }

  @Test func `without a policy, a ruleset that confines is named by its rules`() throws {
    let view = try Fixture.site(confine: ["onprem"], allow: Self.granted)
    let outbound = try Fixture.outbound(nil, tables: [view.table])
    #expect(outbound.senders[0].scope == .listed)
    #expect(
      outbound.senders[0].allowed.map { $0.to.joined(separator: " ") } == [
        "192.168.1.20", "anywhere else", "203.0.113.0/24 2001:db8:203::/64", "10.13.13.1 fd13:13::1",
      ], "\(Fixture.rows(outbound.senders[0].allowed))")
    let networks = outbound.senders[1].refused.map { $0.to.joined(separator: " ") }
    #expect(networks.contains("10.13.13.0/24 fd13:13::/64"), "\(networks)")
  }

  @Test func `whole protocols are one word, and few exceptions are named`() {
    let names = SentServices(ServiceNames(nil))
    let all = SentPackets.services(.ipv4)
    let (tcp, udp) = (PacketSpace.Service.all(.tcp), PacketSpace.Service.all(.udp))
    func port(_ transport: IPProtocol, _ number: UInt16) -> IntervalSet {
      PacketSpace.Service.ports(transport, number...number)
    }
    #expect(names.names(all, .ipv4) == ["any"])
    #expect(names.names(tcp, .ipv4) == ["any tcp"])
    #expect(names.names(all.subtracting(tcp), .ipv4) == ["any udp", "other protocols"])
    #expect(names.names(all.subtracting(port(.tcp, 25)), .ipv4) == ["any except smtp"])
    #expect(names.names(tcp.subtracting(port(.tcp, 25)), .ipv4) == ["any tcp except smtp"])
    #expect(names.names(tcp.union(port(.udp, 4242)), .ipv6) == ["any tcp", "4242/udp"])
    #expect(names.names(udp.subtracting(tcp).union(tcp), .ipv4) == ["any tcp", "any udp"])
    #expect(names.names(PacketSpace.Service.ports(.tcp, 6000...6010), .ipv4) == ["6000-6010/tcp"])
  }

  @Test func `what another program's table drops is not said to be sent`() throws {
    let view = try Fixture.site(confine: ["onprem"], allow: Self.granted)
    let other = OutboundAgreementTests.other(NFT.hookOutput, port: 25, network: [198, 51, 100])
    let outbound = try Fixture.outbound(view, tables: [view.table, other])
    let rows = Fixture.rows(outbound.senders[0].allowed)
    #expect(
      rows.contains("203.0.113.0/24 2001:db8:203::/64 <- ping by eth0 accept policy.yaml:18 v46"), "\(rows)")
    #expect(!rows.contains { $0.contains("25/tcp") }, "\(rows)")
    #expect(rows.contains { $0.hasPrefix("internet except 198.51.100.0/24 (IPv4)") }, "\(rows)")
    // A host that is not confined may send everything else.
    let open = try Fixture.site()
    let host = try Fixture.outbound(open, tables: [open.table, other]).senders[0]
    #expect(host.scope == .listed || host.refused.contains { $0.judgement.because.contains("other-3") })
  }

  @Test func `a rule that is not evaluated makes it undetermined`() throws {
    let view = try Fixture.site()
    let other = KernelTable(
      family: NFT.familyInet, name: "other",
      chains: [
        KernelChain(
          name: "out", base: BaseChain(hook: NFT.hookOutput, priority: 10, policy: .accept),
          rules: [
            KernelRule(expressions: [.opaque(name: "osf", data: [1, 2, 3, 4]), .verdict(.drop)])
          ])
      ])
    let host = try Fixture.outbound(view, tables: [view.table, other]).senders[0]
    #expect(host.scope == .listed)
    #expect(!host.allowed.isEmpty && host.allowed.allSatisfy { $0.judgement.verdict == .undetermined })
  }

  @Test(arguments: ["macvlan", "ipvlan"])
  func `a container with an own interface bypasses the rules`(_ kind: String) throws {
    let direct = try Fixture.container("lone", ["192.168.1.9/24"], on: "enp5s0", identity: 5, kind: kind)
    let outbound = try Fixture.outbound(
      Fixture.site(confine: ["onprem", "onprem.containers"]), others: [direct])
    let sender = try #require(outbound.senders.last)
    #expect(sender.kind == .bypassing && sender.scope == .everything && sender.guests == ["lone"])
    #expect(sender.interfaces.map(\.description) == ["enp5s0"])
  }

  @Test func `in observe mode nothing is refused`() throws {
    let view = try Fixture.site(confine: ["onprem"], allow: Self.granted, observe: "observe: [onprem]")
    let observing = try PolicyCompiler.compile(
      view.policy, machine: "onprem", today: CalendarDate(secondsSince1970: 0), mode: .observing)
    let host = try Fixture.outbound(view, tables: [Lowering.table(observing)]).senders[0]
    #expect(host.scope == .everything && host.refused.isEmpty, "\(Fixture.rows(host.allowed))")
  }
}
