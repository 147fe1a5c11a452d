// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@testable import HostAnalysis
@testable import PolicyAnalysis

/// A host with the tunnel wg0, its own network enp5s0 and the internet behind eth0. Prefixes that a test names are
/// routed into the tunnel.
private struct Host: HostEnvironment {
  var own: Set<IPAddress>
  var routed: [Prefix]

  func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
    own.contains(address) || address.isLoopback ? .local : .unicast
  }

  func route(_ question: RouteQuestion) -> RouteAnswer {
    let address = question.destination
    if own.contains(address) { return .local }
    let name =
      routed.contains { $0.contains(address) }
      ? "wg0" : Prefix("192.168.7.0/24")?.contains(address) == true ? "enp5s0" : "eth0"
    return InterfaceName(name).map(RouteAnswer.interface) ?? .unknown
  }

  func facts(of interface: InterfaceName) -> InterfaceFacts? {
    InterfaceFacts(index: 9, type: interface.description.hasPrefix("wg") ? 0xfffe : 1)
  }
  func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
}

@Suite("A first policy for a host that has more than a tunnel")
struct FirstPolicyHostTests {
  private static func key(_ number: Int) throws -> WireGuardKey {
    try #require(WireGuardKey(bytes: (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) }))
  }

  private static func interface(
    _ name: String, _ index: UInt32, _ addresses: [String], kind: String? = nil, master: UInt32? = nil
  ) throws -> NetworkInterface {
    NetworkInterface(
      name: try #require(InterfaceName(name)), index: index,
      addresses: try addresses.map { text in
        let parts = text.split(separator: "/")
        let address = try #require(IPAddress(parts[0]))
        return try #require(InterfaceAddress(address, prefixLength: Int(parts[1]) ?? 0))
      }, state: .up, kind: kind, master: master)
  }

  private static func listener(
    _ port: UInt16, _ transport: IPProtocol = .tcp, address: String = "0.0.0.0", bound: String? = nil
  ) throws -> Listener {
    Listener(
      protocol: transport, address: try #require(IPAddress(address)), isDualStack: false,
      boundInterface: bound.flatMap { InterfaceName($0) }, port: port,
      process: ProcessIdentity(pid: 7, name: "server", userID: 0, unit: nil, container: nil), inode: 9)
  }

