// SPDX-License-Identifier: GPL-3.0-or-later

import TestSupport

/// Tables like those of Docker, ufw, firewalld and fail2ban, and tables unlike any program's, from a seed.
struct ForeignTableMaker {
  var random: SeededGenerator
  /// Which program loads tables of iptables.
  var variant = Variant.nft

  /// The programs of iptables.
  enum Variant {
    case nft
    case legacy
    /// Either of them, table by table.
    case mixed
  }

  init(random: SeededGenerator) {
    self.random = random
    let hasLegacy = ["iptables-legacy-restore", "ip6tables-legacy-restore"].allSatisfy(isInstalled)
    if self.random.oneIn(2), hasLegacy { variant = self.random.oneIn(2) ? .legacy : .mixed }
  }

  static let ports = [22, 53, 80, 443, 2377, 5432, 8080, 8888, 9090]
  static let v4 = [
    "10.13.13.0/24", "192.168.50.0/24", "203.0.113.0/24", "172.17.0.0/16", "198.51.100.7", "203.0.113.66",
    "10.0.0.0/8",
    "172.17.0.2", "192.168.50.10", "10.13.13.2", "203.0.113.10",
  ]
  static let v6 = [
    "fd13:13::/64", "fd50::/64", "2001:db8:1::/64", "fd17::/64", "2001:db8:9::7", "2001:db8:1::66",
    "fd00::/8",
    "fd17::2", "fd50::10", "fd13:13::2", "2001:db8:1::10",
  ]
  static let interfaces = ["wg0", "eth0", "lan0", "docker0"]

  mutating func port() -> Int { random.one(of: Self.ports) }
  mutating func address(_ isV6: Bool) -> String { random.one(of: isV6 ? Self.v6 : Self.v4) }
  mutating func not() -> String { random.oneIn(4) ? "! " : "" }

  /// Some tables.
  mutating func make() -> [ForeignTables] {
    var tables: [ForeignTables] = []
    for isV6 in [false, true] {
      if random.oneIn(2) { tables.append(docker(isV6)) }
      if !random.oneIn(3) { tables += iptables(isV6) }
      if random.oneIn(5) { tables.append(ufw(isV6)) }
    }
    if random.oneIn(5) { tables.append(firewalld()) }
    for number in 0..<random.number(0...3) { tables.append(native(number)) }
    if random.oneIn(2) { tables.append(nativeNAT()) }
    tables.shuffle(using: &random)
    return tables
  }

  mutating func restore(_ isV6: Bool) -> ForeignTables.Loader {
    let isLegacy =
      switch variant {
      case .nft: false
      case .legacy: true
      case .mixed: random.oneIn(2)
      }
    return isLegacy
      ? (isV6 ? .ip6tablesLegacy : .iptablesLegacy) : (isV6 ? .ip6tables : .iptables)
  }

  mutating func docker(_ isV6: Bool) -> ForeignTables {
    let (container, network, local) =
      isV6 ? ("fd17::2", "fd17::/64", "::1/128") : ("172.17.0.2", "172.17.0.0/16", "127.0.0.0/8")
    var rules = [
      "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
      "-A OUTPUT ! -d \(local) -m addrtype --dst-type LOCAL -j DOCKER",
      "-A POSTROUTING -s \(network) ! -o docker0 -j MASQUERADE",
    ]
    if random.oneIn(2) { rules.append("-A DOCKER -i docker0 -j RETURN") }
    for _ in 0..<random.number(1...3) {
      let (outer, inner) = (port(), port())
      let target = isV6 ? "[\(container)]:\(inner)" : "\(container):\(inner)"
      let transport = random.oneIn(4) ? "udp" : "tcp"
      rules.append(
        "-A DOCKER ! -i docker0 -p \(transport) -m \(transport) --dport \(outer) -j DNAT --to-destination \(target)"
      )
      rules.append(
        "-A POSTROUTING -s \(container) -d \(container) -p \(transport) -m \(transport) --dport \(inner) -j MASQUERADE"
      )
    }
    return ForeignTables(
      name: "docker nat", loader: restore(isV6), head: ["*nat", ":DOCKER - [0:0]"], rules: rules)
  }

