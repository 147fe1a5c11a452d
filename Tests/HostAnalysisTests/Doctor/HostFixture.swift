// SPDX-License-Identifier: GPL-3.0-or-later
// swift-format-ignore-file: NeverForceUnwrap

import AnalysisTestSupport
import NetworkModel
import PolicyLanguage
import Ruleset
import PacketWalk

@testable import PolicyAnalysis
@testable import HostAnalysis

/// A healthy host. Each test changes one part of it.
struct HostFixture {
  var policyText = Self.site
  /// The host's machine in the policy; nil to check it without a policy.
  var machine: String? = "onprem"
  var interfaces: [String: NetworkInterface] = [
    "lo": interface("lo", 1, ["127.0.0.1/8", "::1/128"], isLoopback: true),
    "eth0": interface("eth0", 2, ["198.51.100.7/24", "2001:db8:198::7/64", "fe80::7/64"]),
    "enp5s0": interface("enp5s0", 3, ["192.168.1.1/24"]),
    "wg0": interface("wg0", 4, ["10.13.13.2/24", "fd13:13::2/64"], kind: "wireguard", mtu: 1420),
    "docker0": interface("docker0", 5, ["172.17.0.1/16"], kind: "bridge", mtu: 1420),
  ]
  var peers: [WireGuardPeer] = [peer(ec2Key, whole)]
  var listenPort: UInt16? = 51820
  var mark: UInt32 = 0
  /// Whether WireGuard has the device wg0.
  var hasDevice = true
  /// Devices of tunnels that are not in the policy.
  var otherDevices: [WireGuardDevice] = []
  var unread: [InterfaceName: String] = [:]
  var orphans: [InterfaceName] = []
  var sentMeanwhile: Set<WireGuardKey> = []
  var listeners = [Listener(protocol: .udp, address: ip("0.0.0.0"), port: 51820)]
  var elsewhere = OtherNamespaces()
  var settings: [NetworkSetting: Int] = [
    .forwarding(.ipv4): 1, .forwarding(.ipv6): 1, .sourceValidMark: 0, .reversePathFilter(nil): 0,
    .reversePathFilter(name("wg0")): 0, .reversePathFilter(name("eth0")): 0, .nonLocalBind(.ipv4): 0,
    .nonLocalBind(.ipv6): 0, .arpIgnore: 1,
  ]
  /// Routes that differ from the interfaces' networks and the default route, by `ADDRESS` or, with a mark,
  /// `MARK:ADDRESS`.
  var routes: [String: RouteFact] = [:]
  var docker: Reading<DockerFacts> = .known(DockerFacts())
  var unitOrder: [String: Set<String>] = [:]
  /// The tables in the kernel.
  var tables: [KernelTable] = []

  /// The AllowedIPs of the hub's peer.
  static let whole = ["10.13.13.0/24", "fd13:13::/64", "10.50.0.0/16"]

  static let now: Int64 = 1_800_000_000
  static func key(_ byte: UInt8) -> WireGuardKey { WireGuardKey(bytes: [UInt8](repeating: byte, count: 32))! }
  static let ec2Key = WireGuardKey(bytes: [UInt8](repeating: 1, count: 32))!
  static let ericKey = WireGuardKey(bytes: [UInt8](repeating: 2, count: 32))!
  static let strangerKey = WireGuardKey(bytes: [UInt8](repeating: 9, count: 32))!

