// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyLanguage
import PacketWalk
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("A first policy")
struct FirstPolicyTests {
  private static func exposure(
    _ port: UInt16, _ transport: IPProtocol = .tcp, process: String = "server", zones: [String: TraceVerdict],
    service: String? = nil
  ) -> Exposure {
    Exposure(
      listener: Listener(
        protocol: transport, address: IPAddress(family: .ipv4, bits: 0), port: port,
        process: ProcessIdentity(pid: 9, name: process, userID: 0, unit: nil, container: nil), inode: 4),
      service: service,
      reachable: zones.sorted { $0.key < $1.key }.map {
        Exposure.Reach(
          zone: $0.key, from: ["anyone"], verdict: $0.value, because: "no rule matched; default accept",
          reason: "", standing: .unjudged)
      })
  }

  private static func interface(_ name: String, _ index: UInt32, _ addresses: [String]) throws
    -> NetworkInterface
  {
    NetworkInterface(
      name: try #require(InterfaceName(name)), index: index,
      addresses: try addresses.map { text in
        let parts = text.split(separator: "/")
        let address = try #require(IPAddress(parts[0]))
        return try #require(InterfaceAddress(address, prefixLength: Int(parts[1]) ?? 0))
      }, state: .up)
  }

  private static func key(_ byte: UInt8) throws -> WireGuardKey {
    let base64 = ["A", "Q", "g", "w"][Int(byte)]
    return try #require(WireGuardKey(base64: base64 + String(repeating: "A", count: 42) + "="))
  }

  private static func peer(_ number: UInt8, _ allowed: [String]) throws -> WireGuardPeer {
    WireGuardPeer(publicKey: try key(number), allowedIPs: try allowed.map { try #require(Prefix($0)) })
  }

  private static func basis(
    _ exposures: [Exposure], peers: [WireGuardPeer] = [], own: [String] = ["10.13.13.2/24"],
    name: String = "onprem"
  ) throws -> FirstPolicy.Basis {
    let wg0 = try #require(InterfaceName("wg0"))
    return FirstPolicy.Basis(
      name: name, today: "2026-11-24", audit: Audit(exposures: exposures),
      interfaces: [
        try interface("eth0", 2, ["192.0.2.7/24"]), try interface("enp5s0", 3, ["192.168.1.1/24"]),
        try interface("wg0", 4, own),
      ],
      devices: own.isEmpty
        ? [] : [WireGuardDevice(name: wg0, publicKey: nil, listenPort: 51820, peers: peers)],
      uplinks: [try #require(InterfaceName("eth0"))])
  }

  private static func decoded(_ text: String) throws -> Policy {
    try policy(text)
  }

  @Test("grants the tunnel what it reaches, and nothing else")
  func grants() throws {
    let text = FirstPolicy(
      try Self.basis([
        Self.exposure(5432, zones: ["wg0": .accept, "eth0": .accept], service: "postgres"),
        Self.exposure(3000, zones: ["wg0": .drop, "enp5s0": .accept]),
        Self.exposure(40000, .udp, zones: ["wg0": .accept]), Self.exposure(68, .udp, zones: ["wg0": .accept]),
      ])
    ).text
    let policy = try Self.decoded(text)
    #expect(policy.grants.map { $0.services.map(\.name) } == [["5432/tcp"]])
    #expect(policy.grants.allSatisfy { $0.wordsFrom == ["wg0"] })
    #expect(text.contains("Reached by eth0 now, and closed by this policy: 5432/tcp"))
    #expect(text.contains("Reached by enp5s0 now, and closed by this policy: 3000/tcp"))
    #expect(
      policy.machine(named: "onprem")?.zone(named: "lan")?.prefixes.map(\.description) == ["192.168.1.0/24"])
  }

  @Test("has peers with their addresses and networks; a peer without an address is a comment")
  func peers() throws {
    let peers = [
      try Self.peer(1, ["10.13.13.10/32", "10.50.0.0/16"]), try Self.peer(2, ["10.13.13.0/24"]),
      try Self.peer(3, ["10.13.13.11/32", "192.168.1.0/24"]),
    ]
    let text = FirstPolicy(try Self.basis([], peers: peers)).text
    let policy = try Self.decoded(text)
    #expect(policy.machines.map(\.name) == ["onprem", "peer-10-13-13-10", "peer-10-13-13-11"])
    #expect(policy.machine(named: "peer-10-13-13-10")?.subnets.map(\.description) == ["10.50.0.0/16"])
    #expect(text.contains("192.168.1.0/24: also a network of this host"))
    #expect(text.contains("10.13.13.0/24: the tunnel itself"))
  }

  @Test("derives the network of a single host address from a peer's AllowedIPs, else uses the usual size")
  func loneAddress() throws {
    let routed = FirstPolicy(
      try Self.basis([], peers: [Self.peer(1, ["10.13.0.0/16"])], own: ["10.13.13.2/32"])
    ).text
    #expect(try Self.decoded(routed).tunnels.first?.prefixes.map(\.description) == ["10.13.0.0/16"])
    let usual = FirstPolicy(try Self.basis([], own: ["10.13.13.2/32"])).text
    #expect(try Self.decoded(usual).tunnels.first?.prefixes.map(\.description) == ["10.13.13.0/24"])
  }

  @Test(
    "is valid for any name of a host or process",
    arguments: ["onprem", "9lives", "internet", "a b\nc: [", "", "ÄÖ", String(repeating: "x", count: 200)])
  func names(_ name: String) throws {
    let text = FirstPolicy(
      try Self.basis(
        [Self.exposure(5432, process: name + "\n  - {", zones: ["wg0": .accept])],
        peers: [Self.peer(1, ["10.13.13.9/32"])],
        name: name)
    ).text
    #expect(try Self.decoded(text).grants.count == 1)
  }

  @Test("without a tunnel grants nothing, and is valid")
  func noTunnel() throws {
    let text = FirstPolicy(
      try Self.basis([Self.exposure(22, zones: ["eth0": .accept], service: "ssh")], own: [])
    ).text
    let policy = try Self.decoded(text)
    #expect(policy.grants.isEmpty && policy.tunnels.isEmpty)
  }
}