  mutating func ufw(_ isV6: Bool) -> ForeignTables {
    let icmp = isV6 ? "-p ipv6-icmp -m icmp6 --icmpv6-type 128" : "-p icmp -m icmp --icmp-type 8"
    var rules = [
      "-A INPUT -j ufw-before-input", "-A INPUT -j ufw-user-input", "-A FORWARD -j ufw-before-forward",
      "-A ufw-before-input -i lo -j ACCEPT",
      "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A ufw-before-input -m conntrack --ctstate INVALID -j DROP", "-A ufw-before-input \(icmp) -j ACCEPT",
      "-A ufw-before-input -j ufw-not-local", "-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN",
      "-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN",
      "-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A ufw-user-limit -m limit --limit 9000/sec --limit-burst 9000 -j LOG --log-prefix \"[UFW LIMIT BLOCK] \"",
      "-A ufw-user-limit -j REJECT",
      isV6
        ? "-A ufw-before-input -m rt --rt-type 0 -j DROP" : "-A ufw-before-input -m ttl --ttl-lt 2 -j DROP",
      isV6
        ? "-A ufw-before-input -p ipv6-icmp -m hl --hl-eq 255 -j ACCEPT"
        : "-A ufw-before-input -m ttl --ttl-eq 63 -j DROP",
    ]
    for _ in 0..<random.number(1...5) {
      let verdict = random.one(of: ["ACCEPT", "ACCEPT", "DROP", "REJECT", "ufw-user-limit"])
      rules.append(
        "-A ufw-user-input -p tcp -m multiport --dports \(port()),\(port()) -s \(address(isV6)) -j \(verdict)"
      )
    }
    if random.oneIn(2) { rules.append("-A ufw-not-local -j DROP") }
    let policies = (0..<2).map { _ in random.oneIn(2) ? "DROP" : "ACCEPT" }
    return ForeignTables(
      name: "ufw", loader: restore(isV6),
      head: [
        "*filter", ":INPUT \(policies[0]) [0:0]", ":FORWARD \(policies[1]) [0:0]",
        ":ufw-before-input - [0:0]",
        ":ufw-user-input - [0:0]", ":ufw-before-forward - [0:0]", ":ufw-not-local - [0:0]",
        ":ufw-user-limit - [0:0]",
      ], rules: rules)
  }

  mutating func firewalld() -> ForeignTables {
    var rules = [
      "add rule inet firewalld filter_INPUT ct state { established, related } accept",
      "add rule inet firewalld filter_INPUT ct status dnat accept",
      "add rule inet firewalld filter_INPUT iifname \"lo\" accept",
      "add rule inet firewalld filter_INPUT ct state invalid drop",
      "add rule inet firewalld filter_INPUT jump filter_INPUT_ZONES",
      "add rule inet firewalld filter_FORWARD ct state { established, related } accept",
      "add rule inet firewalld filter_FORWARD ct status dnat accept",
      "add rule inet firewalld filter_FORWARD ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24 } reject with icmpv6 type addr-unreachable",
      "add rule inet firewalld filter_INPUT_ZONES iifname vmap { eth0 : goto public, lan0 : goto home, wg0 : goto trusted }",
      "add rule inet firewalld filter_PREROUTING meta nfproto ipv6 fib saddr . mark . iif oif missing drop",
      "add rule inet firewalld public tcp dport \(port()) accept",
      "add rule inet firewalld public udp dport \(port()) accept",
      "add rule inet firewalld home tcp dport { \(port()), 1000-2000 } accept",
      "add rule inet firewalld home ip saddr \(address(false)) accept",
      "add rule inet firewalld trusted accept",
      "add rule inet firewalld public meta l4proto { icmp, ipv6-icmp } accept",
      "add rule inet firewalld public reject with icmpx type admin-prohibited",
    ]
    if random.oneIn(2) {
      rules.append("add rule inet firewalld filter_INPUT reject with icmpx type admin-prohibited")
      rules.append("add rule inet firewalld filter_FORWARD reject with icmpx type admin-prohibited")
    }
    return ForeignTables(
      name: "firewalld", loader: .nft,
      head: [
        "table inet firewalld {",
        "chain filter_PREROUTING { type filter hook prerouting priority filter + 10;", "}",
        "chain filter_INPUT { type filter hook input priority filter + 10;", "}",
        "chain filter_FORWARD { type filter hook forward priority filter + 10;", "}",
        "chain filter_INPUT_ZONES {", "}",
        "chain public {", "}", "chain home {", "}", "chain trusted {", "}", "}",
      ], rules: rules)
  }
}