  /// A host with `peers` (their AllowedIPs) in wg0.
  private static func basis(
    peers: [[String]], tables: [KernelTable] = [], listeners: [Listener] = [],
    own: [String] = ["10.13.13.1/24", "fd13:13::1/64"], uplink: String = "203.0.113.10/24",
    others: [NetworkInterface] = [], forwarding: FirstPolicy.Basis.Forwarding = .on,
    known: [FirstPolicy.KnownMachine] = []
  ) throws -> FirstPolicy.Basis {
    let wg0 = try #require(InterfaceName("wg0"))
    let interfaces =
      [
        try interface("eth0", 2, [uplink]), try interface("wg0", 3, own),
        try interface("enp5s0", 4, ["192.168.7.1/24"]),
      ] + others
    let device = WireGuardDevice(
      name: wg0, publicKey: nil, listenPort: 51820,
      peers: try peers.enumerated().map { number, allowed in
        WireGuardPeer(
          publicKey: try key(number + 1),
          endpoint: WireGuardEndpoint(
            address: try #require(IPAddress("198.51.100.\(number % 250 + 1)")), port: 51820),
          allowedIPs: try allowed.map { try #require(Prefix($0)) })
      })
    let addresses = Set(interfaces.flatMap(\.addresses).map(\.address))
    let routed = try ["10.13.13.0/24", "fd13:13::/64"].map { try #require(Prefix($0)) }
    let audited = AuditedHost(
      survey: HostSurvey(
        host: NamespaceSnapshot(
          identity: 1, kind: .host, snapshot: HostSnapshot(interfaces: interfaces, listeners: listeners)),
        others: []),
      tables: tables,
      environment: Host(own: addresses, routed: routed + device.peers.flatMap(\.allowedIPs)),
      tunnels: [wg0], tunnelPorts: [51820])
    var basis = FirstPolicy.Basis(
      name: "hub", today: "2026-11-24",
      audit: Audit(
        of: audited, by: nil, senders: FirstPolicy.senders(of: [device], on: interfaces, known: known)),
      interfaces: interfaces, devices: [device], uplinks: [try #require(InterfaceName("eth0"))],
      forwarding: forwarding)
    basis.host = audited
    basis.known = known
    return basis
  }

  private static let three = [
    ["10.13.13.2/32", "fd13:13::2/128", "192.168.1.0/24"], ["10.13.13.10/32", "fd13:13::10/128"],
    ["10.13.13.11/32", "fd13:13::11/128"],
  ]

  /// The policy of a text; it must be valid, and its tests must pass.
  private static func checked(_ text: String) throws -> Policy {
    let policy = try policy(text)
    let site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    let run = PolicyTestRun(site)
    #expect(
      run.failures.isEmpty,
      "\(run.failures.map { "\($0.location.line): \($0.expectation): \($0.because)" })\n\(text)")
    #expect(run.passed > 0)
    return policy
  }

  private static func passes(
    _ policy: Policy, from: String, to: String, _ transport: IPProtocol, _ port: UInt16 = 0
  ) throws -> Bool {
    let site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    let machine = try #require(policy.machine(named: "hub"))
    let wg0 = try #require(InterfaceName("wg0"))
    let destination = try #require(IPAddress(to))
    let packet = Packet(
      source: try #require(IPAddress(from)), destination: destination, transport: transport,
      destinationPort: port, input: wg0, destinationType: .unicast)
    let table = site.table(of: machine)
    let host = Host(
      own: Set(machine.addresses.flatMap(\.addresses)),
      routed: policy.tunnels.flatMap(\.prefixes) + policy.machines.flatMap(\.subnets))
    return PacketWalk([table]).arrival(packet, in: host).verdict == .accept
  }

  @Test("on a hub keeps what its peers reach of each other, and of the networks behind them")
  func hub() throws {
    let text = FirstPolicy(try Self.basis(peers: Self.three)).text
    let policy = try Self.checked(text)
    #expect(policy.tunnels.first?.hub == "hub")
    for (from, to) in [
      ("10.13.13.10", "10.13.13.2"), ("10.13.13.2", "10.13.13.10"), ("fd13:13::10", "fd13:13::2"),
      ("10.13.13.11", "10.13.13.10"), ("10.13.13.10", "192.168.1.20"), ("192.168.1.20", "10.13.13.11"),
      ("10.13.13.10", "192.168.7.20"),
    ] {
      #expect(try Self.passes(policy, from: from, to: to, .tcp, 5432), "\(from) \(to)")
      #expect(try Self.passes(policy, from: from, to: to, .udp, 65535), "\(from) \(to)")
      #expect(
        try Self.passes(policy, from: from, to: to, from.contains(":") ? .icmpv6 : .icmp), "\(from) \(to)")
    }
    #expect(try !Self.passes(policy, from: "198.51.100.66", to: "10.13.13.2", .tcp, 5432))
    #expect(try !Self.passes(policy, from: "10.13.13.10", to: "198.51.100.66", .tcp, 5432))
    #expect(text.contains("guess: this host forwards now"))
  }

  @Test("on a hub with rules keeps only what they let through")
  func filteringHub() throws {
    let site = try policy(
      """
      version: 1
      tunnels: { wg0: { prefixes: [10.13.13.0/24, "fd13:13::/64"], listen: 51820, hub: hub } }
      machines:
        hub: { addresses: { wg0: [10.13.13.1, "fd13:13::1"] } }
        store: { addresses: { wg0: [10.13.13.2, "fd13:13::2"] } }
        eric: { addresses: { wg0: [10.13.13.10, "fd13:13::10"] } }
      allow:
        - { to: store, services: [443/tcp], from: eric }
        - { to: hub, services: [22/tcp], from: eric }
      """)
    let own = CompiledSite(site, today: try #require(CalendarDate("2026-11-24"))).table(
      of: try #require(site.machine(named: "hub")))
    let basis = try Self.basis(
      peers: Self.three.map { $0.filter { !$0.hasPrefix("192") } }, tables: [own],
      listeners: [Self.listener(22)],
      known: try site.machines.map {
        FirstPolicy.KnownMachine(
          name: $0.name, addresses: $0.addresses.flatMap(\.addresses), key: try Self.key(99))
      })
    let text = FirstPolicy(basis).text
    let policy = try Self.checked(text)
    #expect(policy.grants.map(\.wordsTo) == [["hub"], ["store"]], "\(text)")
    #expect(policy.grants.map(\.wordsFrom) == [["eric"], ["eric"]])
    #expect(policy.grants.map { $0.services.map(\.name) } == [["22/tcp"], ["443/tcp"]])
  }

  @Test("does not examine every pair of many peers")
  func manyPeers() throws {
    let peers = (0..<400).map { ["10.13.\(13 + ($0 + 2) / 256).\(($0 + 2) % 256)/32"] }
    let text = FirstPolicy(try Self.basis(peers: peers, own: ["10.13.13.1/16"])).text
    let policy = try Self.checked(text)
    #expect(try Self.passes(policy, from: "10.13.13.77", to: "10.13.14.9", .tcp, 1))
  }

  @Test(
    "lets in the caller's own session from where it comes, and its tests agree",
    arguments: [
      ("10.13.13.10", "wg0", "peer-10-13-13-10"), ("10.13.13.77", "wg0", "wg0"),
      ("192.168.1.20", "wg0", "192.168.1.20"), ("192.168.7.20", "enp5s0", "lan"),
      ("198.51.100.66", "eth0", "198.51.100.66"), ("2001:db8::66", "eth0", "2001:db8::66"),
      ("203.0.113.66", "eth0", "203.0.113.66"), ("172.17.0.2", "docker0", "containers"),
      ("198.51.100.2", "eth0", "198.51.100.2"),
    ])
  func session(_ client: String, _ interface: String, _ word: String) throws {
    var basis = try Self.basis(
      peers: Self.three, listeners: [Self.listener(22), Self.listener(2222)],
      others: [Self.interface("docker0", 8, ["172.17.0.1/16"], kind: "bridge")])
    basis.fixedEndpoints = Set(basis.devices.flatMap(\.peers).map(\.publicKey))
    let address = try #require(IPAddress(client))
    let input = try #require(InterfaceName(interface))
    for port in [22, 2222] as [UInt16] {
      basis.session = FirstPolicy.Session(client: address, port: port, interface: input)
      let text = FirstPolicy(basis).text
      let policy = try Self.checked(text)
      #expect(policy.failsafe.contains { $0.wordsFrom == [word] }, "\(text)")
      let site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
      let view = site.view(of: try #require(policy.machine(named: "hub")))
      let server = address.family == .ipv4 ? "203.0.113.10" : "2001:db8::10"
      let lockOut = LockOut(
        session: RemoteSession(
          client: address, clientPort: 40000,
          server: try #require(IPAddress(interface == "wg0" ? "10.13.13.1" : server)),
          serverPort: port), interface: input, through: view)
      #expect(!lockOut.isLockedOut, "\(text)")
    }
  }

  @Test(
    "with everything in the tunnel accepts the internet through it, and the own network beside it",
    arguments: [
      (["0.0.0.0/0", "::/0"], "10.13.13.10/24"), (["0.0.0.0/0"], "10.13.13.10/32"),
      (["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"], "10.13.13.10/32"),
    ])
  func fullTunnel(_ allowed: [String], _ own: String) throws {
    for uplink in ["192.168.88.20/24", "203.0.113.20/24"] {
      var basis = try Self.basis(
        peers: [allowed], own: [own, "fd13:13::10/64"], uplink: uplink, forwarding: .off)
      basis.uplinks = [try #require(InterfaceName("wg0"))]
      let text = FirstPolicy(basis).text
      let policy = try Self.checked(text)
      let homes = AddressHomes(
        on: try #require(policy.machine(named: "hub")), tunnels: policy.tunnels, machines: policy.machines)
      func home(_ address: String) -> [String]? { Prefix(address).flatMap { homes.home(of: $0) }?.zones }
      #expect(home("9.9.9.9/32") == ["wg0"], "\(text)")
      #expect(home("10.13.13.1/32") == ["wg0"])
      #expect(allowed.count == 1 || home("2620:fe::fe/128") == ["wg0"])
      // WireGuard's own packets, the own network, and what is no unicast.
      #expect(home("198.51.100.1/32") == nil)
      #expect(home(uplink.split(separator: ".").prefix(3).joined(separator: ".") + ".1/32") != ["wg0"])
      #expect(home("224.0.0.251/32") == nil && home("255.255.255.255/32") == nil)
    }
  }

  @Test(
    "has 'listen' only for a port that stays the same",
    arguments: [
      (nil, 51820, false, true), (nil, 41234, false, false), (nil, 1194, false, true),
      (nil, 41234, true, true),
      (.fixed, 41234, false, true), (.absent, 51820, false, false),
    ] as [(FirstPolicy.Basis.WrittenPort?, UInt16, Bool, Bool)])
  func listenPort(
    _ written: FirstPolicy.Basis.WrittenPort?, _ port: UInt16, _ isServer: Bool, _ isListed: Bool
  )
    throws
  {
    var basis = try Self.basis(peers: [["10.13.13.0/24"]], own: ["10.13.13.10/24"])
    let device = basis.devices[0]
    let silent = [WireGuardPeer(publicKey: try Self.key(50), allowedIPs: [])]
    basis.devices = [
      WireGuardDevice(
        name: device.name, publicKey: nil, listenPort: port, peers: device.peers + (isServer ? silent : []))
    ]
    if let written { basis.writtenPorts = [device.name: written] }
    let policy = try Self.checked(FirstPolicy(basis).text)
    #expect(policy.tunnels.first?.listen == (isListed ? port : nil))
  }

  @Test("lets guests reach the servers of DNS and DHCP that listen for them, and no others")
  func guests() throws {
    let bridge = try Self.interface("virbr0", 9, ["192.168.122.1/24"], kind: "bridge")
    let both = FirstPolicy(
      try Self.basis(
        peers: Self.three,
        listeners: [
          Self.listener(53, .udp, address: "192.168.122.1"), Self.listener(53, address: "192.168.122.1"),
          Self.listener(67, .udp, bound: "virbr0"), Self.listener(22),
        ], others: [bridge])
    ).text
    #expect(
      try Self.checked(both).grants.contains {
        $0.wordsFrom == ["containers"] && $0.services.map(\.name) == ["dns", "dhcp"] && $0.wordsTo == ["hub"]
      }, "\(both)")
    let one = FirstPolicy(
      try Self.basis(peers: Self.three, listeners: [Self.listener(53, .udp)], others: [bridge])
    ).text
    #expect(
      try Self.checked(one).grants.filter { $0.wordsFrom == ["containers"] }.map { $0.services.map(\.name) }
        == [
          ["dns"]
        ])
    let none = FirstPolicy(
      try Self.basis(
        peers: Self.three, listeners: [Self.listener(53, .udp, address: "127.0.0.53"), Self.listener(22)],
        others: [bridge])
    ).text
    #expect(try Self.checked(none).grants.allSatisfy { $0.wordsFrom != ["containers"] })
  }

  @Test("has the bridges of guests that the doctor would report, with a port or an address")
  func guestBridges() throws {
    let others = [
      try Self.interface("guests", 9, ["172.30.0.1/16"], kind: "bridge"),
      try Self.interface("machines", 10, [], kind: "bridge"),
      try Self.interface("vnet0", 11, [], kind: "tun", master: 10),
      try Self.interface("site", 12, ["192.168.60.1/24"], kind: "bridge"),
      try Self.interface("enp7s0", 13, [], master: 12), try Self.interface("unused", 14, [], kind: "bridge"),
    ]
    let basis = try Self.basis(peers: Self.three, others: others)
    let policy = try Self.checked(FirstPolicy(basis).text)
    let hub = try #require(policy.machine(named: "hub"))
    let containers = try #require(hub.zone(named: Zone.containers)).interfaces.map(\.description)
    #expect(
      Set(containers).subtracting(DefaultContainers.interfaces.map(\.description)) == ["guests", "machines"])
    #expect(hub.zones.contains { $0.interfaces.map(\.description).contains("site") })
    let shared = Set(SharedBridges(basis.interfaces, outward: basis.uplinks).reasons.keys)
    #expect(
      UncoveredBridges(basis.interfaces, on: hub, of: policy, sharedBridges: shared).findings.isEmpty)
  }

  @Test("on a host with containers keeps traffic to fixed peers in the tunnel")
  func encryption() throws {
    let docker = try Self.interface("docker0", 9, ["172.17.0.1/16"], kind: "bridge")
    var basis = try Self.basis(peers: Self.three, listeners: [Self.listener(9000)], others: [docker])
    basis.fixedEndpoints = [try Self.key(1), try Self.key(2)]
    let text = FirstPolicy(basis).text
    let policy = try Self.checked(text)
    #expect(
      policy.encryptions.map(\.machines) == [["hub", "peer-10-13-13-10", "peer-10-13-13-2"]], "\(text)")
    #expect(policy.machine(named: "hub")?.endpoint == .addresses([try #require(IPAddress("203.0.113.10"))]))
    // Each closed port is named once.
    #expect(text.split(separator: "\n").filter { $0.contains("closed by this policy") }.count == 1)
    basis.fixedEndpoints = []
    #expect(try Self.checked(FirstPolicy(basis).text).encryptions.isEmpty)
  }

  @Test("has a peer of two tunnels as one machine, and two interfaces of one network in one zone")
  func twice() throws {
    var basis = try Self.basis(
      peers: Self.three,
      others: [Self.interface("wlan0", 8, ["192.168.7.2/24"]), Self.interface("wg1", 9, ["10.14.14.1/24"])])
    basis.devices.append(
      WireGuardDevice(
        name: try #require(InterfaceName("wg1")), publicKey: nil, listenPort: 51821,
        peers: [
          WireGuardPeer(
            publicKey: try Self.key(1),
            allowedIPs: [try #require(Prefix("10.14.14.2/32")), try #require(Prefix("192.168.1.0/24"))])
        ]))
    let policy = try Self.checked(FirstPolicy(basis).text)
    #expect(policy.machine(named: "peer-10-13-13-2")?.addresses.count == 2)
    #expect(policy.machine(named: "hub")?.zone(named: "lan")?.interfaces.count == 2)
  }

  // MARK: Suggestions

  /// Whether a comment is a line that only needs to be uncommented.
  private static func uncommented(_ line: Substring) -> String? {
    guard let place = line.firstIndex(of: "#"), line[..<place].allSatisfy({ $0 == " " }) else { return nil }
    let rest = line[line.index(after: place)...].drop { $0 == " " }
    let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
    let isEntry = !name.isEmpty && rest.dropFirst(name.count).hasPrefix(": {")
    return rest.hasPrefix("- {") || isEntry ? "\(line[..<place])\(rest)" : nil
  }

  @Test("suggests only lines that are valid", arguments: 1...60)
  func suggestions(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let networks = [
      "10.13.13.0/24", "0.0.0.0/0", "::/0", "192.168.7.0/24", "10.0.0.0/8", "172.16.0.0/12", "10.13.13.64/26",
      "fd13:13::/64", "192.168.0.0/16", "203.0.113.0/24", "224.0.0.0/4", "fe80::/64", "128.0.0.0/1",
    ]
    var used: Set<String> = []
    let peers = (0..<random.number(0...5)).map { number -> [String] in
      var allowed: [String] = []
      if random.oneIn(2) { allowed.append("10.13.13.\(number + 2)/32") }
      if random.oneIn(3) { allowed.append("fd13:13::\(number + 2)/128") }
      for _ in 0..<random.number(0...2) {
        let network = networks[random.number(0...(networks.count - 1))]
        if used.insert(network).inserted { allowed.append(network) }
      }
      return allowed
    }
    var basis = try Self.basis(
      peers: peers,
      listeners: random.oneIn(4) ? [] : [Self.listener(22), Self.listener(53, .udp), Self.listener(8080)],
      own: random.oneIn(6) ? [] : random.oneIn(2) ? ["10.13.13.1/24", "fd13:13::1/64"] : ["10.13.13.1/32"],
      uplink: random.oneIn(2) ? "203.0.113.10/24" : "192.168.88.2/24",
      others: random.oneIn(2) ? [] : [Self.interface("docker0", 8, ["172.17.0.1/16"], kind: "bridge")],
      forwarding: random.oneIn(2) ? .on : .off)
    if random.oneIn(2) { basis.fixedEndpoints = Set(basis.devices.flatMap(\.peers).map(\.publicKey)) }
    if random.oneIn(3) { basis.uplinks = [] }
    let clients = [
      ("10.13.13.3", "wg0"), ("192.168.7.9", "enp5s0"), ("198.51.100.66", "eth0"), ("198.51.100.1", "eth0"),
      ("fe80::7", "eth0"), ("fe80::7", "enp5s0"), ("172.20.1.1", "wg0"), ("127.0.0.1", "lo"),
    ]
    if !random.oneIn(3) {
      let (client, input) = clients[random.number(0...(clients.count - 1))]
      basis.session = FirstPolicy.Session(
        client: try #require(IPAddress(client)), port: 22, interface: InterfaceName(input))
    }
    let text = FirstPolicy(basis).text
    _ = try Self.checked(text)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var all: [String] = []
    for (number, line) in lines.enumerated() {
      guard let plain = Self.uncommented(line) else {
        all.append(String(line))
        continue
      }
      all.append(plain)
      var changed = lines.map { String($0) }
      changed[number] = plain
      #expect(throws: Never.self, "line \(number + 1) of\n\(text)") {
        try policy(changed.joined(separator: "\n"))
      }
    }
    #expect(throws: Never.self, "all lines of\n\(text)") { try policy(all.joined(separator: "\n")) }
  }
}
