// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyLanguage
import Ruleset
import PacketWalk
import PacketSets
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

/// A host with wg0, eth0, enp5s0, and docker0 with a container behind it.
private struct Host: HostEnvironment {
  static let own = ["10.13.13.2", "fd13:13::2", "198.51.100.7", "192.168.1.1", "172.17.0.1"]

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    Self.own.contains(address.description) || address.isLoopback ? .local : .unicast
  }

  func route(_ question: RouteQuestion) -> RouteAnswer {
    let address = question.destination
    if addressType(address, on: nil) == .local { return .local }
    let name = ["10.13.13.0/24": "wg0", "172.17.0.0/16": "docker0", "192.168.1.0/24": "enp5s0"].first {
      Prefix($0.key)?.contains(address) == true
    }?.value
    return InterfaceName(name ?? "eth0").map(RouteAnswer.interface) ?? .unknown
  }

  func facts(of interface: InterfaceName) -> InterfaceFacts? {
    InterfaceFacts(index: 9, type: interface.description.hasPrefix("wg") ? 0xfffe : 1)
  }
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}

@Suite("An audit")
struct AuditTests {
  private static let site = """
    version: 1
    tunnels:
      wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820 }
    machines:
      onprem:
        addresses: { wg0: [10.13.13.2, "fd13:13::2"] }
        zones: { lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24] } }
      eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] } }
      ryan: { addresses: { wg0: [10.13.13.11, "fd13:13::11"] } }
    allow:
      - { to: onprem, services: [postgres, 18080/tcp], from: eric }
      - { to: onprem, services: [web], from: internet }

    """

  private static func interface(
    _ name: String, _ index: UInt32, _ addresses: String..., kind: String? = nil, master: UInt32? = nil
  ) throws -> NetworkInterface {
    NetworkInterface(
      name: try #require(InterfaceName(name)), index: index,
      addresses: try addresses.map { text in
        let prefix = text.split(separator: "/")
        let address = try #require(IPAddress(prefix[0]))
        return try #require(InterfaceAddress(address, prefixLength: Int(prefix[1]) ?? 0))
      }, state: .up, kind: kind, isLoopback: name == "lo", master: master)
  }

  private static func listener(
    _ address: String, _ port: UInt16, _ transport: IPProtocol = .tcp, process: String = "server",
    inode: UInt32 = 9
  ) throws -> Listener {
    Listener(
      protocol: transport, address: try #require(IPAddress(address)), isDualStack: false, port: port,
      process: ProcessIdentity(pid: 7, name: process, userID: 0, unit: nil, container: nil), inode: inode)
  }

  private static let container = ContainerIdentity(id: String(repeating: "ab", count: 32), name: "shop")

