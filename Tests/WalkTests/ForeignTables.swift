// SPDX-License-Identifier: GPL-3.0-or-later

import TestSupport

/// Somebody else's tables, as the program that made them was told: lines that must be, and rules of which each may be left
/// out.
struct ForeignTables: CustomStringConvertible {
  enum Loader: String {
    case nft
    case iptables = "iptables-nft-restore"
    case ip6tables = "ip6tables-nft-restore"
  }

  let name: String
  let loader: Loader
  var head: [String]
  var rules: [String]

  var text: String {
    let end = loader == .nft ? "" : "COMMIT\n"
    return (head + rules).joined(separator: "\n") + "\n" + end
  }

  var description: String { "# \(name), by \(loader.rawValue)\n\(text)" }

  struct Refused: Error, CustomStringConvertible { let description: String }

  /// Loads them. A rule that this machine's kernel or programs do not know is left out; all such are given back.
  func load() throws -> [String] {
    var own = self
    var left: [String] = []
    while true {
      let arguments = loader == .nft ? ["nft", "-f", "-"] : [loader.rawValue, "--noflush"]
      let result = try run(arguments, input: own.text)
      if result.status == 0 { return left }
      // nft: /dev/stdin:12:3-9: Error …; iptables: … line: 12, or "line 12 failed".
      let words = result.errors.split { ":- \n.".contains($0) }
      let numbers =
        loader == .nft
        ? words.compactMap { Int($0) }
        : words.indices.dropLast().filter { words[$0] == "line" }.compactMap { Int(words[$0 + 1]) }
      guard let line = numbers.first, own.rules.indices.contains(line - 1 - head.count), left.count < 40
      else {
        throw Refused(description: "\(loader.rawValue): \(result.errors)\n\(own.text)")
      }
      left.append(own.rules.remove(at: line - 1 - head.count))
    }
  }
}

/// Tables like those that Docker, ufw, firewalld and fail2ban make, and such as nobody makes, of a seed.
struct ForeignTableMaker {
  var random: SeededGenerator

  private static let ports = [22, 53, 80, 443, 2377, 5432, 8080, 8888, 9090]
  private static let v4 = [
    "10.13.13.0/24", "192.168.50.0/24", "203.0.113.0/24", "172.17.0.0/16", "198.51.100.7", "203.0.113.66",
    "10.0.0.0/8",
    "172.17.0.2", "192.168.50.10", "10.13.13.2", "203.0.113.10",
  ]
  private static let v6 = [
    "fd13:13::/64", "fd50::/64", "2001:db8:1::/64", "fd17::/64", "2001:db8:9::7", "2001:db8:1::66",
    "fd00::/8",
    "fd17::2", "fd50::10", "fd13:13::2", "2001:db8:1::10",
  ]
  private static let interfaces = ["wg0", "eth0", "lan0", "docker0"]

  private mutating func port() -> Int { random.one(of: Self.ports) }
  private mutating func address(_ isV6: Bool) -> String { random.one(of: isV6 ? Self.v6 : Self.v4) }
  private mutating func not() -> String { random.oneIn(4) ? "! " : "" }

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

  private func restore(_ isV6: Bool) -> ForeignTables.Loader { isV6 ? .ip6tables : .iptables }

