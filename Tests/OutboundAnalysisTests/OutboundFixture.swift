// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import HostAnalysis
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import Testing

@testable import OutboundAnalysis

/// A host with wg0, eth0 to the internet, enp5s0 to a LAN, and containers behind docker0 and br-shop.
struct OutboundFixture: HostEnvironment {
  /// Interfaces with their addresses, and with the networks behind them.
  static let interfaces: [(name: String, addresses: [String], routes: [String])] = [
    ("lo", ["127.0.0.1/8"], []),
    ("eth0", ["198.51.100.7/24", "2001:db8:198::7/64"], ["0.0.0.0/0", "::/0"]),
    ("enp5s0", ["192.168.1.1/24"], []),
    ("wg0", ["10.13.13.2/24", "fd13:13::2/64"], []),
    ("docker0", ["172.17.0.1/16", "fd17::1/64"], []),
    ("br-shop", ["172.18.0.1/16"], []),
  ]

  static func interface(_ name: String, _ index: UInt32, _ addresses: [String], kind: String? = nil) throws
    -> NetworkInterface
  {
    NetworkInterface(
      name: try #require(InterfaceName(name)), index: index,
      addresses: try addresses.map { text in
        let parts = text.split(separator: "/")
        let address = try #require(IPAddress(parts[0]))
        return try #require(InterfaceAddress(address, prefixLength: Int(parts[1]) ?? 0))
      }, state: .up, kind: kind, isLoopback: name == "lo")
  }

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    let own = Self.interfaces.flatMap(\.addresses).compactMap {
      $0.split(separator: "/").first.map(String.init)
    }
    return own.contains(address.description) || address.isLoopback ? .local : .unicast
  }

  func route(_ question: RouteQuestion) -> RouteAnswer {
    if addressType(question.destination, on: nil) == .local { return .local }
    let routes = Self.interfaces.dropFirst().flatMap { one in
      (one.addresses + one.routes).compactMap { text -> (Prefix, String)? in
        let parts = text.split(separator: "/")
        guard let address = IPAddress(parts[0]), let length = Int(parts[1]) else { return nil }
        return (Prefix(containing: address, length: length), one.name)
      }
    }
    let best = routes.filter { $0.0.contains(question.destination) }.max { $0.0.length < $1.0.length }
    return best.flatMap { InterfaceName($0.1) }.map(RouteAnswer.interface) ?? .nowhere
  }

  func facts(of interface: InterfaceName) -> InterfaceFacts? {
    InterfaceFacts(index: 9, type: interface.description.hasPrefix("wg") ? 0xfffe : 1)
  }

  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }

  // MARK: The policy

  /// The site with these keys.
  static func site(confine: [String] = [], allow: [String] = [], observe: String = "") throws -> SiteView {
    let text =
      """
      version: 1
      tunnels:
        wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820 }
      machines:
        onprem:
          addresses: { wg0: [10.13.13.2, "fd13:13::2"] }
          endpoint: [198.51.100.7]
          zones:
            containers: { interfaces: [docker0, "br-*"] }
            lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24] }
        ec2: { addresses: { wg0: [10.13.13.1, "fd13:13::1"] }, endpoint: [203.0.113.10] }
        eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] } }

      """ + (confine.isEmpty ? "" : "confine:\n" + confine.map { "  - \($0)\n" }.joined()) + "allow:\n"
      + (["{ to: onprem, services: [postgres], from: eric }"] + allow).map { "  - \($0)\n" }.joined()
      + observe
    let policy = try policy(text)
    let site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    return site.view(of: try #require(policy.machine(named: "onprem")))
  }

  // MARK: The host

  static let shop = ContainerIdentity(id: String(repeating: "ab", count: 32), name: "shop")

  /// A container behind a bridge, or with an own interface of this kind on `bridge`.
  static func container(
    _ name: String, _ addresses: [String], on bridge: String, identity: UInt64, kind: String = "veth",
    opened: [OpenedConnection] = []
  ) throws -> NamespaceSnapshot {
    let container = ContainerIdentity(id: String(repeating: "c\(identity)", count: 32), name: name)
    let isBehind = kind == "veth"
    return NamespaceSnapshot(
      identity: identity, kind: .container(container),
      snapshot: HostSnapshot(
        interfaces: [
          try interface("lo", 1, ["127.0.0.1/8"]), try interface("eth0", 2, addresses, kind: kind),
        ], listeners: [], opened: opened),
      attachments: [
        InterfaceAttachment(
          interface: try #require(InterfaceName("eth0")), kind: isBehind ? .pair : .parent, namespace: 1,
          link: InterfaceName(isBehind ? "veth\(identity)" : bridge),
          master: isBehind ? InterfaceName(bridge) : nil)
      ], containers: [container.id])
  }

  static func host(
    tables: [KernelTable], opened: [OpenedConnection] = [], others: [NamespaceSnapshot]? = nil
  ) throws -> AuditedHost {
    let own = HostSnapshot(
      interfaces: try interfaces.enumerated().map { index, one in
        try interface(
          one.name, UInt32(index + 1), one.addresses,
          kind: one.name == "docker0" || one.name.hasPrefix("br-") ? "bridge" : nil)
      }, listeners: [], opened: opened)
    return AuditedHost(
      survey: HostSurvey(
        host: NamespaceSnapshot(identity: 1, kind: .host, snapshot: own),
        others: try others ?? [
          container("shop", ["172.17.0.2/16", "fd17::2/64"], on: "docker0", identity: 2)
        ]),
      tables: tables, environment: OutboundFixture(), tunnels: [try #require(InterfaceName("wg0"))],
      tunnelPorts: [51820])
  }

  /// A connection that a process opened.
  static func connection(
    _ source: String, _ destination: String, _ port: UInt16, _ transport: IPProtocol = .tcp,
    process: String = "curl", from sourcePort: UInt16 = 45_000, pid: Int32 = 812
  ) throws -> OpenedConnection {
    OpenedConnection(
      transport,
      sending: FlowTuple(
        source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
        sourcePort: sourcePort, destinationPort: port),
      process: ProcessIdentity(pid: pid, name: process, userID: 1000, unit: nil, container: nil))
  }

  /// What is sent from a host that enforces a policy, or has these tables.
  static func outbound(
    _ view: SiteView?, tables: [KernelTable]? = nil, opened: [OpenedConnection] = [],
    others: [NamespaceSnapshot]? = nil
  ) throws -> Outbound {
    let host = try host(
      tables: tables ?? view.map { [$0.table] } ?? [], opened: opened, others: others)
    let ingresses =
      view.map { Ingress.all(of: host.survey.host.snapshot, by: $0).ingresses }
      ?? Ingress.all(of: host.survey.host.snapshot, tunnels: host.tunnels)
    return Outbound(of: host, by: view, ingresses: ingresses)
  }

  /// The rows of a sender, as `internet 7/tcp by eth0: policy.yaml:17 (ipv4 ipv6)`.
  static func rows(_ reaches: [OutboundSender.Reach]) -> [String] {
    reaches.map { reach in
      let families = reach.families.map { $0 == .ipv4 ? "4" : "6" }.joined()
      return "\(reach.to.joined(separator: " ")) <- \(reach.services.joined(separator: " ")) "
        + "by \(reach.interface) \(reach.judgement.verdict) \(reach.judgement.because) v\(families)"
    }
  }
}
