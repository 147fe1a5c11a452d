// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk

extension WalkCase {
  private static func ipv4(_ lines: String) -> String { "# iptables-legacy-restore\n\(lines)\nCOMMIT\n" }
  private static func ipv6(_ lines: String) -> String { "# ip6tables-legacy-restore\n\(lines)\nCOMMIT\n" }

  private static func toHost6(
    _ port: UInt16, _ verdict: TraceVerdict, source: UInt16 = 4000, from: String = "2001:db8:1::66",
    transport: IPProtocol = .tcp
  ) -> Sent {
    Sent(
      input: "eth0", transport: transport, source: from, destination: "2001:db8:1::10", sourcePort: source,
      port: port, verdict: verdict)
  }

  private static func udp(
    _ input: String?, _ source: String, _ destination: String, _ port: UInt16 = 80, _ verdict: TraceVerdict,
    sourcePort: UInt16 = 4000
  ) -> Sent {
    Sent(
      input: input, transport: .udp, source: source, destination: destination, sourcePort: sourcePort,
      port: port,
      verdict: verdict)
  }

  /// Rules of both families that user chains, `RETURN` and `-g` need.
  private static let chains = """
    *filter
    :one - [0:0]
    :two - [0:0]
    :empty - [0:0]
    -A INPUT -j empty
    -A INPUT -p tcp -j one
    -A INPUT -p tcp --dport 81 -j DROP
    -A INPUT -p tcp --dport 85 -m comment --comment "no target"
    -A INPUT -p tcp -g two
    -A INPUT -p tcp --dport 82 -j DROP
    -A one -p tcp --dport 80 -j RETURN
    -A one -p tcp --dport 84 -j DROP
    -A one -p tcp --dport 86 -j two
    -A one -p tcp --dport 86 -j DROP
    -A two -p tcp --dport 83 -j DROP
    -A two -p tcp --dport 82 -j RETURN
    -A two -p tcp --dport 86 -g empty
    -A two -p tcp --dport 86 -j REJECT
    """

