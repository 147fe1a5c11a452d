// SPDX-License-Identifier: GPL-3.0-or-later

import HostAnalysis
import NetworkModel
import PacketWalk
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@testable import PolicyImport

/// A host with eth0 (198.51.100.7, 2001:db8:198::7, the default route), enp5s0 (192.168.1.1, fd68:1::1), wg0 (10.13.13.2,
/// fd13:13::2, peers .1 and .10) and docker0 (172.17.0.1).
struct ImportHost: HostEnvironment {
  static let interfaces: [NetworkInterface] = [
    interface("lo", 1, ["127.0.0.1/8", "::1/128"], isLoopback: true),
    interface("eth0", 2, ["198.51.100.7/24", "2001:db8:198::7/64", "fe80::2/64"]),
    interface("enp5s0", 3, ["192.168.1.1/24", "fd68:1::1/64", "fe80::3/64"]),
    interface("wg0", 4, ["10.13.13.2/24", "fd13:13::2/64"], kind: "wireguard", linkType: 65534),
    interface("docker0", 5, ["172.17.0.1/16"], kind: "bridge"),
  ]

  static func interface(
    _ name: String, _ index: UInt32, _ addresses: [String], kind: String? = nil, linkType: UInt16 = 1,
    isLoopback: Bool = false
  ) -> NetworkInterface {
    NetworkInterface(
      name: InterfaceName(name) ?? .loopback, index: index,
      addresses: addresses.compactMap { text in
        let parts = text.split(separator: "/")
        return IPAddress(parts[0]).flatMap { InterfaceAddress($0, prefixLength: Int(parts[1]) ?? 0) }
      }, state: .up, kind: kind, linkType: linkType, isLoopback: isLoopback)
  }

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    if address.family == .ipv4 ? address.bits >> 28 == 0xe : address.bits >> 120 == 0xff { return .multicast }
    let own = Self.interfaces.filter { interface == nil || $0.name == interface }
    return own.contains { $0.owns(address) } ? .local : .unicast
  }

  func route(_ question: RouteQuestion) -> RouteAnswer {
    let address = question.destination
    if addressType(address, on: nil) == .local { return .local }
    let near = Self.interfaces.first { $0.addresses.contains { $0.network.contains(address) } }
    return (near?.name ?? InterfaceName("eth0")).map(RouteAnswer.interface) ?? .unknown
  }

  func facts(of interface: InterfaceName) -> InterfaceFacts? {
    Self.interfaces.first { $0.name == interface }.map { InterfaceFacts(index: $0.index, type: $0.linkType) }
  }

  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }

  /// A listening socket on every address of both families, unless another address is given.
  static func listener(
    _ port: UInt16, _ transport: IPProtocol = .tcp, at address: String = "::", by process: String = "server"
  ) -> Listener {
    Listener(
      protocol: transport, address: IPAddress(address) ?? IPAddress(family: .ipv6, bits: 0),
      isDualStack: address == "::", port: port,
      process: ProcessIdentity(pid: 7, name: process, userID: 0, unit: nil, container: nil),
      inode: UInt32(port))
  }

  /// The input of an import of these tables on this host.
  static func basis(
    _ tables: [KernelTable], _ tool: ImportTool = .iptables, listeners: [Listener],
    forwarding: FirstPolicy.Basis.Forwarding = .off
  ) throws -> PolicyImport.Basis {
    let wg0 = try #require(InterfaceName("wg0"))
    func key(_ number: UInt8) throws -> WireGuardKey {
      try #require(WireGuardKey(bytes: [UInt8](repeating: number, count: 32)))
    }
    func peer(_ number: UInt8, _ allowed: [String]) throws -> WireGuardPeer {
      WireGuardPeer(
        publicKey: try key(number), endpoint: nil, allowedIPs: try allowed.map { try #require(Prefix($0)) })
    }
    let device = WireGuardDevice(
      name: wg0, publicKey: nil, listenPort: 51820,
      peers: [
        try peer(1, ["10.13.13.1/32", "fd13:13::1/128"]), try peer(2, ["10.13.13.10/32", "fd13:13::10/128"]),
      ])
    let host = AuditedHost(
      survey: HostSurvey(
        host: NamespaceSnapshot(
          identity: 1, kind: .host, snapshot: HostSnapshot(interfaces: interfaces, listeners: listeners)),
        others: []),
      tables: tables, environment: ImportHost(), tunnels: [wg0], tunnelPorts: [51820])
    var first = FirstPolicy.Basis(
      name: "onprem", today: "2026-11-29",
      audit: Audit(of: host, by: nil, senders: FirstPolicy.senders(of: [device], on: interfaces, known: [])),
      interfaces: interfaces, devices: [device], uplinks: [try #require(InterfaceName("eth0"))],
      forwarding: forwarding)
    first.host = host
    return PolicyImport.Basis(host: first, tool: tool, today: try #require(CalendarDate("2026-11-29")))
  }
}

/// Rules as iptables-nft loads them: native expressions.
enum Rules {
  static func table(
    _ family: AddressFamily, _ input: [KernelRule], policy: BasePolicy, _ chains: [KernelChain] = []
  )
    -> KernelTable
  {
    KernelTable(
      family: family.rawValue, name: "filter",
      chains: [
        KernelChain(
          name: "INPUT", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: policy), rules: input)
      ] + chains)
  }

  static func rule(_ parts: [[Expression]], _ verdict: VerdictCode) -> KernelRule {
    KernelRule(expressions: parts.flatMap { $0 } + [.counter, .verdict(verdict)])
  }

  /// `-i NAME`
  static func input(_ name: String) -> [Expression] {
    [
      .meta(key: MetaKey.inputName.rawValue, destination: NFT.register1),
      .compare(
        operation: NFT.equal, source: NFT.register1,
        data: Array(name.utf8) + [UInt8](repeating: 0, count: 16 - name.utf8.count)),
    ]
  }

  /// `-o NAME`
  static func output(_ name: String) -> [Expression] {
    [.meta(key: MetaKey.outputName.rawValue, destination: NFT.register1), input(name)[1]]
  }

  /// `-s PREFIX`, as nft writes it: whole bytes are loaded alone, else with a mask.
  static func source(_ text: String, _ operation: UInt32 = NFT.equal) -> [Expression] {
    guard let prefix = Prefix(text) else { return [] }
    let offset: UInt32 = prefix.family == .ipv4 ? 12 : 8
    let count = (prefix.length + 7) / 8
    let bytes = Array(prefix.address.bytes.prefix(count))
    let load = Expression.payload(
      base: NFT.payloadNetwork, offset: offset, length: UInt32(count), destination: NFT.register1)
    if prefix.length % 8 == 0 {
      return [load, .compare(operation: operation, source: NFT.register1, data: bytes)]
    }
    return [
      load,
      .bitwise(
        source: NFT.register1, destination: NFT.register1, mask: Array(prefix.maskBytes.prefix(count)),
        xor: [UInt8](repeating: 0, count: count)),
      .compare(operation: operation, source: NFT.register1, data: bytes),
    ]
  }

  /// `-p PROTOCOL`
  static func transport(_ transport: IPProtocol) -> [Expression] {
    [
      .meta(key: MetaKey.transport.rawValue, destination: NFT.register1),
      .compare(operation: NFT.equal, source: NFT.register1, data: [transport.number]),
    ]
  }

  /// `-p PROTOCOL --dport PORT`
  static func port(_ port: UInt16, _ transport: IPProtocol = .tcp) -> [Expression] {
    self.transport(transport) + [
      .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: NFT.register1),
      .compare(operation: NFT.equal, source: NFT.register1, data: [UInt8(port >> 8), UInt8(port & 0xff)]),
    ]
  }

  /// `-p PROTOCOL --dport FIRST:LAST`
  static func ports(_ first: UInt16, _ last: UInt16, _ transport: IPProtocol = .tcp) -> [Expression] {
    self.transport(transport) + [
      .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: NFT.register1),
      .range(
        operation: NFT.equal, source: NFT.register1, from: [UInt8(first >> 8), UInt8(first & 0xff)],
        to: [UInt8(last >> 8), UInt8(last & 0xff)]),
    ]
  }

  /// `--sport PORT`, after a protocol with ports.
  static func sourcePort(_ port: UInt16) -> [Expression] {
    [
      .payload(base: NFT.payloadTransport, offset: 0, length: 2, destination: NFT.register1),
      .compare(operation: NFT.equal, source: NFT.register1, data: [UInt8(port >> 8), UInt8(port & 0xff)]),
    ]
  }

  /// `-d ADDRESS`
  static func destination(_ text: String) -> [Expression] {
    guard let address = IPAddress(text) else { return [] }
    return [
      .payload(
        base: NFT.payloadNetwork, offset: address.family == .ipv4 ? 16 : 24,
        length: UInt32(address.family.byteWidth), destination: NFT.register1),
      .compare(operation: NFT.equal, source: NFT.register1, data: address.bytes),
    ]
  }
}
