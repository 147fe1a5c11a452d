// SPDX-License-Identifier: GPL-3.0-or-later

import TestSupport

/// Random rules of nft, with sets, maps, marks, limits and address translations.
extension ForeignTableMaker {
  mutating func native(_ number: Int) -> ForeignTables {
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

  mutating func nativeRule(_ family: String, _ chain: String) -> String {
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

  mutating func nativeMatch(_ family: String, _ chain: String) -> String {
    let isV6 = family == "ip6" || (family == "inet" && random.oneIn(3))
    let ip = isV6 ? "ip6" : "ip"
    let no = random.oneIn(4) ? "!= " : ""
    let takesMaps = chain.contains("-")
    switch random.number(0...28) {
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
    case 27:
      return "tcp option "
        + random.one(of: [
          "maxseg size 1-535", "maxseg size \(no)1000-65535", "maxseg exists", "maxseg missing",
          "md5sig missing",
          "sack length 10", "timestamp exists",
        ])
    default:
      return random.one(
        of: [
          "meta pkttype host", "meta protocol ip", "icmp type echo-request", "meta nfproto ipv4",
          "ct mark 0x1", "ct packets > 3", "ct bytes < 100000", "iif \"eth0\"",
          "meta hour \"0\(random.number(0...9)):15\"-\"\(random.number(10...23)):45\"",
          "meta hour < \"12:00\"",
          "meta day \(no)\(random.one(of: ["Monday", "Tuesday", "Saturday"]))",
          "meta time \(random.one(of: ["<", ">"])) \"2030-01-01 00:00:00\"", "udp length 14",
          "add @dynamic1 { tcp dport }", "rt type 0",
        ].filter {
          family == "inet"
            || (!$0.contains("icmp type") && !$0.contains("protocol ip") && !$0.contains("rt type"))
        })
    }
  }

  mutating func nativeNAT() -> ForeignTables {
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
