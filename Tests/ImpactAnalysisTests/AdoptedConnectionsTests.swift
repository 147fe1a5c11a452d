// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyCompiler
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@testable import ImpactAnalysis

/// A host with eth0 (198.51.100.7, 2001:db8::7) and docker0 (172.17.0.0/16, fd17::/64).
private struct Host: HostEnvironment {
  static let own = ["198.51.100.7", "2001:db8::7", "172.17.0.1", "127.0.0.1", "::1"]
  static let interfaces = [
    NetworkInterface(name: named("eth0"), index: 2, addresses: [], state: .up),
    NetworkInterface(name: named("docker0"), index: 3, addresses: [], state: .up, kind: "bridge"),
  ]

  static func named(_ text: String) -> InterfaceName { InterfaceName(text) ?? .loopback }

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    Self.own.contains(address.description) ? .local : .unicast
  }

  func route(_ question: RouteQuestion) -> RouteAnswer {
    let address = question.destination
    if addressType(address, on: nil) == .local { return .local }
    let isGuest = ["172.17.0.0/16", "fd17::/64"].contains { Prefix($0)?.contains(address) == true }
    return .interface(Self.named(isGuest ? "docker0" : "eth0"))
  }

  func facts(of interface: InterfaceName) -> InterfaceFacts? { InterfaceFacts(index: 2, type: 1) }
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}

@Suite("Connections that are adopted before the first ruleset")
struct AdoptedConnectionsTests {
  private static let empty = KernelTable(family: 1, name: "wgfence")
  private static let deaf: KernelTable = {
    let ruleset = PolicyCompiler.lastResort
    return Lowering.table(ruleset)
  }()

  private static func tuple(_ text: String) -> FlowTuple {
    let ends = text.split(separator: ">").map { $0.split(separator: " ") }
    func address(_ end: Int) -> IPAddress {
      IPAddress(String(ends[end][0])) ?? IPAddress(family: .ipv4, bits: 0)
    }
    func port(_ end: Int) -> UInt16 { UInt16(ends[end][1]) ?? 0 }
    return FlowTuple(
      source: address(0), destination: address(1), sourcePort: port(0), destinationPort: port(1))
  }

  private static func namespace(
    _ sent: [String], of transport: IPProtocol = .tcp, in place: NamespaceConnections.Place = .host,
    serving: [UInt16] = []
  ) -> NamespaceConnections {
    NamespaceConnections(
      place, sockets: sent.map { NamespaceConnections.Socket(transport, sending: tuple($0)) },
      served: Set(serving.map { NamespaceConnections.ServedPort(transport, $0) }), chosen: 32_768...60_999)
  }

  private static func adopted(
    _ namespaces: [NamespaceConnections], tracked: [LiveFlow] = [], by table: KernelTable = empty
  ) -> AdoptedConnections {
    AdoptedConnections(
      namespaces, tracked: tracked, desired: table, interfaces: Host.interfaces, in: Host())
  }

  @Test(
    "The side that listens received the connection; else the side with the port that no kernel chooses",
    arguments: [
      ("198.51.100.7 22 > 203.0.113.9 40000", [UInt16(22)], "203.0.113.9 40000 > 198.51.100.7 22"),
      ("2001:db8::7 22 > 2001:db8:9::9 40000", [22], "2001:db8:9::9 40000 > 2001:db8::7 22"),
      ("198.51.100.7 40000 > 203.0.113.9 443", [], "198.51.100.7 40000 > 203.0.113.9 443"),
      // The server has closed its listening socket.
      ("198.51.100.7 8443 > 203.0.113.9 40000", [], "203.0.113.9 40000 > 198.51.100.7 8443"),
      // Listening is certain, whatever the ports.
      ("198.51.100.7 40000 > 203.0.113.9 443", [40_000], "203.0.113.9 443 > 198.51.100.7 40000"),
      ("198.51.100.7 500 > 203.0.113.9 500", [], "198.51.100.7 500 > 203.0.113.9 500"),
      ("198.51.100.7 40000 > 203.0.113.9 50000", [], "198.51.100.7 40000 > 203.0.113.9 50000"),
    ])
  func opener(_ sent: String, _ served: [UInt16], _ original: String) {
    for transport in [IPProtocol.tcp, .udp] {
      let found = Self.adopted([Self.namespace([sent], of: transport, serving: served)])
      #expect(found.created.map(\.original) == [Self.tuple(original)])
      #expect(found.created.allSatisfy { $0.reply == $0.original.inverted && $0.transport == transport })
      #expect(found.created.allSatisfy { ($0.tcpState == .established) == (transport == .tcp) })
      #expect(found.reversed.isEmpty)
    }
  }