  private mutating func docker(_ isV6: Bool) -> ForeignTables {
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

  private mutating func ufw(_ isV6: Bool) -> ForeignTables {
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

  // MARK: Random iptables

  private mutating func iptables(_ isV6: Bool) -> [ForeignTables] {
    let all: [(table: String, chains: [String])] = [
      ("raw", ["PREROUTING", "OUTPUT"]),
      ("mangle", ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
      ("filter", ["INPUT", "FORWARD", "OUTPUT"]), ("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ]
    return all.filter { _ in random.oneIn(2) }.map { table, chains in
      let own = "user-\(table)"
      var rules: [String] = []
      for _ in 0..<random.number(4...18) {
        let chain = random.oneIn(4) ? own : random.one(of: chains)
        rules.append(rule(isV6, table: table, chain: chain, own: chain == own ? nil : own))
      }
      return ForeignTables(
        name: "iptables \(table)", loader: restore(isV6), head: ["*\(table)", ":\(own) - [0:0]"], rules: rules
      )
    }
  }

  private mutating func rule(_ isV6: Bool, table: String, chain: String, own: String?) -> String {
    var words = ["-A \(chain)"]
    let transport = random.one(of: ["tcp", "tcp", "udp", isV6 ? "ipv6-icmp" : "icmp", ""])
    if random.oneIn(6) { words.append("\(not())-s \(address(isV6))") }
    if random.oneIn(5) { words.append("\(not())-d \(address(isV6))") }
    let hasInput = !["OUTPUT", "POSTROUTING"].contains(chain) && own != nil
    let hasOutput = ["OUTPUT", "POSTROUTING", "FORWARD"].contains(chain)
    if hasInput, random.oneIn(3) {
      words.append("\(not())-i \(random.one(of: Self.interfaces + ["lo", "wg+"]))")
    }
    if hasOutput, random.oneIn(3) {
      words.append("\(not())-o \(random.one(of: Self.interfaces + ["lo", "doc+"]))")
    }
    if !transport.isEmpty { words.append("-p \(transport)") }
    for _ in 0..<random.one(of: [0, 1, 1, 1, 2]) { words.append(match(isV6, transport, table: table)) }
    words.append(target(isV6, transport, table: table, chain: chain, own: own))
    return words.filter { !$0.isEmpty }.joined(separator: " ")
  }

  private mutating func match(_ isV6: Bool, _ transport: String, table: String) -> String {
    let hasPorts = transport == "tcp" || transport == "udp"
    switch random.number(0...15) {
    case 0 where hasPorts: return "-m \(transport) \(not())--dport \(port())"
    case 1 where hasPorts: return "-m \(transport) \(not())--sport 1024:\(random.number(10_000...50_000))"
    case 2 where hasPorts: return "-m multiport \(not())--dports \(port()),\(port()),1000:3000"
    case 3 where transport == "tcp":
      return "-m tcp \(not())--tcp-flags SYN,ACK,FIN,RST \(random.one(of: ["SYN", "ACK", "RST"]))"
    case 4:
      return
        "-m conntrack \(not())--ctstate \(random.one(of: ["NEW", "ESTABLISHED,RELATED", "INVALID", "DNAT", "SNAT", "UNTRACKED", "NEW,DNAT"]))"
    case 5: return "-m conntrack --ctdir \(random.one(of: ["ORIGINAL", "REPLY"]))"
    case 6 where hasPorts: return "-m conntrack --ctproto \(transport) \(not())--ctorigdstport \(port())"
    case 7: return "-m conntrack \(not())--ctorigdst \(address(isV6))"
    case 8: return "-m conntrack \(not())--ctreplsrc \(address(isV6))"
    case 9: return "-m addrtype \(not())--dst-type \(random.one(of: ["LOCAL", "UNICAST", "MULTICAST"]))"
    case 10: return "-m addrtype \(not())--src-type \(random.one(of: ["LOCAL", "UNICAST"]))"
    case 11: return "-m mark \(not())--mark \(random.one(of: ["0x0", "0x1", "0x1/0x1", "0x2/0xff"]))"
    case 12:
      return random.oneIn(2)
        ? "-m length --length 20:\(random.number(36...80))" : "-m connmark \(not())--mark 0x1/0x3"
    case 13:
      return isV6
        ? "-m iprange --src-range fd50::1-fd50::99"
        : "-m iprange \(not())--src-range 10.13.13.1-192.168.50.99"
    case 14:
      return random.one(of: [
        "-m limit --limit 9000/sec --limit-burst 9000", "-m comment --comment \"of somebody\"",
        "-m hashlimit --hashlimit-above 9000/sec --hashlimit-burst 9000 --hashlimit-mode srcip --hashlimit-name hl",
      ])
    case 15:
      return isV6
        ? (transport == "ipv6-icmp" ? "-m icmp6 \(not())--icmpv6-type 128" : "")
        : (transport == "icmp"
          ? "-m icmp \(not())--icmp-type \(random.one(of: ["8", "0", "3/1"]))"
          : "-m pkttype \(not())--pkt-type unicast")
    default: return ""
    }
  }

  private mutating func target(_ isV6: Bool, _ transport: String, table: String, chain: String, own: String?)
    -> String
  {
    let hasPorts = transport == "tcp" || transport == "udp"
    if let own, random.oneIn(4) { return random.oneIn(2) ? "-j \(own)" : "-g \(own)" }
    switch table {
    case "nat":
      let container = isV6 ? "fd17::2" : "172.17.0.2"
      let inner = hasPorts ? (isV6 ? "[\(container)]:\(port())" : "\(container):\(port())") : container
      let source = isV6 ? "2001:db8:1::10" : "203.0.113.10"
      switch chain {
      case "PREROUTING", "OUTPUT":
        return random.one(of: [
          "-j DNAT --to-destination \(inner)", hasPorts ? "-j REDIRECT --to-ports \(port())" : "-j REDIRECT",
          "-j ACCEPT",
          "-j RETURN",
        ])
      case "POSTROUTING":
        return random.one(of: ["-j MASQUERADE", "-j SNAT --to-source \(source)", "-j ACCEPT"])
      default: return random.one(of: ["-j ACCEPT", "-j RETURN"])
      }
    case "raw": return random.one(of: ["-j CT --notrack", "-j ACCEPT", "-j DROP", "-j RETURN", "-j NOTRACK"])
    case "mangle":
      return random.one(of: [
        "-j MARK --set-xmark 0x1/0xffffffff", "-j MARK --or-mark 0x2", "-j CONNMARK --save-mark",
        "-j CONNMARK --restore-mark",
        "-j CONNMARK --set-xmark 0x1/0x3", "-j RETURN", "-j ACCEPT", "-j DROP",
      ])
    default:
      let reset = transport == "tcp" ? "-j REJECT --reject-with tcp-reset" : "-j REJECT"
      return random.one(of: ["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j REJECT", reset, "-j RETURN", "-j LOG"])
    }
  }

  // MARK: nft

  private mutating func firewalld() -> ForeignTables {
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

  private mutating func native(_ number: Int) -> ForeignTables {
    let family = random.one(of: ["inet", "inet", "ip", "ip6"])
    let table = "\(family) native\(number)"
    let hooks = ["prerouting", "input", "forward", "output", "postrouting"]
    var head = [
      "table \(table) {", "set ports {", "type inet_service", "flags interval",
      "elements = { \(port()), 1000-2000 }", "}",
      "map portmarks {", "type inet_service : mark", "elements = { 22 : 1, 443 : 2, 8080 : 3 }", "}",
      "map pairs {", "type ifname . inet_service : verdict",
      "elements = { eth0 . 22 : jump side, eth0 . 80 : drop, wg0 . 5432 : accept }", "}",
      "set ranges {", "type inet_proto . inet_service", "flags interval",
      "elements = { tcp . 20-60, tcp . 8000-9000, udp . 50-5000 }", "}",
      "set many {", "type inet_proto . inet_service", "elements = { tcp . 22, udp . 53, tcp . \(port()) }",
      "}",
      "set dynamic1 {", "type inet_service", "size 65535", "flags dynamic", "}",
      "limit wide {", "rate 100000/second burst 100000 packets", "}",
    ]
    if family != "ip6" {
      head += [
        "set nets4 {", "type ipv4_addr", "flags interval", "auto-merge",
        "elements = { 10.13.13.0/25, 192.168.50.0/24, 203.0.113.64/26 }", "}",
        "map byaddr4 {", "type ipv4_addr : verdict", "flags interval",
        "elements = { 10.13.13.0/24 : accept, 203.0.113.66 : drop, 172.17.0.0/16 : jump side }", "}",
      ]
    }
    if family != "ip" {
      head += [
        "set nets6 {", "type ipv6_addr", "flags interval", "elements = { fd13:13::/64, 2001:db8:1::40/122 }",
        "}",
      ]
    }
    head += ["chain side {", "}", "chain deep {", "}"]
    var bases: [String] = []
    for index in 0..<random.number(2...5) {
      let hook = random.one(of: hooks)
      let priority = random.one(of: [-300, -250, -150, -100, -100, -95, -50, 0, 0, 0, 0, 50, 100, 100, 150])
      let policy = random.oneIn(12) ? "drop" : "accept"
      let type = hook == "output" && random.oneIn(4) ? "route" : "filter"
      head.append(
        "chain base\(index)-\(hook) { type \(type) hook \(hook) priority \(priority); policy \(policy);")
      head.append("}")
      bases.append("base\(index)-\(hook)")
    }
    head.append("}")
    var rules: [String] = []
    for _ in 0..<random.number(4...16) {
      let chain = random.oneIn(4) ? random.one(of: ["side", "deep"]) : random.one(of: bases)
      rules.append("add rule \(table) \(chain) \(nativeRule(family, chain))")
    }
    return ForeignTables(name: "native \(table)", loader: .nft, head: head, rules: rules)
  }

  private mutating func nativeRule(_ family: String, _ chain: String) -> String {
    let matches = (0..<random.one(of: [0, 1, 1, 1, 2, 2, 3])).map { _ in nativeMatch(family, chain) }.filter {
      !$0.isEmpty
    }
    var verdicts = [
      "accept", "accept", "drop", "counter", "return", "continue", "log", "meta mark set 0x1",
      "meta mark set meta mark or 0x2",
    ]
    if chain != "side", chain != "deep" {
      verdicts += ["jump side", "goto side", "jump deep"]
    } else {
      verdicts += ["drop"]
    }
    if chain == "side" { verdicts.append("jump deep") }
    if chain.hasSuffix("input") || chain.hasSuffix("forward") || chain.hasSuffix("output") {
      verdicts += [
        "reject", family == "inet" ? "reject with icmpx type admin-prohibited" : "reject",
        "meta l4proto tcp reject with tcp reset",
      ]
    }
    if chain.contains("-") { verdicts += ["ct mark set 0x1", "meta mark set ct mark"] }
    if chain.hasSuffix("prerouting") { verdicts.append("notrack") }
    return (matches + [random.one(of: verdicts)]).joined(separator: " ")
  }

  private mutating func nativeMatch(_ family: String, _ chain: String) -> String {
    let isV6 = family == "ip6" || (family == "inet" && random.oneIn(3))
    let ip = isV6 ? "ip6" : "ip"
    let no = random.oneIn(4) ? "!= " : ""
    let takesMaps = chain.contains("-")
    switch random.number(0...27) {
    case 0: return "iifname \(no)\(random.one(of: ["eth0", "wg0", "\"wg*\"", "lo"]))"
    case 1: return "oifname \(no)\(random.one(of: ["eth0", "docker0", "lan0"]))"
    case 2: return "tcp dport \(no)\(port())"
    case 3: return "th dport \(no){ \(port()), \(port()), 5000-6000 }"
    case 4: return "meta l4proto { tcp, udp } th dport \(no)@ports"
    case 5: return "\(ip) saddr \(no)\(address(isV6))"
    case 6: return "\(ip) daddr \(no)\(address(isV6))"
    case 7: return "\(ip) saddr \(no)@nets\(isV6 ? 6 : 4)"
    case 8:
      return
        "ct state \(random.one(of: ["new", "established,related", "invalid", "untracked", "!= established"]))"
    case 9: return "ct direction \(random.one(of: ["original", "reply"]))"
    case 10:
      return "ct status \(random.one(of: ["dnat", "snat", "& dnat == 0", "& seen-reply == seen-reply"]))"
    case 11: return "ct original \(ip) daddr \(no)\(address(isV6))"
    case 12: return "meta l4proto tcp ct original proto-dst \(no)\(port())"
    case 13: return "fib daddr type \(no)\(random.one(of: ["local", "unicast"]))"
    case 14: return "fib saddr type \(random.one(of: ["local", "unicast"]))"
    case 15: return "meta mark \(no)\(random.one(of: ["0x0", "0x1"]))"
    case 16: return "meta mark & 0x3 \(no.isEmpty ? "==" : "!=") \(random.number(0...3))"
    case 17:
      return takesMaps && !chain.contains("output") && !chain.contains("postrouting")
        ? "iifname . tcp dport vmap @pairs" : ""
    case 18: return takesMaps && family != "ip6" ? "ip saddr vmap @byaddr4" : ""
    case 19: return "meta l4proto . th dport \(no)@ranges"
    case 20: return "meta l4proto . th dport \(no)@many"
    case 21: return "tcp flags & (syn | ack) == \(random.one(of: ["syn", "ack", "syn | ack"]))"
    case 22:
      return random.one(of: [
        "limit rate 100000/second burst 100000 packets", "limit rate over 100000/second burst 100000 packets",
        "limit name \"wide\"",
      ])
    case 23: return "meta length \(random.one(of: ["< 40", "> 40", "<= 60", "40-60"]))"
    case 24: return "\(isV6 ? "ip6 hoplimit" : "ip ttl") \(random.one(of: ["< 64", "> 1", "64"]))"
    case 25:
      return "tcp dport vmap { 22 : continue, 80 : \(chain == "deep" ? "accept" : "jump deep"), 9090 : drop }"
    case 26: return "meta mark set tcp dport map @portmarks"
    default:
      return random.one(
        of: [
          "meta pkttype host", "meta protocol ip", "icmp type echo-request", "meta nfproto ipv4",
          "ct mark 0x1", "iif \"eth0\"", "udp length 14", "add @dynamic1 { tcp dport }", "rt type 0",
        ].filter {
          family == "inet"
            || (!$0.contains("icmp type") && !$0.contains("protocol ip") && !$0.contains("rt type"))
        })
    }
  }

  private mutating func nativeNAT() -> ForeignTables {
    let family = random.one(of: ["ip", "inet"])
    let table = "\(family) nativenat"
    let word = family == "inet" ? "ip " : ""
    var rules = [
      "add rule \(table) pre meta l4proto tcp \(word.isEmpty ? "" : "")dnat \(word)to tcp dport map { 8080 : 172.17.0.2, 8888 : 192.168.50.10 }",
      "add rule \(table) pre iifname eth0 tcp dport \(port()) dnat \(word)to 172.17.0.2:\(port())",
      "add rule \(table) pre udp dport \(port()) redirect to :\(port())",
      "add rule \(table) out tcp dport \(port()) ip daddr 203.0.113.66 dnat \(word)to 192.168.50.10",
      "add rule \(table) post oifname eth0 masquerade",
      "add rule \(table) post oifname lan0 ip saddr 10.13.13.0/24 snat \(word)to 192.168.50.1",
      "add rule \(table) pre meta l4proto tcp ct original proto-dst 22 accept",
    ]
    rules.shuffle(using: &random)
    return ForeignTables(
      name: "native nat", loader: .nft,
      head: [
        "table \(table) {",
        "chain pre { type nat hook prerouting priority \(random.one(of: [-110, -100, -50]));", "}",
        "chain out { type nat hook output priority -100;", "}",
        "chain post { type nat hook postrouting priority 100;", "}",
        "}",
      ], rules: Array(rules.prefix(random.number(1...6))))
  }
}
