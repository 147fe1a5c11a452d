// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyCompiler
import PolicyLanguage
import Ruleset
import Testing

@testable import HostAnalysis
@testable import ImpactAnalysis

/// A host for tests of the impact analysis: the machine `host` of a policy.
///
/// It has eth0 (203.0.113.10, 2001:db8:1::10, the default routes), lan0 (192.168.1.10, fd68:1::10), the tunnel wg0
/// (10.13.13.2, fd13::2), and the bridges docker0 (172.17.0.1, fd17::1) and vmnet1 (10.50.0.1, fd50::1) with two guests
/// each.
struct ImpactFixture {
  /// What must keep working there.
  var facts: ImpactFacts

  init() throws {
    func interface(
      _ name: String, _ index: UInt32, _ addresses: [(String, Int)], kind: String? = nil,
      linkType: UInt16 = 1, master: UInt32? = nil
    ) throws -> NetworkInterface {
      NetworkInterface(
        name: try #require(InterfaceName(name)), index: index,
        addresses: try addresses.map { text, length in
          try #require(InterfaceAddress(try Self.address(text), prefixLength: length))
        }, state: .up, kind: kind, linkType: linkType, master: master)
    }
    facts = ImpactFacts(
      host: HostSnapshot(
        interfaces: [
          try interface("eth0", 2, [("203.0.113.10", 24), ("2001:db8:1::10", 64)]),
          try interface("lan0", 3, [("192.168.1.10", 24), ("fd68:1::10", 64)]),
          try interface(
            "wg0", 4, [("10.13.13.2", 24), ("fd13::2", 64)], kind: "wireguard", linkType: 65534),
          try interface("docker0", 5, [("172.17.0.1", 16), ("fd17::1", 64)], kind: "bridge"),
          try interface("vmnet1", 6, [("10.50.0.1", 24), ("fd50::1", 64)], kind: "bridge"),
          try interface("veth1", 7, [], kind: "veth", master: 5),
          try interface("veth2", 8, [], kind: "veth", master: 5),
          try interface("tap1", 9, [], kind: "tun", master: 6),
          try interface("tap2", 10, [], kind: "tun", master: 6),
        ], listeners: []))
  }

  static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  // MARK: Facts

  mutating func listen(_ port: UInt16) throws {
    facts.host = HostSnapshot(
      interfaces: facts.host.interfaces,
      listeners: facts.host.listeners + [
        Listener(protocol: .udp, address: try Self.address("::"), isDualStack: true, port: port)
      ])
  }

  mutating func session(from client: String, to server: String) throws {
    facts.sessions.append(
      .init(
        RemoteSession(
          client: try Self.address(client), clientPort: 50_000, server: try Self.address(server),
          serverPort: 22), .other))
  }

  mutating func tunnel(port: UInt16, peer: String) throws {
    let key = try #require(WireGuardKey(base64: String(repeating: "A", count: 43) + "="))
    let endpoint: WireGuardEndpoint = try #require(WireGuardEndpoint(peer))
    facts.devices = [
      WireGuardDevice(
        name: try #require(InterfaceName("wg0")), publicKey: nil, listenPort: port,
        peers: [WireGuardPeer(publicKey: key, endpoint: endpoint)])
    ]
  }

  // MARK: Policies

  /// A policy of the host: keys of its machine, keys of its peer, and the lines that follow.
  struct Draft: Sendable {
    var keys = ""
    var peer = ""
    var rest = "allow:\n  - { to: host, services: [web], from: internet }"

    var text: String {
      """
      version: 1
      tunnels:
        wg0: { prefixes: [10.13.13.0/24, "fd13::/64"], listen: 51820 }
      machines:
        host: { addresses: { wg0: [10.13.13.2, "fd13::2"] }\(keys.isEmpty ? "" : ", \(keys)") }
        peer: { addresses: { wg0: [10.13.13.1, "fd13::1"] }\(peer.isEmpty ? "" : ", \(peer)") }
        laptop: { addresses: { wg0: [10.13.13.10, "fd13::10"] } }
      \(rest)

      """
    }
  }

  /// What a change to a policy ends. `others` are the tables of other programs.
  func impact(
    of draft: Draft, from old: Draft? = nil, others: [KernelTable] = [],
    mode: EnforcementMode = .enforcing
  ) throws -> Impact {
    let today = try #require(CalendarDate("2026-11-24"))
    let view = try view(draft, today)
    let desired =
      mode == .enforcing
      ? view.table
      : Lowering.table(
        SiteCompiler(view.policy, today: today, mode: mode).ruleset(of: view.machine))
    return Impact(
      facts, on: view, others: others, from: try old.map { try self.view($0, today).table }, to: desired,
      on: today, in: Environment(interfaces: facts.host.interfaces))
  }

  private func view(_ draft: Draft, _ today: CalendarDate) throws -> SiteView {
    let policy = try policy(draft.text)
    return CompiledSite(policy, today: today).view(of: try #require(policy.machine(named: "host")))
  }

  /// The names of the flows that a change ends.
  func broken(by draft: Draft, from old: Draft? = nil, others: [KernelTable] = []) throws -> [String] {
    try impact(of: draft, from: old, others: others).objections().map(\.name)
  }

  /// A table of another program that drops packets of a hook by their destination port.
  static func dropping(_ port: UInt16, at hook: UInt32) -> KernelTable {
    KernelTable(
      family: NFT.familyInet, name: "other",
      chains: [
        KernelChain(
          name: "chain", base: BaseChain(hook: hook, priority: 0, policy: .accept),
          rules: [
            KernelRule(expressions: [
              .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: 1),
              .compare(operation: NFT.equal, source: 1, data: [UInt8(port >> 8), UInt8(port & 0xff)]),
              .verdict(.drop),
            ])
          ])
      ])
  }
}

/// The routes and addresses of the fixture.
private struct Environment: HostEnvironment {
  let interfaces: [NetworkInterface]

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    if address.family == .ipv4, address.bits == 0xffff_ffff { return .broadcast }
    if address.family == .ipv4 ? address.bits >> 28 == 0xe : address.bits >> 120 == 0xff { return .multicast }
    return interfaces.contains { $0.owns(address) } ? .local : .unicast
  }

  func route(_ question: RouteQuestion) -> RouteAnswer {
    let destination = question.destination
    if addressType(destination, on: nil) != .unicast { return .local }
    let on = interfaces.first { $0.addresses.contains { $0.network.contains(destination) } }
    return (on?.name ?? InterfaceName("eth0")).map(RouteAnswer.interface) ?? .unknown
  }

  func facts(of interface: InterfaceName) -> InterfaceFacts? {
    interfaces.first { $0.name == interface }.map { InterfaceFacts(index: $0.index, type: $0.linkType) }
  }

  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? {
    interfaces.first { $0.name == interface }?.addresses.first { $0.address.family == family }?.address
  }
}
