// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import TestSupport

/// Makes random hosts: cards, bridges with guests, tunnels, routes, servers, and tables of other programs.
struct RandomHost {
  var random: SeededGenerator
  var parts: [HostPart] = []
  /// The interfaces that the host has, with their networks: for policies that fit, or nearly.
  var cards: [(name: String, networks: [String])] = []
  var bridges: [(name: String, networks: [String])] = []
  var tunnels: [(name: String, networks: [String])] = []
  /// The addresses of the host.
  var own: [IPAddress] = []
  var ports: [String: UInt16] = [:]

  private static let cardPlans: [(name: String, addresses: [String], gateways: [String])] = [
    ("eth0", ["203.0.113.10/24", "2001:db8:1::10/64"], ["203.0.113.1", "2001:db8:1::1"]),
    ("enp5s0", ["192.168.1.10/24", "fd68:1::10/64"], ["192.168.1.1", "fd68:1::1"]),
    ("wlan0", ["10.0.0.5/24", "fd00:a::5/64"], ["10.0.0.1", "fd00:a::1"]),
  ]
  private static let bridgePlans: [(name: String, addresses: [String])] = [
    ("docker0", ["172.17.0.1/16", "fd17::1/64"]), ("br-1a2b3c", ["172.18.0.1/16"]),
    ("virbr0", ["192.168.122.1/24", "fd22::1/64"]), ("vmnet1", ["10.50.0.1/24", "fd50::1/64"]),
    ("lab-br", ["192.168.1.129/25"]), ("podman1", ["10.13.13.129/28"]),
  ]
  private static let tunnelPlans: [(name: String, addresses: [String], port: UInt16)] = [
    ("wg0", ["10.13.13.2/24", "fd13::2/64"], 51820), ("wg1", ["10.14.0.2/24", "fd14::2/64"], 51821),
    ("tailscale0", ["100.64.0.5/10"], 41641),
  ]

  init(_ random: SeededGenerator) { self.random = random }

  mutating func make() {
    addCards()
    addBridges()
    addTunnels()
    addServices()
    addTables()
    for family in AddressFamily.allCases where random.oneIn(8) { parts.append(.noForwarding(family)) }
    if random.oneIn(3) { parts.append(.bridgedFrames) }
    if random.oneIn(5) { parts.append(.reversePath) }
  }

  private mutating func address(_ text: String, on name: InterfaceName, leased: Bool = false) {
    guard let prefix = Self.interfaceAddress(text) else { return }
    parts.append(leased ? .lease(name, prefix) : .address(name, prefix))
    own.append(prefix.address)
  }

  static func interfaceAddress(_ text: String) -> InterfaceAddress? {
    let halves = text.split(separator: "/")
    guard halves.count == 2, let address = IPAddress(halves[0]), let length = Int(halves[1]) else {
      return nil
    }
    return InterfaceAddress(address, prefixLength: length)
  }

  static func network(_ text: String) -> String {
    interfaceAddress(text)?.network.description ?? text
  }

  private mutating func families(_ addresses: [String]) -> [String] {
    switch random.number(0...5) {
    case 0: addresses.filter { !$0.contains(":") }
    case 1: addresses.filter { $0.contains(":") }
    default: addresses
    }
  }

  private mutating func addCards() {
    let plans = Array(Self.cardPlans.shuffled(using: &random).prefix(random.one(of: [1, 1, 2, 2, 3])))
    let outward = random.oneIn(8) ? nil : random.number(0...plans.count - 1)
    for (index, plan) in plans.enumerated() {
      guard let card = InterfaceName(plan.name) else { continue }
      var holder = card
      if random.oneIn(5) {
        // The card is in a bridge, which has the addresses.
        let name = random.one(of: ["br0", "br-lan", "vmbr0"])
        guard let bridge = InterfaceName(name), !parts.contains(.bridge(bridge)) else { continue }
        parts += [.bridge(bridge), .port(card, of: bridge, .network)]
        if random.oneIn(2), let port = InterfaceName("tap\(index)") {
          parts.append(.port(port, of: bridge, .guest))
        }
        holder = bridge
      } else {
        parts.append(.card(card))
      }
      var addresses = families(plan.addresses)
      if random.oneIn(5) { addresses.append(random.one(of: ["10.77.\(index).9/24", "fd77:\(index)::9/64"])) }
      addresses.shuffle(using: &random)
      let leased = random.oneIn(3)
      for text in addresses { address(text, on: holder, leased: leased && !text.contains(":")) }
      cards.append((holder.description, addresses.map(Self.network)))
      guard index == outward else { continue }
      for gateway in plan.gateways {
        guard let gateway = IPAddress(gateway),
          let all = Prefix(gateway.family == .ipv4 ? "0.0.0.0/0" : "::/0")
        else { continue }
        parts.append(.route(all, by: gateway, holder))
      }
    }
    if let first = cards.first, let name = InterfaceName(first.name), random.oneIn(6),
      let route = Prefix("192.168.50.0/24"), let gateway = IPAddress("192.168.1.1") ?? own.first
    {
      parts.append(.route(route, by: random.oneIn(2) ? gateway : nil, name))
    }
  }