  static let site = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820, hub: ec2 }
    machines:
      ec2:
        addresses: { wg0: [10.13.13.1, "fd13:13::1"] }
        endpoint: [203.0.113.10, "2001:db8:203::10"]
        key: "\(ec2Key)"
        subnets: [10.50.0.0/16]
      onprem:
        addresses: { wg0: [10.13.13.2, "fd13:13::2"] }
        endpoint: [198.51.100.7, "2001:db8:198::7"]
        subnets: [192.168.1.0/24]
        zones: { lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24] } }
      laptop-eric:
        addresses: { wg0: [10.13.13.10, "fd13:13::10"] }
        key: "\(ericKey)"
    allow:
      - { to: onprem, services: [8888/tcp], from: laptop-eric }
      - { to: onprem, services: [9090/tcp, 9100/tcp], from: laptop-eric }
      - { to: onprem, services: [5432/tcp], from: ec2 }
    encrypt:
      - { between: [ec2, onprem], tunnel: wg0 }

    """

  /// The same site without the tunnel's IPv6.
  static let siteWithoutIPv6 = site.split(separator: "\n", omittingEmptySubsequences: false).map { line in
    guard let start = line.firstIndex(of: "\""), line[start...].hasPrefix("\"fd13"),
      let end = line.lastIndex(of: "\"")
    else { return String(line) }
    // The preceding comma and space are removed too.
    return String(line[..<line.index(start, offsetBy: -2)] + line[line.index(after: end)...])
  }.joined(separator: "\n")

  static func interface(
    _ text: String, _ index: UInt32, _ addresses: [String], kind: String? = nil, mtu: UInt32 = 1500,
    state: NetworkInterface.State = .up, isLoopback: Bool = false, master: UInt32? = nil
  ) -> NetworkInterface {
    NetworkInterface(
      name: name(text), index: index,
      addresses: addresses.map { text in
        let parts = text.split(separator: "/")
        return InterfaceAddress(ip(String(parts[0])), prefixLength: Int(parts[1])!)!
      }, state: state, kind: kind, linkType: text.hasPrefix("wg") ? 0xfffe : 1, isLoopback: isLoopback,
      mtu: mtu, master: master)
  }

  static func peer(
    _ key: WireGuardKey, _ allowed: [String], endpoint: String? = "203.0.113.10:51820", age: Int64? = 20,
    keepalive: UInt16 = 25, sent: UInt64 = 4096
  ) -> WireGuardPeer {
    WireGuardPeer(
      publicKey: key, endpoint: endpoint.flatMap { WireGuardEndpoint($0) },
      allowedIPs: allowed.map { Prefix($0)! },
      latestHandshake: age.map { now - $0 }, sentBytes: sent, persistentKeepalive: keepalive)
  }

  static func name(_ text: String) -> InterfaceName { InterfaceName(text)! }
  static func ip(_ text: String) -> IPAddress { IPAddress(text)! }

  /// The tunnel's addresses.
  var inside: [String] { ["10.13.13.2/24", "fd13:13::2/64"] }

  // MARK: Running the checks

  /// The host as input of the checks.
  func subject() throws -> DoctorSubject {
    let policy = try policy(policyText)
    let role = machine.map { DoctorSubject.Role(policy: policy, machine: policy.machine(named: $0)!) }
    var facts = HostFacts(
      host: HostSnapshot(interfaces: Array(interfaces.values), listeners: listeners), time: Self.now,
      wireGuard: WireGuardFacts(
        devices: otherDevices
          + (hasDevice && interfaces["wg0"] != nil
            ? [
              WireGuardDevice(
                name: Self.name("wg0"), publicKey: nil, listenPort: listenPort, firewallMark: mark,
                peers: peers)
            ] : []),
        unread: unread, orphanSockets: orphans, sentMeanwhile: sentMeanwhile),
      elsewhere: elsewhere, settings: settings, docker: docker, unitOrder: unitOrder)
    for ask in DoctorSubject(facts, as: role).routeQuestions { facts.routes[ask] = route(ask) }
    return DoctorSubject(facts, as: role)
  }

  private func route(_ ask: RouteAsk) -> RouteFact {
    let text = ask.mark == 0 ? "\(ask.destination)" : "\(ask.mark):\(ask.destination)"
    if let route = routes[text] { return route }
    let carriers = interfaces.values.filter { interface in
      interface.state == .up && interface.addresses.contains { $0.network.contains(ask.destination) }
    }
    if let interface = carriers.first { return .leaves(interface.name, mtu: nil) }
    // AllowedIPs are routed to the peers, as wg-quick does; default routes are not changed.
    let allowed = peers.flatMap(\.allowedIPs).filter { $0.length > 1 }
    if interfaces["wg0"] != nil, allowed.contains(where: { $0.contains(ask.destination) }) {
      return .leaves(Self.name("wg0"), mtu: nil)
    }
    return .leaves(Self.name("eth0"), mtu: nil)
  }

  /// The result of all checks.
  func diagnosis() throws -> Diagnosis {
    let subject = try subject()
    let site = subject.role.map { CompiledSite($0.policy, today: CalendarDate("2026-11-24")!) }
    let walks = DoctorWalks(
      subject, of: site, through: PacketWalk(tables),
      in: FixtureEnvironment(interfaces: Array(interfaces.values)))
    return Diagnosis(subject, walks: walks)
  }

  /// Another program's table with one chain at input.
  static func foreign(
    _ rules: [[Expression]], chain: String = "input", policy: BasePolicy = .accept,
    table: String = "ufw-like",
    hook: UInt32 = NFT.hookInput
  ) -> KernelTable {
    KernelTable(
      family: NFT.familyInet, name: table,
      chains: [
        KernelChain(
          name: chain, base: BaseChain(hook: hook, priority: 0, policy: policy),
          rules: rules.enumerated().map { KernelRule(expressions: $0.element, handle: UInt64($0.offset) + 7) }
        )
      ])
  }

  /// `th dport PORT VERDICT`.
  static func port(_ number: UInt16, _ then: [Expression]) -> [Expression] {
    [
      .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [UInt8(number >> 8), UInt8(number & 0xff)]),
    ] + then
  }
}

/// The environment of the fixture's walks: the addresses of its interfaces are local.
private struct FixtureEnvironment: HostEnvironment {
  let interfaces: [NetworkInterface]

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    interfaces.contains { $0.owns(address) } ? .local : .unicast
  }
  func route(_ question: RouteQuestion) -> RouteAnswer {
    interfaces.contains { $0.owns(question.destination) } ? .local : .interface(HostFixture.name("eth0"))
  }
  func facts(of interface: InterfaceName) -> InterfaceFacts? {
    interfaces.first { $0.name == interface }.map { InterfaceFacts(index: $0.index, type: $0.linkType) }
  }
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}