  /// Tables of legacy iptables.
  static let legacy: [WalkCase] = [
    WalkCase(
      testDescription: "the policy of a legacy chain drops what no rule accepts",
      tables: [ipv4("*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 80 -j ACCEPT")],
      packets: [toHost(80, .accept), toHost(81, .drop, source: 4001)]),
    WalkCase(
      testDescription: "the policy of a legacy chain of IPv6 drops what no rule accepts",
      tables: [ipv6("*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dport 80 -j ACCEPT")],
      packets: [toHost6(80, .accept), toHost6(81, .drop, source: 4001), toHost(81, .accept)]),
    WalkCase(
      testDescription: "legacy chains return to the rule after the jump, and after a goto to the one before",
      tables: [ipv4(chains)],
      packets: [
        toHost(80, .accept), toHost(81, .drop, source: 4001), toHost(82, .accept, source: 4002),
        toHost(83, .drop, source: 4003), toHost(84, .drop, source: 4004), toHost(85, .accept, source: 4005),
        toHost(86, .drop, source: 4006),
      ]),
    WalkCase(
      testDescription: "legacy chains of IPv6 return in the same way",
      tables: [ipv6(chains)],
      packets: [
        toHost6(80, .accept), toHost6(81, .drop, source: 4001), toHost6(82, .accept, source: 4002),
        toHost6(83, .drop, source: 4003), toHost6(84, .drop, source: 4004),
        toHost6(85, .accept, source: 4005),
        toHost6(86, .drop, source: 4006),
      ]),
    WalkCase(
      testDescription:
        "legacy rules invert addresses, interfaces and protocols, and compare beginnings of names",
      tables: [
        ipv4(
          """
          *filter
          -A INPUT ! -s 203.0.113.64/30 -p udp --dport 80 -j DROP
          -A INPUT ! -d 203.0.113.10 -p udp --dport 81 -j DROP
          -A INPUT ! -i eth+ -p udp --dport 82 -j DROP
          -A INPUT -i et+ -p udp --dport 83 -j DROP
          -A INPUT ! -i eth0 -p udp --dport 84 -j DROP
          -A INPUT ! -p udp -j REJECT
          -A INPUT -i eth0+ -p udp --dport 85 -j DROP
          -A INPUT -f -p udp -j DROP
          -A FORWARD ! -o do+ -p udp --dport 80 -j DROP
          -A FORWARD -i doc+ -o eth0 -p udp --dport 81 -j DROP
          -A FORWARD -s 172.17.1.2/255.255.0.255 -j DROP
          """)
      ],
      packets: [
        udp("eth0", "203.0.113.66", "203.0.113.10", 80, .accept),
        udp("eth0", "203.0.113.68", "203.0.113.10", 80, .drop),
        udp("eth0", "203.0.113.66", "203.0.113.10", 81, .accept),
        udp("eth0", "203.0.113.66", "10.13.13.1", 81, .drop),
        udp("eth0", "203.0.113.66", "203.0.113.10", 82, .accept),
        udp("lan0", "192.168.50.10", "203.0.113.10", 82, .drop),
        udp("eth0", "203.0.113.66", "203.0.113.10", 83, .drop),
        udp("eth0", "203.0.113.66", "203.0.113.10", 84, .accept),
        udp("docker0", "172.17.0.2", "203.0.113.10", 84, .drop),
        udp("eth0", "203.0.113.66", "203.0.113.10", 85, .drop), toHost(80, .reject, source: 4001),
        udp("lan0", "192.168.50.10", "172.17.0.2", 80, .accept),
        udp("docker0", "172.17.0.2", "192.168.50.10", 80, .drop),
        udp("docker0", "172.17.0.3", "198.51.100.7", 81, .drop),
        udp("docker0", "172.17.0.3", "192.168.50.10", 81, .accept),
        udp("docker0", "172.17.9.2", "192.168.50.10", 82, .drop),
      ]),
    WalkCase(
      testDescription: "legacy rules of IPv6 invert addresses, interfaces and protocols",
      tables: [
        ipv6(
          """
          *filter
          -A INPUT ! -s 2001:db8:1::/64 -p udp --dport 80 -j DROP
          -A INPUT ! -d 2001:db8:1::10 -p udp --dport 81 -j DROP
          -A INPUT ! -i eth+ -p udp --dport 82 -j DROP
          -A INPUT ! -p udp -m conntrack --ctstate NEW -j DROP
          -A INPUT -s 2001:db8:1::66/ffff:ffff:ffff:ffff::00ff -p udp --dport 83 -j DROP
          """)
      ],
      packets: [
        toHost6(80, .accept, transport: .udp),
        toHost6(80, .drop, source: 4001, from: "2001:db8:9::7", transport: .udp),
        udp("eth0", "2001:db8:1::66", "fd50::1", 81, .drop),
        udp("lan0", "fd50::10", "2001:db8:1::10", 82, .drop, sourcePort: 4002),
        toHost6(82, .accept, source: 4003, transport: .udp), toHost6(80, .drop, source: 4004),
        toHost6(83, .drop, source: 4005, transport: .udp),
        toHost6(83, .drop, source: 4006, from: "2001:db8:1::77:66", transport: .udp),
        toHost6(83, .accept, source: 4007, from: "2001:db8:1::67", transport: .udp),
      ]),
    WalkCase(
      testDescription: "matches and rejections of legacy tables are those of iptables-nft",
      tables: [
        ipv4(
          """
          *filter
          -A INPUT -p tcp -m multiport --dports 80,90:99 -j DROP
          -A INPUT -p tcp --dport 100 -m conntrack --ctstate NEW -j REJECT --reject-with tcp-reset
          -A INPUT -m addrtype --dst-type LOCAL -p tcp --dport 101 -j REJECT
          -A INPUT -m addrtype ! --dst-type LOCAL -p tcp --dport 102 -j REJECT
          -A INPUT -p tcp --dport 103 -m iprange --src-range 203.0.113.60-203.0.113.70 -j DROP
          -A INPUT -p tcp --dport 104 -m state --state NEW -j DROP
          -A INPUT -p tcp --dport 105 -m limit --limit 100/second -j LOG
          -A INPUT -p tcp --dport 106 --syn -j DROP
          """),
        ipv6(
          """
          *filter
          -A INPUT -p tcp -m multiport ! --dports 80,90:99 -j REJECT
          -A INPUT -p tcp --dport 90 -m conntrack --ctstate NEW -j REJECT --reject-with tcp-reset
          -A INPUT -m addrtype --dst-type LOCAL -p tcp --dport 91 -j DROP
          """),
      ],
      packets: [
        toHost(80, .drop), toHost(95, .drop, source: 4001), toHost(100, .reject, source: 4002),
        toHost(101, .reject, source: 4003), toHost(102, .accept, source: 4004),
        toHost(103, .drop, source: 4005),
        toHost(104, .drop, source: 4006), toHost(105, .accept, source: 4007),
        toHost(106, .drop, source: 4008),
        toHost6(80, .accept), toHost6(81, .reject, source: 4001), toHost6(90, .reject, source: 4002),
        toHost6(91, .drop, source: 4003),
      ]),
    WalkCase(
      testDescription: "legacy tables translate, and later chains see the translated packet",
      tables: [
        ipv4(
          """
          *nat
          -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
          -A PREROUTING -p tcp --dport 8081 -j REDIRECT --to-ports 81
          -A POSTROUTING -s 172.17.0.0/16 -o eth0 -j MASQUERADE
          -A POSTROUTING -s 172.17.0.0/16 -o lan0 -j SNAT --to-source 192.168.50.77
          -A OUTPUT -p udp --dport 82 -j DNAT --to-destination 192.168.50.10
          """),
        ipv4(
          """
          *filter
          :FORWARD DROP [0:0]
          -A FORWARD -p tcp -d 172.17.0.2 --dport 80 -m conntrack --ctstate DNAT -j ACCEPT
          -A FORWARD -p udp -s 172.17.0.2 -j ACCEPT
          -A INPUT -p tcp --dport 81 -m conntrack --ctstate DNAT -j REJECT
          """),
      ],
      packets: [
        toHost(8080, .accept), toHost(8081, .reject, source: 4001), toHost(81, .accept, source: 4002),
        udp("docker0", "172.17.0.2", "198.51.100.7", 80, .accept),
        udp("docker0", "172.17.0.2", "192.168.50.10", 80, .accept),
        udp("docker0", "172.17.0.3", "192.168.50.10", 80, .drop),
        udp(nil, "203.0.113.10", "203.0.113.66", 82, .accept),
      ]),
    WalkCase(
      testDescription: "legacy tables of IPv6 translate",
      tables: [
        ipv6(
          """
          *nat
          -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination [fd17::2]:80
          -A PREROUTING -p tcp --dport 8081 -j REDIRECT --to-ports 81
          -A POSTROUTING -s fd17::/64 -o eth0 -j MASQUERADE
          -A POSTROUTING -s fd17::/64 -o lan0 -j SNAT --to-source fd50::77
          """),
        ipv6("*filter\n-A INPUT -p tcp --dport 81 -j DROP\n-A FORWARD -p tcp ! --dport 80 -j DROP"),
      ],
      packets: [
        toHost6(8080, .accept), toHost6(8081, .drop, source: 4001),
        udp("docker0", "fd17::2", "2001:db8:9::9", 80, .accept),
        udp("docker0", "fd17::2", "fd50::10", 80, .accept),
      ]),
    WalkCase(
      testDescription: "a mark of a legacy table is seen by later rules and by the route lookup",
      tables: [
        ipv4(
          """
          *mangle
          -A PREROUTING -p tcp --dport 80 -j MARK --set-mark 7
          -A PREROUTING -p tcp --dport 80 -m mark --mark 7 -j CONNMARK --save-mark
          -A OUTPUT -p udp --sport 4001 -j MARK --set-mark 7
          -A POSTROUTING -p udp --sport 4001 -o lan0 -j DROP
          -A POSTROUTING -p udp --sport 4002 -o lan0 -j DROP
          """),
        ipv4(
          "*filter\n-A INPUT -m mark --mark 7 -m connmark --mark 7 -j DROP\n-A OUTPUT -p udp --sport 4002 -j MARK --set-mark 7"
        ),
      ],
      setup: [
        ["ip", "route", "add", "default", "dev", "lan0", "table", "100"],
        ["ip", "rule", "add", "fwmark", "7", "table", "100"],
      ],
      packets: [
        toHost(80, .drop), toHost(81, .accept, source: 4003),
        udp(nil, "203.0.113.10", "198.51.100.7", 80, .drop, sourcePort: 4001),
        udp(nil, "203.0.113.10", "198.51.100.7", 80, .accept, sourcePort: 4002),
      ]),
    WalkCase(
      testDescription:
        "the legacy table raw excludes packets from conntrack, and the table security comes last",
      tables: [
        ipv4(
          "*raw\n-A PREROUTING -p tcp --dport 80 -j CT --notrack\n-A PREROUTING -p tcp --dport 81 -j DROP"),
        ipv4(
          "*security\n-A INPUT -m conntrack --ctstate UNTRACKED -j DROP\n-A INPUT -p tcp --dport 82 -j DROP"),
        ipv4("*filter\n-A INPUT -p tcp --dport 82 -j REJECT"),
      ],
      packets: [
        toHost(80, .drop), toHost(81, .drop, source: 4001), toHost(82, .reject, source: 4002),
        toHost(83, .accept, source: 4003),
      ]),
    WalkCase(
      testDescription: "a packet passes the legacy table and the table of iptables-nft with the same name",
      tables: [
        "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 80 -j DROP\n-A INPUT -p tcp --dport 82 -j ACCEPT\nCOMMIT\n",
        ipv4("*filter\n-A INPUT -p tcp --dport 81 -j DROP\n-A INPUT -p tcp --dport 82 -j ACCEPT"),
        table("ip late", "c { type filter hook input priority 10;\ntcp dport 82 reject"),
      ],
      packets: [toHost(80, .drop), toHost(81, .drop, source: 4001), toHost(82, .reject, source: 4002)]),
    WalkCase(
      testDescription:
        "the order of a newer legacy chain and one of nf_tables with equal priority is not guessed",
      tables: [
        table("ip look", "c { type filter hook input priority 0;\ntcp dport { 80, 81 } reject"),
        ipv4("*filter\n-A INPUT -p tcp --dport 80 -j DROP\n-A INPUT -p tcp --dport 81 -j ACCEPT"),
      ],
      packets: [
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10", port: 80,
          verdict: .undetermined, ordered: .drop),
        toHost(81, .reject, source: 4001),
      ]),
    WalkCase(
      testDescription:
        "the order of an older legacy chain and one of nf_tables with equal priority is not guessed",
      tables: [
        ipv4("*filter\n-A INPUT -p tcp --dport 80 -j DROP\n-A INPUT -p tcp --dport 81 -j ACCEPT"),
        table("ip look", "c { type filter hook input priority 0;\ntcp dport { 80, 81 } reject"),
      ],
      packets: [
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10", port: 80,
          verdict: .undetermined, ordered: .reject),
        toHost(81, .reject, source: 4001),
      ]),
    WalkCase(
      testDescription: "legacy nat chains and those of nf_tables run at one place, by priority",
      tables: [
        ipv4(
          """
          *nat
          -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
          -A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:81
          -A PREROUTING -p tcp --dport 8082 -j ACCEPT
          -A POSTROUTING -s 172.17.0.2 -j SNAT --to-source 203.0.113.10
          """),
        table(
          "ip early",
          "c { type nat hook prerouting priority -101;\ntcp dport 8080 dnat to 192.168.50.10\ntcp dport 8083 accept"
        ),
        table(
          "ip late",
          "c { type nat hook prerouting priority -99;\ntcp dport 8080-8083 dnat to 192.168.50.11"),
        table(
          "ip look", "c { type filter hook forward priority 0;\nip daddr 192.168.50.11 tcp dport 8081 drop"),
      ],
      packets: [
        toHost(8080, .accept), toHost(8081, .accept, source: 4001), toHost(8082, .accept, source: 4002),
        toHost(8083, .accept, source: 4003), udp("docker0", "172.17.0.2", "198.51.100.7", 80, .accept),
      ]),
    WalkCase(
      testDescription:
        "of a legacy nat chain and one of nf_tables with equal priority, it is not guessed which binds",
      tables: [
        table(
          "ip nat", "c { type nat hook prerouting priority -100;\ntcp dport 8080-8081 dnat to 192.168.50.10"),
        ipv4(
          """
          *nat
          -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2
          -A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination 192.168.50.10
          -A PREROUTING -p tcp --dport 8082 -j DNAT --to-destination 172.17.0.2
          """),
      ],
      packets: [
        toHost(8080, .undetermined), toHost(8081, .accept, source: 4001), toHost(8082, .accept, source: 4002),
      ]),
  ]
}