  private mutating func addBridges() {
    let plans = Self.bridgePlans.shuffled(using: &random).prefix(random.one(of: [0, 1, 1, 2, 3]))
    for (index, plan) in plans.enumerated() {
      guard let bridge = InterfaceName(plan.name) else { continue }
      parts.append(.bridge(bridge))
      for guest in 0..<random.one(of: [0, 1, 2, 2]) {
        guard let port = InterfaceName("vnet\(index)\(guest)") else { continue }
        parts.append(.port(port, of: bridge, .guest))
      }
      let addresses = families(plan.addresses)
      for text in addresses { address(text, on: bridge) }
      bridges.append((plan.name, addresses.map(Self.network)))
    }
  }

  private mutating func addTunnels() {
    let plans = Self.tunnelPlans.filter { $0.name == "wg0" ? !random.oneIn(6) : random.oneIn(4) }
    for plan in plans {
      guard let name = InterfaceName(plan.name) else { continue }
      parts.append(.tunnel(name))
      let addresses = families(plan.addresses)
      for text in addresses { address(text, on: name) }
      tunnels.append((plan.name, addresses.map(Self.network)))
      let port = random.oneIn(3) ? UInt16(random.number(33000...60000)) : plan.port
      ports[plan.name] = port
      let endpoints = [
        "198.51.100.7:51820", "203.0.113.77:51820", "[2001:db8:9::7]:51820", "192.168.1.50:5000",
        "[fd68:1::50]:51820", "10.13.13.77:51820", "192.168.50.4:51820",
      ]
      let peers = (0..<random.number(0...2)).compactMap { _ in WireGuardEndpoint(random.one(of: endpoints)) }
      let mark: UInt32 = random.oneIn(3) ? 0xca6c : 0
      parts.append(.device(name, port: port, mark: mark, peers: peers.unique))
      parts.append(.server(port: port, at: nil))
      if mark != 0, random.oneIn(3) {
        parts.append(.unmarked(name, mark: mark))
      } else if random.oneIn(6) {
        // Everything through the tunnel, except its own packets.
        for half in ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"] {
          if let half = Prefix(half) { parts.append(.route(half, by: nil, name)) }
        }
        for peer in peers {
          let out = parts.compactMap { part -> (IPAddress?, InterfaceName)? in
            guard case .route(let all, let gateway, let card) = part, all.length == 0,
              all.family == peer.address.family
            else { return nil }
            return (gateway, card)
          }.first
          if let out { parts.append(.route(Prefix(peer.address), by: out.0, out.1)) }
        }
      } else if random.oneIn(3), let subnet = Prefix(random.one(of: ["192.168.77.0/24", "10.0.0.0/16"])) {
        parts.append(.route(subnet, by: nil, name))
      }
    }
  }

  private mutating func addServices() {
    let places = [
      "9.9.9.10", "2620:fe::fe", "192.168.1.1", "fd68:1::1", "10.13.13.1", "fd13::1", "203.0.113.1",
      "10.0.0.1", "172.17.0.9", "192.168.77.3", "10.50.0.3",
    ].compactMap { IPAddress($0) }
    for _ in 0..<random.number(0...2) { parts.append(.nameServer(random.one(of: places))) }
    for _ in 0..<random.number(0...1) { parts.append(.timeServer(random.one(of: places))) }
    let clients = [
      "192.168.1.50", "fd68:1::50", "203.0.113.50", "2001:db8:1::50", "198.51.100.9", "2001:db8:9::9",
      "10.13.13.10", "fd13::10", "172.17.0.2", "10.0.0.50", "192.168.77.4", "100.64.0.9",
    ].compactMap { IPAddress($0) }
    for _ in 0..<random.number(0...3) {
      let client = random.one(of: clients)
      let servers = own.filter { $0.family == client.family }
      if !servers.isEmpty { parts.append(.session(client: client, server: random.one(of: servers))) }
    }
    for port: UInt16 in [53, 67] where random.oneIn(2) {
      let address = random.oneIn(2) && !own.isEmpty ? random.one(of: own) : nil
      if port == 53 || address?.family != .ipv6 { parts.append(.server(port: port, at: address)) }
    }
    if let card = cards.first.flatMap({ InterfaceName($0.name) }), random.oneIn(3) {
      let groups = ["224.0.0.5", "224.0.0.18", "ff02::5", "ff02::12", "239.1.1.1"].compactMap {
        IPAddress($0)
      }
      for _ in 0..<2 { parts.append(.group(card, random.one(of: groups))) }
    }
  }

  private mutating func addTables() {
    let out = cards.last?.name ?? "eth0"
    let bridge = bridges.first?.name ?? "docker0"
    let fours = own.filter { $0.family == .ipv4 }
    let four = fours.isEmpty ? "203.0.113.10" : random.one(of: fours).description
    let texts = [
      "table ip masq {\nchain post { type nat hook postrouting priority 100;\noifname \"\(out)\" masquerade\n}\n}",
      "table ip6 masq {\nchain post { type nat hook postrouting priority 100;\noifname \"\(out)\" masquerade\n}\n}",
      "table ip docker {\nchain post { type nat hook postrouting priority 100;\nip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade\n}\n"
        + "chain forward { type filter hook forward priority 0; policy drop;\nct state established,related accept\niifname \"docker0\" accept\n}\n}",
      "table inet proxy {\nchain pre { type nat hook prerouting priority -100;\niifname \"\(bridge)\" tcp dport 443 redirect to :8443\n}\n}",
      "table inet dnsproxy {\nchain pre { type nat hook prerouting priority -100;\nudp dport 53 redirect to :5353\n}\n}",
      "table ip owndns {\nchain out { type nat hook output priority -100;\nudp dport 53 redirect to :5353\n}\n}",
      "table ip otherdns {\nchain out { type nat hook output priority -100;\nudp dport 53 dnat to 192.168.1.1\n}\n}",
      "table inet strict {\nchain in { type filter hook input priority 0; policy drop;\nct state established,related accept\niifname lo accept\n"
        + "udp dport { 67, 68, 51820 } accept\nicmpv6 type { 133, 134, 135, 136 } accept\n}\n}",
      "table inet strictout {\nchain out { type filter hook output priority 0;\nudp dport { 123, 51820 } drop\n}\n}",
      "table inet untracked {\nchain pre { type filter hook prerouting priority -300;\nudp dport 53 notrack\nudp sport 53 notrack\n}\n"
        + "chain out { type filter hook output priority -300;\nudp dport 53 notrack\nudp sport 53 notrack\n}\n}",
      "table inet invalid {\nchain pre { type filter hook prerouting priority -150;\nct state invalid drop\n}\n}",
      "table ip6 noforward {\nchain forward { type filter hook forward priority 0; policy drop;\n}\n}",
      "table ip guestsnat {\nchain post { type nat hook postrouting priority 100;\nip saddr 10.50.0.0/24 snat to \(four)\n}\n}",
      // These see the source that the kernel chose, and a destination before it is translated back.
      "table ip source {\nchain out { type filter hook output priority 0;\nip saddr \(four) drop\n}\n}",
      "table ip target {\nchain pre { type filter hook prerouting priority -300;\nip saddr 9.9.9.9 ip daddr \(four) drop\n}\n}",
    ]
    for _ in 0..<random.one(of: [0, 0, 1, 1, 2, 3]) {
      let part = HostPart.table(random.one(of: texts))
      if !parts.contains(part) { parts.append(part) }
    }
  }
}