  private static func host(
    _ listeners: [Listener], inContainer: [Listener] = [], tables: [KernelTable] = [], kind: String = "veth",
    parent: String? = nil, inside otherTables: [KernelTable] = [], overlay: String? = nil
  ) throws -> AuditedHost {
    let own = HostSnapshot(
      interfaces: [
        try interface("lo", 1, "127.0.0.1/8"), try interface("eth0", 2, "198.51.100.7/24"),
        try interface("enp5s0", 3, "192.168.1.1/24"),
        try interface("wg0", 4, "10.13.13.2/24", "fd13:13::2/64"),
        try interface("docker0", 5, "172.17.0.1/16", kind: "bridge"),
        try interface("veth0", 6, kind: "veth", master: 5),
      ], listeners: listeners)
    let inside = HostSnapshot(
      interfaces: [
        try interface("lo", 1, "127.0.0.1/8"),
        try interface(
          "eth0", 2, overlay ?? (parent == nil ? "172.17.0.2/16" : "198.51.100.8/24"), kind: kind),
      ], listeners: inContainer)
    // The pair of an address in an overlay network ends in a namespace of its own.
    let attachment = InterfaceAttachment(
      interface: try #require(InterfaceName("eth0")), kind: parent == nil ? .pair : .parent,
      namespace: overlay == nil ? 1 : nil, link: overlay == nil ? InterfaceName(parent ?? "veth0") : nil,
      master: parent == nil && overlay == nil ? InterfaceName("docker0") : nil)
    return AuditedHost(
      survey: HostSurvey(
        host: NamespaceSnapshot(identity: 1, kind: .host, snapshot: own),
        others: inContainer.isEmpty
          ? []
          : [
            NamespaceSnapshot(
              identity: 2, kind: .container(container), snapshot: inside, attachments: [attachment],
              containers: [container.id])
          ], containers: [container.id: container]),
      tables: tables, environment: Host(), otherTables: otherTables.isEmpty ? [:] : [2: otherTables],
      tunnels: [try #require(InterfaceName("wg0"))])
  }

  private static func view() throws -> SiteView {
    let policy = try policy(site)
    let compiled = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    return compiled.view(of: try #require(policy.machine(named: "onprem")))
  }

  /// The NAT table by which Docker publishes port 18080 as port 8080 of the container.
  private static let published = KernelTable(
    family: AddressFamily.ipv4.rawValue, name: "nat",
    chains: [
      KernelChain(
        name: "PREROUTING",
        base: BaseChain(hook: NFT.hookPrerouting, priority: -100, type: "nat", policy: .accept),
        rules: [
          KernelRule(expressions: [
            .meta(key: MetaKey.transport.rawValue, destination: 1),
            .compare(operation: 0, source: 1, data: [6]),
            .payload(base: 2, offset: 2, length: 2, destination: 1),
            .compare(operation: 0, source: 1, data: [0x46, 0xa0]),
            .immediate(destination: 1, data: [172, 17, 0, 2]),
            .immediate(destination: 2, data: [0x1f, 0x90]),
            .opaque(
              name: "nat",
              // NFTA_NAT_TYPE dnat, FAMILY ip, REG_ADDR_MIN 1, REG_PROTO_MIN 2
              data: [
                8, 0, 1, 0, 0, 0, 0, 1, 8, 0, 2, 0, 0, 0, 0, 2, 8, 0, 3, 0, 0, 0, 0, 1, 8, 0, 5, 0, 0, 0, 0,
                2,
              ]),
          ])
        ])
    ])

  private static func reaches(_ exposure: Exposure) -> [String] {
    exposure.reachable.map { "\($0.zone) \($0.from.joined(separator: "+")) \($0.verdict) \($0.standing)" }
  }

  @Test("without a loaded ruleset, reports open ports even if the policy does not grant them")
  func unloaded() throws {
    let audit = Audit(of: try Self.host([Self.listener("0.0.0.0", 5432)]), by: try Self.view())
    let exposure = try #require(audit.exposures.first)
    #expect(exposure.isExposed)
    #expect(
      Self.reaches(exposure) == [
        "wg0 eric accept granted", "wg0 ryan accept unjudged", "containers anyone accept ungranted",
        "lan anyone accept ungranted", "internet anyone accept ungranted",
      ])
    let findings = audit.findings(drift: .notLoaded, view: try Self.view())
    #expect(findings.first { $0.check == .exposed }?.fix == "run wgfence apply to close it")
    #expect(findings.contains { $0.check == .drift })
  }

  @Test("reports anyone in a tunnel that is granted as a whole, and the peers that the policy does not name")
  func wholeTunnel() throws {
    let wide = try policy(
      Self.site + "  - { to: onprem, services: [grafana], from: wg0 }\n")
    let compiled = CompiledSite(wide, today: try #require(CalendarDate("2026-11-24")))
    let view = compiled.view(of: try #require(wide.machine(named: "onprem")))
    var host = try Self.host(
      [Self.listener("0.0.0.0", 3000), Self.listener("0.0.0.0", 5432)], tables: [Lowering.table(view.ruleset)]
    )
    func peer(_ byte: UInt8, _ allowed: String) throws -> WireGuardPeer {
      WireGuardPeer(
        publicKey: try #require(WireGuardKey(bytes: [UInt8](repeating: byte, count: 32))),
        allowedIPs: [try #require(Prefix(allowed))])
    }
    host.devices = [
      WireGuardDevice(
        name: try #require(InterfaceName("wg0")), publicKey: nil, listenPort: 51820,
        peers: [try peer(1, "10.13.13.10/32"), try peer(2, "10.13.13.77/32")])
    ]
    func senders(_ audit: Audit, _ port: UInt16, _ verdict: TraceVerdict) -> Set<String> {
      Set(
        audit.exposures.first { $0.listener.port == port }?.reachable
          .filter { $0.zone == "wg0" && $0.verdict == verdict }.flatMap(\.from) ?? [])
    }
    let audit = Audit(of: host, by: view)
    #expect(senders(audit, 3000, .accept) == ["anyone in wg0", "eric", "ryan", "peer AgICAgIC…"])
    #expect(senders(audit, 5432, .accept) == ["eric"])
    #expect(senders(audit, 5432, .drop) == ["anyone in wg0", "ryan", "peer AgICAgIC…"])
    // Without a grant to the whole tunnel, and without unknown peers, only machines are listed.
    host.devices = []
    #expect(senders(Audit(of: host, by: try Self.view()), 5432, .drop) == ["ryan"])
  }

  @Test("with the ruleset loaded, reports who is granted, and by which line")
  func loaded() throws {
    let view = try Self.view()
    let table = Lowering.table(view.ruleset)
    let audit = Audit(
      of: try Self.host([Self.listener("0.0.0.0", 5432), Self.listener("0.0.0.0", 443)], tables: [table]),
      by: view)
    let postgres = try #require(audit.exposures.first { $0.listener.port == 5432 })
    #expect(!postgres.isExposed)
    #expect(postgres.reachable.filter { $0.verdict == .accept }.map(\.from) == [["eric"]])
    #expect(postgres.reachable.first { $0.from == ["eric"] }?.because == "policy.yaml:11")
    let web = try #require(audit.exposures.first { $0.listener.port == 443 })
    #expect(!web.isExposed)
    #expect(
      web.reachable.contains { $0.zone == "internet" && $0.verdict == .accept && $0.standing == .granted })
    let findings = audit.findings(drift: .none, view: view)
    #expect(findings.map(\.check) == [.unusedGrant, .wildcard])
    #expect(findings.allSatisfy { $0.severity == .information })
  }

  @Test("without a loaded ruleset, asks the policy for each port that it distinguishes")
  func unloadedPorts() throws {
    let audit = Audit(
      of: try Self.host([Self.listener("0.0.0.0", 5432), Self.listener("0.0.0.0", 443)]), by: try Self.view())
    let standings = audit.exposures.map { exposure in
      "\(exposure.listener.port) "
        + (exposure.reachable.first { $0.zone == "internet" }.map { "\($0.standing)" } ?? "")
    }
    #expect(standings == ["443 granted", "5432 ungranted"])
  }

  @Test("finds ports that NAT publishes, and the container behind them")
  func translated() throws {
    let view = try Self.view()
    let inside = [try Self.listener("0.0.0.0", 8080, process: "httpd")]
    let open = Audit(of: try Self.host([], inContainer: inside, tables: [Self.published]), by: view)
    let port = try #require(open.exposures.first { $0.published != nil })
    #expect(port.listener.port == 18080)
    #expect(port.listener.address.description == "0.0.0.0")
    #expect(port.listener.process?.name == "httpd")
    #expect(port.container == Self.container)
    #expect(
      port.published
        == PublishedTarget(
          address: IPAddress("172.17.0.2"), port: 8080, place: .container(Self.container)))
    #expect(port.isExposed)
    let direct = try #require(open.exposures.first { $0.place != .host })
    #expect(direct.isExposed)
    #expect(Self.reaches(direct).contains("containers anyone accept unjudged"))

    let closed = Audit(
      of: try Self.host([], inContainer: inside, tables: [Self.published, Lowering.table(view.ruleset)]),
      by: view)
    #expect(closed.exposures.map(\.isExposed) == [false, false])
    let granted = try #require(closed.exposures.first { $0.published != nil })
    #expect(granted.reachable.filter { $0.verdict == .accept }.map(\.from) == [["eric"]])
  }

  @Test("reports a published port without a listener as refused")
  func nobodyBehind() throws {
    let audit = Audit(
      of: try Self.host([], inContainer: [Self.listener("0.0.0.0", 9999)], tables: [Self.published]), by: nil)
    let port = try #require(audit.exposures.first { $0.published != nil })
    #expect(port.reachable.allSatisfy { $0.verdict == .reject && $0.because == "no socket listens" })
    #expect(!port.isExposed)
  }

  @Test("reports a published port as refused to a side from which no rule translates")
  func translatedFromOneSide() throws {
    var table = Self.published
    let isEthernet0: [Expression] = [
      .meta(key: MetaKey.inputName.rawValue, destination: 1),
      .compare(operation: 0, source: 1, data: Array("eth0".utf8) + Array(repeating: 0, count: 12)),
    ]
    table.chains[0].rules[0].expressions = isEthernet0 + table.chains[0].rules[0].expressions
    let audit = Audit(
      of: try Self.host([], inContainer: [Self.listener("0.0.0.0", 8080)], tables: [table]), by: nil)
    let port = try #require(audit.exposures.first { $0.published != nil })
    let verdicts = port.reachable.map { "\($0.zone) \($0.verdict)" }
    #expect(verdicts == ["eth0 accept", "enp5s0 reject", "wg0 reject", "docker0 reject"])
  }

  @Test("finds a published port whose translation depends on a mark that another chain sets")
  func translatedByMark() throws {
    var table = Self.published
    let match = table.chains[0].rules[0].expressions
    let load = Expression.meta(key: MetaKey.mark.rawValue, destination: 1)
    table.chains[0].rules[0].expressions =
      [load, .compare(operation: 0, source: 1, data: [7, 0, 0, 0])] + match[4...]
    table.chains.append(
      KernelChain(
        name: "early", base: BaseChain(hook: NFT.hookPrerouting, priority: -150, policy: .accept),
        rules: [
          KernelRule(
            expressions: match[..<4] + [
              .immediate(destination: 1, data: [7, 0, 0, 0]),
              .metaSet(key: MetaKey.mark.rawValue, source: 1),
            ])
        ]))
    let audit = Audit(
      of: try Self.host([], inContainer: [Self.listener("0.0.0.0", 8080)], tables: [table]), by: nil)
    let port = try #require(audit.exposures.first { $0.published != nil })
    #expect(port.listener.port == 18080 && port.published?.text == "172.17.0.2:8080")
  }

  @Test("reports that neighbours on a bridge reach an address that the host's rules translate")
  func translatedNeighbour() throws {
    var table = Self.published
    table.chains[0].rules[0].expressions[3] = .compare(operation: 0, source: 1, data: [0x1f, 0x90])
    table.chains[0].rules[0].expressions[4] = .immediate(destination: 1, data: [192, 168, 1, 9])
    let audit = Audit(
      of: try Self.host([], inContainer: [Self.listener("0.0.0.0", 8080)], tables: [table]), by: nil)
    let inside = try #require(audit.exposures.first { $0.place != .host })
    let reach = try #require(inside.reachable.first { $0.zone == "docker0" })
    #expect(reach.verdict == .accept && reach.because == "same bridge")
  }

  @Test("reports that packets for a proxy's socket go to the container")
  func proxy() throws {
    let audit = Audit(
      of: try Self.host(
        [Self.listener("0.0.0.0", 18080, process: "docker-proxy")],
        inContainer: [Self.listener("0.0.0.0", 8080)],
        tables: [Self.published]), by: nil)
    let own = audit.exposures.filter { $0.place == .host }
    #expect(own.map(\.listener.port) == [18080])
    #expect(own.first?.published?.port == 8080)
    #expect(own.first?.container == Self.container)
  }

  @Test("reports a container on a macvlan as open to its parent's side: its packets bypass the host's rules")
  func macvlan() throws {
    let view = try Self.view()
    let audit = Audit(
      of: try Self.host(
        [], inContainer: [Self.listener("0.0.0.0", 5432)], tables: [Lowering.table(view.ruleset)],
        kind: "macvlan",
        parent: "eth0"), by: view)
    let exposure = try #require(audit.exposures.first)
    #expect(exposure.isExposed)
    let reach = try #require(exposure.reachable.first { $0.zone == "internet" })
    #expect(reach.verdict == .accept)
    #expect(reach.because == "bypasses the host's rules" && reach.reason.contains("macvlan"))
  }

  /// A container's own firewall, which drops port 8080.
  private static let own = KernelTable(
    family: 1, name: "own",
    chains: [
      KernelChain(
        name: "input", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept),
        rules: [
          KernelRule(expressions: [
            .meta(key: MetaKey.transport.rawValue, destination: 1),
            .compare(operation: 0, source: 1, data: [6]),
            .payload(base: 2, offset: 2, length: 2, destination: 1),
            .compare(operation: 0, source: 1, data: [0x1f, 0x90]), .verdict(.drop),
          ])
        ])
    ])

  @Test(
    "evaluates the rules in a container's own namespace for each port, behind a bridge and on a macvlan",
    arguments: [nil, "eth0"])
  func ownRules(_ parent: String?) throws {
    let audit = Audit(
      of: try Self.host(
        [], inContainer: [8080, 8081].map { try Self.listener("0.0.0.0", $0) },
        kind: parent == nil ? "veth" : "macvlan", parent: parent, inside: [Self.own]), by: nil)
    for (port, verdict) in [(8080, TraceVerdict.drop), (8081, .accept)] {
      let exposure = try #require(audit.exposures.first { $0.listener.port == port })
      let reach = try #require(exposure.reachable.first { $0.zone == "eth0" })
      #expect(reach.verdict == verdict)
      #expect(exposure.isExposed == (verdict == .accept))
      #expect(reach.because.contains("inet own input") == (verdict == .drop))
    }
  }

  @Test("anyone is an ordinary sender, which rules against reserved addresses do not stop")
  func bogons() throws {
    func drops(_ network: [UInt8], _ mask: [UInt8]) -> KernelRule {
      KernelRule(expressions: [
        .meta(key: MetaKey.family.rawValue, destination: 1),
        .compare(operation: 0, source: 1, data: [AddressFamily.ipv4.rawValue]),
        .payload(base: 1, offset: 12, length: 4, destination: 1),
        .bitwise(source: 1, destination: 1, mask: mask, xor: [0, 0, 0, 0]),
        .compare(operation: 0, source: 1, data: network), .verdict(.drop),
      ])
    }
    let bogons = KernelTable(
      family: 1, name: "bogons",
      chains: [
        KernelChain(
          name: "p", base: BaseChain(hook: NFT.hookPrerouting, priority: -300, policy: .accept),
          rules: [
            drops([198, 18, 0, 0], [255, 254, 0, 0]), drops([192, 0, 2, 0], [255, 255, 255, 0]),
            drops([198, 51, 100, 0], [255, 255, 255, 0]), drops([192, 168, 0, 0], [255, 255, 0, 0]),
          ])
      ])
    let audit = Audit(of: try Self.host([Self.listener("0.0.0.0", 5432)], tables: [bogons]), by: nil)
    let exposure = try #require(audit.exposures.first)
    for zone in ["eth0", "enp5s0"] {
      #expect(exposure.reachable.contains { $0.zone == zone && $0.verdict == .accept }, "\(zone)")
    }
  }

  @Test("a socket on every address is also reached at the link-local address of the interface")
  func linkLocalDestination() throws {
    let (one, other) = (
      try Self.interface("eth0", 2, "fe80::1/64", "2001:db8::1/64"),
      try Self.interface("eth1", 3, "fe80::2/64")
    )
    let host = HostSnapshot(interfaces: [one, other], listeners: [])
    #expect(host.callableAddresses(.ipv6, on: one).map(\.description) == ["2001:db8::1", "fe80::1"])
    #expect(host.callableAddresses(.ipv6, on: other).map(\.description) == ["fe80::2", "2001:db8::1"])
    #expect(host.callableAddresses(.ipv6, on: nil).map(\.description) == ["2001:db8::1"])
  }

  /// The rules of a Swarm's ingress namespace: IPVS takes packets to port 8080 by their mark.
  private static let marking = KernelTable(
    family: AddressFamily.ipv4.rawValue, name: "mangle",
    chains: [
      KernelChain(
        name: "PREROUTING", base: BaseChain(hook: NFT.hookPrerouting, priority: -150, policy: .accept),
        rules: [
          KernelRule(expressions: [
            .meta(key: MetaKey.transport.rawValue, destination: 1),
            .compare(operation: 0, source: 1, data: [6]),
            .payload(base: 2, offset: 2, length: 2, destination: 1),
            .compare(operation: 0, source: 1, data: [0x1f, 0x90]),
            .immediate(destination: 1, data: [3, 1, 0, 0]),
            .metaSet(key: MetaKey.mark.rawValue, source: 1),
          ])
        ])
    ])

  @Test("a published port is reached where IPVS of a namespace takes it, by its address or its mark")
  func balanced() throws {
    let address = try #require(IPAddress("172.17.0.2"))
    let drops = KernelTable(
      family: 1, name: "own",
      chains: [
        KernelChain(
          name: "input", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop), rules: [])
      ])
    for (services, tables, verdict) in [
      ([], [Self.marking], .reject),
      ([.mark(0x103)], [Self.marking], .accept),
      ([.mark(0x104)], [Self.marking], .reject),
      ([.mark(0x103)], [], .reject),
      ([.address(.tcp, address, port: 8080)], [Self.marking], .accept),
      ([.address(.tcp, address, port: 8080)], [], .accept),
      ([.address(.udp, address, port: 8080)], [], .reject),
      ([.address(.tcp, address, port: 8081)], [], .reject),
      ([.mark(0x103)], [Self.marking, drops], .drop),
    ] as [([VirtualService], [KernelTable], TraceVerdict)] {
      var host = try Self.host(
        [], inContainer: [Self.listener("127.0.0.1", 9)], tables: [Self.published], inside: tables)
      host.otherServices = services.isEmpty ? [:] : [2: services]
      let audit = Audit(of: host, by: nil)
      let port = try #require(audit.exposures.first { $0.published != nil })
      let reach = try #require(port.reachable.first { $0.zone == "eth0" })
      #expect(reach.verdict == verdict, "\(services) \(reach.reason)")
      if verdict == .accept { #expect(reach.reason.contains("IPVS")) }
    }
  }

  @Test("on one interface the neighbours of a zone with prefixes are not senders of another zone")
  func oneInterface() throws {
    for zones in [
      "zones: { lan: { interfaces: [eth0], prefixes: [198.51.100.0/24] } }",
      "zones: { lan: { interfaces: [eth*], prefixes: [198.51.0.0/16, 192.0.2.0/24] } }",
    ] {
      let policy = try policy(
        Self.site.replacing(
          "zones: { lan: { interfaces: [enp5s0], prefixes: [192.168.1.0/24] } }", with: zones)
          + "  - { to: onprem, services: [nfs], from: [onprem.lan, 192.0.2.9] }\n")
      let compiled = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
      let view = compiled.view(of: try #require(policy.machine(named: "onprem")))
      let host = try Self.host([Self.listener("0.0.0.0", 2049)], tables: [Lowering.table(view.ruleset)])
      let eth0 = try #require(InterfaceName("eth0"))
      for ingress in Ingress.all(of: host.survey.host.snapshot, by: view).ingresses {
        let near = ingress.sources.flatMap { $0.senders(by: eth0) }.filter {
          Prefix("198.51.100.0/24")?.contains($0) == true
        }
        #expect(near.isEmpty == (ingress.name != "lan"), "\(ingress.name): \(near)")
      }
      let exposure = try #require(Audit(of: host, by: view).exposures.first { $0.listener.port == 2049 })
      #expect(exposure.reachable.first { $0.zone == "lan" }?.verdict == .accept)
      // Where no zone has 192.0.2.9, it is a sender of the internet, and granted.
      let internet = exposure.reachable.filter { $0.zone == "internet" }
      #expect(internet.contains { $0.from.contains("anyone") && $0.verdict == .drop })
      #expect(internet.contains { $0.verdict == .accept } != zones.contains("192.0.2.0/24"))
    }
  }

  @Test("without a policy, uses interfaces as sides, and trusts only tunnels")
  func noPolicy() throws {
    let audit = Audit(
      of: try Self.host([Self.listener("10.13.13.2", 9100), Self.listener("127.0.0.1", 5432)]), by: nil)
    let exporter = try #require(audit.exposures.first { $0.listener.port == 9100 })
    #expect(exporter.reachable.map(\.zone) == ["eth0", "enp5s0", "wg0", "docker0"])
    // A direct neighbour can send to the tunnel's address from outside the tunnel.
    #expect(exporter.isExposed)
    let own = try #require(audit.exposures.first { $0.listener.port == 5432 })
    #expect(own.reachable.isEmpty && !own.isExposed)
  }

  /// A rule that the walk cannot evaluate.
  private static let strange = KernelTable(
    family: 1, name: "strange",
    chains: [
      KernelChain(
        name: "input", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .accept),
        rules: [KernelRule(expressions: [.opaque(name: "riddle", data: [1]), .verdict(.drop)])])
    ])

  @Test("reports undetermined, not a guess, for a rule that the walk cannot evaluate")
  func undetermined() throws {
    let audit = Audit(of: try Self.host([Self.listener("0.0.0.0", 5432)], tables: [Self.strange]), by: nil)
    #expect(audit.exposures.map(\.isUndetermined) == [true])
    #expect(audit.exposures.map(\.isExposed) == [false])
    #expect(audit.findings(drift: .none, view: nil).map(\.check) == [.undetermined])
  }

  @Test("gives all ports that no rule distinguishes the result that each has alone")
  func classes() throws {
    let view = try Self.view()
    let table = Lowering.table(view.ruleset)
    let ports: [UInt16] = [1, 22, 80, 443, 444, 5431, 5432, 5433, 18080, 20000, 51820, 65535]
    let together = Audit(
      of: try Self.host(try ports.map { try Self.listener("0.0.0.0", $0) }, tables: [table]), by: view)
    for port in ports {
      let alone = Audit(of: try Self.host([Self.listener("0.0.0.0", port)], tables: [table]), by: view)
      let one = try #require(together.exposures.first { $0.listener.port == port })
      #expect(Self.reaches(one) == alone.exposures.first.map(Self.reaches))
    }
    let classes = DestinationPortClasses([table])
    #expect(classes.ranges.count < 400, "\(classes.ranges.count) classes")
  }

  @Test("an address in an overlay network is not reached through an interface that does not lead there")
  func overlay() throws {
    let inside = [try Self.listener("0.0.0.0", 5432)]
    let audit = Audit(of: try Self.host([], inContainer: inside, overlay: "10.0.1.5/24"), by: try Self.view())
    let exposure = try #require(audit.exposures.first)
    #expect(!exposure.isExposed)
    // The host routes the address to eth0, from whatever side the packet comes.
    #expect(exposure.reachable.allSatisfy { $0.verdict == .drop && $0.because == "routing" })
    #expect(
      exposure.reachable.first?.reason
        == "the host sends packets to 10.0.1.5 port 5432 out of eth0, which does not lead to container shop")
    // The same address behind a bridge of the host is.
    let behind = Audit(of: try Self.host([], inContainer: inside), by: try Self.view())
    #expect(behind.exposures.map(\.isExposed) == [true])
  }

  /// A chain of NAT that translates ports to a destination, and their ports to `port` if it is given.
  private static func publishing(_ rules: [(ports: ClosedRange<UInt16>, to: [UInt8], port: UInt16?)])
    -> KernelTable
  {
    func bytes(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 0xff)] }
    let made = rules.map { rule -> KernelRule in
      var expressions: [Expression] = [
        .meta(key: MetaKey.transport.rawValue, destination: 1),
        .compare(operation: NFT.equal, source: 1, data: [6]),
        .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: 1),
        .compare(operation: NFT.greaterOrEqual, source: 1, data: bytes(rule.ports.lowerBound)),
        .compare(operation: NFT.lessOrEqual, source: 1, data: bytes(rule.ports.upperBound)),
        .immediate(destination: 1, data: rule.to),
      ]
      // NFTA_NAT_TYPE dnat, FAMILY ip, REG_ADDR_MIN 1; REG_PROTO_MIN 2
      var data: [UInt8] = [8, 0, 1, 0, 0, 0, 0, 1, 8, 0, 2, 0, 0, 0, 0, 2, 8, 0, 3, 0, 0, 0, 0, 1]
      if let port = rule.port {
        expressions.append(.immediate(destination: 2, data: bytes(port)))
        data += [8, 0, 5, 0, 0, 0, 0, 2]
      }
      return KernelRule(expressions: expressions + [.opaque(name: "nat", data: data)])
    }
    let base = BaseChain(hook: NFT.hookPrerouting, priority: -100, type: "nat", policy: .accept)
    return KernelTable(
      family: AddressFamily.ipv4.rawValue, name: "nat",
      chains: [KernelChain(name: "PREROUTING", base: base, rules: made)])
  }

  private static func published(_ audit: Audit) -> [String] {
    audit.exposures.filter { $0.published != nil }.map {
      "\($0.ports) \($0.published?.address?.description ?? "") \($0.published?.text ?? "") \($0.isExposed)"
    }
  }

  private static func expect(_ found: [String], _ expected: [String]) { #expect(found == expected) }

  @Test("published ports in a row that differ only in their ports are one exposure")
  func ranges() throws {
    // A range to another host, without a limit of its length.
    let far = Self.publishing([(30000...39999, [192, 168, 1, 50], nil)])
    Self.expect(
      Self.published(Audit(of: try Self.host([], tables: [far]), by: nil)),
      [
        "30000-39999 192.168.1.50 192.168.1.50:30000-39999 true"
      ])
    // All of them to one port.
    let one = Self.publishing([(30000...39999, [192, 168, 1, 50], 80)])
    Self.expect(
      Self.published(Audit(of: try Self.host([], tables: [one]), by: nil)),
      [
        "30000-39999 192.168.1.50 192.168.1.50:80 true"
      ])
    // A rule for each port, to a container that listens on three of them.
    let each = Self.publishing((18080...18083).map { ($0...$0, [172, 17, 0, 2], $0 - 10000) })
    let inside = try [8080, 8081, 8083].map { try Self.listener("0.0.0.0", $0) }
    Self.expect(
      Self.published(Audit(of: try Self.host([], inContainer: inside, tables: [each]), by: nil)),
      [
        "18080-18081 172.17.0.2 172.17.0.2:8080-8081 true", "18082 172.17.0.2 172.17.0.2:8082 false",
        "18083 172.17.0.2 172.17.0.2:8083 true",
      ])
    // A range to a container: only where it listens.
    let range = Self.publishing([(8000...8999, [172, 17, 0, 2], nil)])
    Self.expect(
      Self.published(Audit(of: try Self.host([], inContainer: inside, tables: [range]), by: nil)),
      [
        // A port whose service has a name stays alone.
        "8080 172.17.0.2 172.17.0.2:8080 true", "8081 172.17.0.2 172.17.0.2:8081 true",
        "8083 172.17.0.2 172.17.0.2:8083 true",
      ])
    // A port of a range that a socket of the host has, too, is told with that socket.
    let proxied = Audit(of: try Self.host([Self.listener("0.0.0.0", 30005)], tables: [far]), by: nil)
    Self.expect(
      Self.published(proxied),
      [
        "30005 192.168.1.50 192.168.1.50:30005 true",
        "30000-30004 192.168.1.50 192.168.1.50:30000-30004 true",
        "30006-39999 192.168.1.50 192.168.1.50:30006-39999 true",
      ])
  }

  @Test("a port whose translation is chance, or is not known, is not left out")
  func chance() throws {
    let base = BaseChain(hook: NFT.hookPrerouting, priority: -100, type: "nat", policy: .accept)
    func table(_ expressions: [Expression]) -> KernelTable {
      let port: [Expression] = [
        .meta(key: MetaKey.transport.rawValue, destination: 1),
        .compare(operation: NFT.equal, source: 1, data: [6]),
        .payload(base: NFT.payloadTransport, offset: 2, length: 2, destination: 1),
        .compare(operation: NFT.equal, source: 1, data: [0x75, 0x30]),
      ]
      return KernelTable(
        family: AddressFamily.ipv4.rawValue, name: "nat",
        chains: [
          KernelChain(
            name: "PREROUTING", base: base, rules: [KernelRule(expressions: port + expressions)])
        ])
    }
    // dnat to 172.17.0.2-172.17.0.3: NFTA_NAT_TYPE, FAMILY, REG_ADDR_MIN 1, REG_ADDR_MAX 2
    let range = table([
      .immediate(destination: 1, data: [172, 17, 0, 2]), .immediate(destination: 2, data: [172, 17, 0, 3]),
      .opaque(
        name: "nat",
        data: [
          8, 0, 1, 0, 0, 0, 0, 1, 8, 0, 2, 0, 0, 0, 0, 2, 8, 0, 3, 0, 0, 0, 0, 1, 8, 0, 4, 0, 0, 0, 0, 2,
        ]),
    ])
    let inside = [try Self.listener("0.0.0.0", 30000)]
    let audit = Audit(of: try Self.host([], inContainer: inside, tables: [range]), by: nil)
    Self.expect(
      Self.published(audit),
      ["30000 172.17.0.2 172.17.0.2:30000 true", "30000 172.17.0.3 172.17.0.3:30000 true"])

    let unknown = table([.opaque(name: "riddle", data: [1]), .verdict(.drop)])
    let open = Audit(of: try Self.host([], tables: [unknown]), by: nil)
    let port = try #require(open.exposures.first)
    #expect(open.exposures.count == 1 && port.ports == "30000" && port.isUndetermined)
    #expect(port.published?.text == "a destination that cannot be determined")
    #expect(open.findings(drift: .none, view: nil).map(\.check) == [.undetermined])
  }

  @Test("equal findings are one: for each rule that cannot be evaluated, and for sockets on every address")
  func equalFindings() throws {
    let many = try (1...20).map { try Self.listener("0.0.0.0", 5000 + $0) }
    let unknown = Audit(of: try Self.host(many, tables: [Self.strange]), by: nil).findings(
      drift: .none, view: nil)
    #expect(unknown.map(\.check) == [.undetermined])
    #expect(unknown.first?.found.contains("and 14 more are reached from") == true)

    let view = try Self.view()
    let services = [
      try Self.listener("0.0.0.0", 5432, process: "postgres"),
      try Self.listener("0.0.0.0", 18080, process: "httpd"),
      // The kernel's own.
      try Self.listener("0.0.0.0", 4789, .udp, inode: 0),
    ]
    let wide = Audit(of: try Self.host(services, tables: [Lowering.table(view.ruleset)]), by: view)
      .findings(drift: .none, view: view).filter { $0.check == .wildcard }
    #expect(wide.map(\.subject) == ["httpd for 18080/tcp, postgres for 5432/tcp"])
    #expect(
      wide.first?.found.hasPrefix("2 sockets listen on every address, but only wg0 may reach them") == true)
  }

  @Test("many sides are told as their number")
  func manySides() throws {
    var host = try Self.host([Self.listener("0.0.0.0", 22)])
    let bridges = try (1...60).map {
      try Self.interface("br-\($0)", UInt32(100 + $0), "10.1.\($0).1/24", kind: "bridge")
    }
    let own = host.survey.host.snapshot
    host.survey = HostSurvey(
      host: NamespaceSnapshot(
        identity: 1, kind: .host,
        snapshot: HostSnapshot(interfaces: own.interfaces + bridges, listeners: own.listeners)),
      others: [])
    let audit = Audit(of: host, by: nil)
    let names = audit.ingresses.map(\.name)
    #expect(audit.summary(names) == "all 64 interfaces")
    #expect(
      audit.summary(Array(names.prefix(8))) == "eth0, enp5s0, wg0, docker0, br-1, br-2 and 2 more interfaces")
    // A zone may have the name of its interface.
    let zones = Audit(
      exposures: [],
      ingresses: audit.ingresses + [Ingress(name: "lan", kind: .network, interfaces: bridges, sources: [])])
    #expect(zones.summary(zones.ingresses.map(\.name)) == "all 65 zones")
    let found = audit.findings(drift: .none, view: nil).first { $0.check == .exposed }?.found
    #expect(
      found?.contains(
        "is reached from eth0, enp5s0, docker0, br-1, br-2, br-3 and 57 more interfaces (anyone)") == true,
      "\(found ?? "")")
  }
}