  @Test("What conntrack knows is left as it is, also if NAT changed one of its directions")
  func known() {
    let sent = "198.51.100.7 40000 > 203.0.113.9 443"
    let plain = LiveFlow(transport: .tcp, original: Self.tuple(sent), reply: Self.tuple(sent).inverted)
    #expect(Self.adopted([Self.namespace([sent])], tracked: [plain]).created.isEmpty)
    let served = "198.51.100.7 8080 > 203.0.113.9 40000"
    let redirected = LiveFlow(
      transport: .tcp, original: Self.tuple("203.0.113.9 40000 > 198.51.100.7 80"), reply: Self.tuple(served))
    #expect(Self.adopted([Self.namespace([served], serving: [8080])], tracked: [redirected]).created.isEmpty)
    let other = LiveFlow(transport: .udp, original: Self.tuple(sent), reply: Self.tuple(sent).inverted)
    #expect(Self.adopted([Self.namespace([sent])], tracked: [other]).created.count == 1)
  }

  @Test("An entry with the wrong opener is replaced, and keeps its mark, only if the opener is certain")
  func reversed() {
    let sent = Self.tuple("198.51.100.7 22 > 203.0.113.9 40000")
    var wrong = LiveFlow(transport: .tcp, original: sent, reply: sent.inverted)
    wrong.mark = 7
    let text = "198.51.100.7 22 > 203.0.113.9 40000"
    let certain = Self.adopted([Self.namespace([text], serving: [22])], tracked: [wrong])
    #expect(certain.reversed == [wrong])
    #expect(certain.created.map(\.original) == [sent.inverted])
    #expect(certain.created.map(\.mark) == [7])
    #expect(certain.following([wrong]) == certain.created)
    let guess = Self.adopted([Self.namespace([text])], tracked: [wrong])
    #expect(guess.created.isEmpty && guess.reversed.isEmpty)
  }

  @Test("A connection between the host and a container is adopted once, as its server knows it")
  func bothSides() {
    let host = Self.namespace(["172.17.0.1 5432 > 172.17.0.2 5000"], serving: [5432])
    let guest = Self.namespace(["172.17.0.2 5000 > 172.17.0.1 5432"], in: .other)
    for namespaces in [[host, guest], [guest, host]] {
      #expect(
        Self.adopted(namespaces, by: Self.deaf).created.map(\.original)
          == [Self.tuple("172.17.0.2 5000 > 172.17.0.1 5432")])
    }
  }

  @Test(
    "A guest's connection is adopted only if the host routes to its address, and the ruleset accepts its opener",
    arguments: ["172.17.0.2", "fd17::2"])
  func guests(_ own: String) {
    let remote = own.contains(":") ? "2001:db8:9::9" : "203.0.113.9"
    let outward = Self.namespace(["\(own) 40000 > \(remote) 443"], in: .other)
    #expect(Self.adopted([outward]).created.count == 1)
    #expect(Self.adopted([outward], by: Self.deaf).created.isEmpty)
    // Addresses that a guest gave itself: the host's own, and another host's.
    for forged in own.contains(":") ? ["2001:db8::7", "2001:db8:9::8"] : ["198.51.100.7", "203.0.113.8"] {
      #expect(Self.adopted([Self.namespace(["\(forged) 22 > \(remote) 443"], in: .other)]).created.isEmpty)
    }
  }

  @Test("Connections that use the loopback interface are not adopted")
  func loopback() {
    let own = Self.namespace([
      "127.0.0.1 40000 > 127.0.0.1 5432", "198.51.100.7 40000 > 198.51.100.7 5432",
    ])
    #expect(Self.adopted([own]).created.isEmpty)
  }

  @Test("Adoption is complete: what was adopted is adopted no second time, whatever the sockets")
  func complete() {
    var random = SeededGenerator(seed: 20)
    for _ in 0..<500 {
      var sent: [String] = []
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let port = [22, 443, 8080, 33_000, 45_000].randomElement(using: &random) ?? 22
        let far = [443, 22, 35_000, 50_001].randomElement(using: &random) ?? 22
        sent.append("198.51.100.7 \(port) > 203.0.113.\(Int.random(in: 1...3, using: &random)) \(far)")
      }
      let namespace = Self.namespace(
        sent, serving: Bool.random(using: &random) ? [22, 443] : [33_000])
      let first = Self.adopted([namespace])
      #expect(Set(first.created).count == first.created.count)
      #expect(Set(sent).count == first.created.count)
      let second = Self.adopted([namespace], tracked: first.created)
      #expect(second.created.isEmpty && second.reversed.isEmpty)
      // Tracked the other way round, exactly the certain ones are replaced.
      let wrong = first.created.map {
        LiveFlow(transport: $0.transport, original: $0.reply, reply: $0.original)
      }
      let third = Self.adopted([namespace], tracked: wrong)
      let certain = Set(sent).filter { namespace.opener(of: .init(.tcp, sending: Self.tuple($0))).isCertain }
      #expect(third.reversed.count == certain.count)
      #expect(third.created.count == certain.count)
    }
  }
}
