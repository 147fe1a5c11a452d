// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import PacketWalk
import Testing

/// What a kernel does in one point, which the walk must predict: a few rules, a few packets.
struct WalkCase: CustomTestStringConvertible {
  let testDescription: String
  /// Loaded one after another: input for nft, for iptables-nft-restore if it begins with `*`, or for the program that its first
  /// line names after `# `.
  let tables: [String]
  /// Programs to run first, as words.
  var setup: [[String]] = []
  /// By interface that the setup makes, the interface below it, to whose far end packets go.
  var below: [String: String] = [:]
  /// Sent one after another.
  let packets: [Sent]

  /// A packet, and its verdict.
  struct Sent {
    /// The input interface; nil if the host sends it.
    let input: String?
    let transport: IPProtocol
    let source: String
    let destination: String
    var sourcePort: UInt16 = 4000
    var port: UInt16 = 80
    var flags: TCPFlags = .syn
    var hopLimit: UInt8 = 64
    /// The TCP option of a maximum segment size in bytes; nil for a packet without options.
    var segmentSize: UInt16?
    let verdict: TraceVerdict
    /// The verdict if the kernel reports in which order it calls chains of equal priority, and it is another one then.
    var ordered: TraceVerdict?
  }

  /// The program that loads a table's text, if its first line names it.
  static func program(of text: String) -> String? {
    text.hasPrefix("# ") ? String(text.dropFirst(2).prefix { $0 != "\n" }) : nil
  }

  static func table(_ name: String, _ chains: String...) -> String {
    "table \(name) {\n\(chains.map { "chain \($0)\n}" }.joined(separator: "\n"))\n}\n"
  }

  static func toHost(_ port: UInt16 = 8080, _ verdict: TraceVerdict, source: UInt16 = 4000) -> Sent {
    Sent(
      input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10", sourcePort: source,
      port: port,
      verdict: verdict)
  }

  static let all: [WalkCase] = hooks + frames + routes + legacy + inUse + options

  private static let hooks: [WalkCase] = [
    WalkCase(
      testDescription: "the newer of two filter chains of equal priority runs first",
      tables: [
        table("ip one", "c { type filter hook input priority 0;\ntcp dport 8080 reject"),
        table("ip two", "c { type filter hook input priority 0;\ntcp dport 8080 drop"),
      ], packets: [toHost(8080, .drop)]),
    WalkCase(
      testDescription: "the newer of two nat chains of equal priority binds",
      tables: [
        table(
          "inet zone", "c { type nat hook prerouting priority -100;\ntcp dport 8080 dnat ip to 192.168.50.10"),
        table(
          "ip docker", "c { type nat hook prerouting priority -100;\ntcp dport 8080 dnat to 172.17.0.2:80"),
      ], packets: [toHost(8080, .accept)]),
    WalkCase(
      testDescription: "nat chains run at one place, whatever their priority",
      tables: [
        table(
          "ip nat", "late { type nat hook prerouting priority 50;\ntcp dport 8080 dnat to 192.168.50.10",
          "early { type nat hook prerouting priority -150;\ntcp dport 8080 dnat to 172.17.0.2:80"),
        table("ip look", "c { type filter hook prerouting priority -99;\ntcp dport 8080 drop"),
      ], packets: [toHost(8080, .accept)]),
    WalkCase(
      testDescription:
        "a filter chain directly after the translation sees the new port, one directly before it the old",
      tables: [
        table("ip nat", "c { type nat hook prerouting priority -100;\ntcp dport 8080 dnat to 172.17.0.2:80"),
        table(
          "ip look", "behind { type filter hook prerouting priority -99;\ntcp dport 80 ct status dnat drop",
          "before { type filter hook prerouting priority -101;\ntcp dport 80 accept\ntcp dport 9090 reject"),
      ], packets: [toHost(8080, .drop), toHost(80, .accept, source: 4001)]),
    WalkCase(
      testDescription:
        "a filter chain made after the first nat chain sees the packet untranslated at the same priority",
      tables: [
        table("inet nat", "c { type nat hook prerouting priority -100;"),
        table("ip look", "c { type filter hook postrouting priority 100;\nip saddr 172.17.0.3 drop"),
        table("ip nat", "c { type nat hook postrouting priority 100;\nip saddr 172.17.0.0/16 masquerade"),
      ],
      packets: [
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.3", destination: "10.13.13.2", verdict: .drop)
      ]),
    WalkCase(
      testDescription: "an untracked packet is not translated",
      tables: [
        table("ip raw", "c { type filter hook prerouting priority -300;\nnotrack"),
        table("ip nat", "c { type nat hook prerouting priority -100;\ntcp dport 8080 dnat to 172.17.0.2:80"),
        table("ip look", "c { type filter hook input priority 0;\nct state untracked tcp dport 8080 drop"),
      ], packets: [toHost(8080, .drop)]),
    WalkCase(
      testDescription: "a packet that conntrack found invalid can be set to untracked afterwards",
      tables: [
        table("ip late", "c { type filter hook prerouting priority -95;\nnotrack"),
        table("ip look", "c { type filter hook input priority 0;\nct state untracked drop"),
      ],
      packets: [
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10", flags: [],
          verdict: .drop),
        toHost(8080, .accept, source: 4001),
      ]),
    WalkCase(
      testDescription: "an untracked packet stays untracked over the loopback interface",
      tables: [
        "*raw\n-A PREROUTING -p tcp -j NOTRACK\n-A PREROUTING -m conntrack ! --ctstate UNTRACKED -j DROP\nCOMMIT\n"
      ],
      packets: [
        Sent(
          input: nil, transport: .tcp, source: "10.13.13.1", destination: "203.0.113.10", flags: [],
          verdict: .accept),
        Sent(input: nil, transport: .tcp, source: "10.13.13.1", destination: "203.0.113.10", verdict: .drop),
      ]),
    WalkCase(
      testDescription: "a protocol in no concatenated range does not match, whatever bytes are at its port",
      tables: [
        "table ip look {\nset ranges {\ntype inet_proto . inet_service\nflags interval\nelements = { tcp . 20-60, udp . 50-5000 }\n}\nchain c { type filter hook input priority 0;\nmeta l4proto . th dport @ranges drop\n}\n}\n"
      ],
      packets: [
        Sent(
          input: "eth0", transport: .esp, source: "203.0.113.66", destination: "203.0.113.10",
          verdict: .accept),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", verdict: .drop),
      ]),
    WalkCase(
      testDescription: "a packet before conntrack is invalid and has no direction",
      tables: [
        table(
          "ip raw",
          "c { type filter hook prerouting priority -300;\nct direction original drop\ntcp dport 8080 ct state invalid drop"
        )
      ], packets: [toHost(8080, .drop), toHost(80, .accept, source: 4001)]),
    WalkCase(
      testDescription: "a packet from the host to itself keeps its route and its connection",
      tables: [
        table(
          "ip raw",
          "c { type filter hook prerouting priority -300;\niifname lo ct state new accept\niifname lo drop")
      ],
      packets: [
        Sent(input: nil, transport: .udp, source: "10.13.13.1", destination: "203.0.113.10", verdict: .accept)
      ]),
    WalkCase(
      testDescription: "masquerade over the loopback interface takes another interface's address",
      tables: ["*nat\n-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\nCOMMIT\n"],
      packets: [
        Sent(input: nil, transport: .udp, source: "172.17.0.1", destination: "203.0.113.10", verdict: .accept)
      ]),
    WalkCase(
      testDescription:
        "rules after a DNAT at output still see the first interface, rules at postrouting the new one",
      tables: [
        table("ip nat", "c { type nat hook output priority -100;\nudp dport 80 dnat to 192.168.50.10"),
        table(
          "ip look", "out { type filter hook output priority 0;\nudp sport 4001 oifname \"eth0\" drop",
          "post { type filter hook postrouting priority 0;\nudp sport 4002 oifname \"lan0\" drop"),
      ],
      packets: [
        Sent(
          input: nil, transport: .udp, source: "203.0.113.10", destination: "203.0.113.66", verdict: .accept),
        Sent(
          input: nil, transport: .udp, source: "203.0.113.10", destination: "203.0.113.66", sourcePort: 4001,
          verdict: .drop),
        Sent(
          input: nil, transport: .udp, source: "203.0.113.10", destination: "203.0.113.66", sourcePort: 4002,
          verdict: .drop),
      ]),
    WalkCase(
      testDescription:
        "a mark set by a route chain causes a new route lookup, a mark set by a filter chain does not",
      tables: [
        table("ip marking", "c { type route hook output priority -150;\nudp sport 4001 meta mark set 7"),
        table("ip late", "c { type filter hook output priority -150;\nudp sport 4002 meta mark set 7"),
        table(
          "ip look",
          "c { type filter hook postrouting priority 0;\nudp sport 4001 oifname \"lan0\" drop\nudp sport 4002 oifname \"lan0\" drop"
        ),
      ],
      setup: [
        ["ip", "route", "add", "default", "dev", "lan0", "table", "100"],
        ["ip", "rule", "add", "fwmark", "7", "table", "100"],
      ],
      packets: [
        Sent(
          input: nil, transport: .udp, source: "203.0.113.10", destination: "198.51.100.7", sourcePort: 4001,
          verdict: .drop),
        Sent(
          input: nil, transport: .udp, source: "203.0.113.10", destination: "198.51.100.7", sourcePort: 4002,
          verdict: .accept),
      ]),
    WalkCase(
      testDescription: "a mark set at prerouting selects the route of a forwarded packet",
      tables: [
        table("ip marking", "c { type filter hook prerouting priority -150;\nudp dport 81 meta mark set 7")
      ],
      setup: [
        ["ip", "route", "add", "default", "dev", "lan0", "table", "100"],
        ["ip", "rule", "add", "fwmark", "7", "table", "100"],
      ],
      packets: [
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7",
          verdict: .accept),
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7", port: 81,
          verdict: .accept),
      ]),
    WalkCase(
      testDescription:
        "the hop limit is decremented before the forward chains, and a packet with hop limit 1 is dropped",
      tables: [table("ip look", "c { type filter hook forward priority 0;\nip ttl 63 drop")],
      packets: [
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7", verdict: .drop
        ),
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7",
          sourcePort: 4001,
          hopLimit: 1, verdict: .drop),
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7",
          sourcePort: 4002,
          hopLimit: 2, verdict: .accept),
      ]),
    WalkCase(
      testDescription: "Docker's DNAT, the replies to it, and the chain that tests the original port",
      tables: [
        "*nat\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n",
        "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -p tcp -m conntrack --ctdir ORIGINAL --ctorigdstport 8080 -j ACCEPT\nCOMMIT\n",
      ],
      packets: [
        toHost(8080, .accept),
        Sent(
          input: "docker0", transport: .tcp, source: "172.17.0.2", destination: "203.0.113.66",
          sourcePort: 80, port: 4000,
          flags: [.syn, .ack], verdict: .accept),
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10", port: 8080,
          flags: .ack,
          verdict: .accept),
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "172.17.0.2", sourcePort: 4005,
          verdict: .drop),
      ]),
    WalkCase(
      testDescription:
        "a rate of iptables is assumed to be within its limit: `limit` matches, `hashlimit-above` does not",
      tables: [
        "*filter\n-A INPUT -p tcp -m tcp --dport 22 -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name x -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\n-A INPUT -p tcp -m limit --limit 5/sec -j REJECT\nCOMMIT\n"
      ], packets: [toHost(22, .drop), toHost(80, .reject, source: 4001)]),
    WalkCase(
      testDescription:
        "a destination that a rule writes before conntrack is routed, and conntrack sees only it",
      tables: [
        table(
          "ip raw", "c { type filter hook prerouting priority -300;\ntcp dport 80 ip daddr set 172.17.0.2"),
        table(
          "ip look", "in { type filter hook input priority 0; policy drop;",
          "out { type filter hook forward priority 0;\nct original ip daddr != 172.17.0.2 drop"),
      ], packets: [toHost(80, .accept), toHost(81, .drop, source: 4001)]),
    WalkCase(
      testDescription: "a source that a rule writes after conntrack changes the packet, not its connection",
      tables: [
        table(
          "ip look",
          "c { type filter hook input priority -10;\ntcp dport 80 ip saddr set 192.0.2.9",
          "d { type filter hook input priority 0;\nip saddr 192.0.2.9 ct original ip saddr 203.0.113.66 drop")
      ], packets: [toHost(80, .drop), toHost(81, .accept, source: 4001)]),
    WalkCase(
      testDescription: "a port that a rule writes is seen by later rules",
      tables: [
        table(
          "inet raw",
          "c { type filter hook prerouting priority -300;\nudp dport 53 udp dport set 5353\nudp dport 54 udp sport set 99",
          "d { type filter hook input priority 0;\nudp dport 5353 drop\nudp sport 99 drop")
      ],
      packets: [53, 54, 55].map { port in
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", port: port,
          verdict: port == 55 ? .accept : .drop)
      }),
    WalkCase(
      testDescription: "a hop limit that a rule writes decides whether the packet is forwarded",
      tables: [
        table(
          "ip raw",
          "c { type filter hook prerouting priority -300;\nudp dport 81 ip ttl set 1\nudp dport 82 ip ttl set 9",
          "d { type filter hook forward priority 0;\nip ttl 8 drop")
      ],
      packets: [80, 81, 82].map { port in
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7", port: port,
          verdict: port == 80 ? .accept : .drop)
      }),
    WalkCase(
      testDescription: "a zone that a rule sets is that of the connection",
      tables: [
        table("ip raw", "c { type filter hook prerouting priority -300;\ntcp dport 80 ct zone set 5"),
        table("ip look", "c { type filter hook input priority 0;\nct zone 5 drop"),
      ], packets: [toHost(80, .drop), toHost(81, .accept, source: 4001)]),
    WalkCase(
      testDescription: "a zone that a rule sets after conntrack has no effect",
      tables: [
        table("ip raw", "c { type filter hook prerouting priority -100;\ntcp dport 80 ct zone set 5"),
        table("ip look", "c { type filter hook input priority 0;\nct zone 5 drop"),
      ], packets: [toHost(80, .accept)]),
    WalkCase(
      testDescription: "a packet type that a rule sets is seen by later rules",
      tables: [
        table(
          "ip raw", "c { type filter hook prerouting priority -300;\ntcp dport 80 meta pkttype set multicast"),
        table("ip look", "c { type filter hook input priority 0;\nmeta pkttype multicast drop"),
      ], packets: [toHost(80, .drop)]),
    WalkCase(
      testDescription: "a rule that writes a TCP option ends there for UDP",
      tables: [
        table(
          "ip look",
          "c { type filter hook input priority 0; policy drop;\ntcp option maxseg size set 1300 accept")
      ],
      packets: [
        toHost(80, .accept),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", verdict: .drop),
      ]),
    WalkCase(
      testDescription: "what a rule adds to a set is found there by a later rule, what it deletes is not",
      tables: [
        """
        table ip look {
        set seen { type ipv4_addr; flags dynamic; size 16; timeout 1m; }
        set gone { type ipv4_addr; flags dynamic; size 16; elements = { 203.0.113.66 } }
        set rates { type ipv4_addr; flags dynamic; size 16; }
        map marks { type ipv4_addr : mark; flags dynamic; size 16; }
        chain a { type filter hook prerouting priority -150;
        tcp dport 80 add @seen { ip saddr }
        tcp dport 81 delete @gone { ip saddr }
        tcp dport 82 add @marks { ip saddr : 7 }
        tcp dport 83 add @rates { ip saddr limit rate 5/minute }
        }
        chain b { type filter hook input priority 0;
        tcp dport 80 ip saddr @seen drop
        tcp dport 81 ip saddr != @gone drop
        meta mark set ip saddr map @marks
        meta mark 7 drop
        tcp dport 83 ip saddr @rates drop
        tcp dport 83 ip saddr @seen accept
        }
        }

        """
      ],
      packets: [
        toHost(80, .drop), toHost(81, .drop, source: 4001), toHost(82, .drop, source: 4002),
        toHost(83, .drop, source: 4003),
      ]),
    WalkCase(
      testDescription: "one connection is above a count of none, and one packet above a quota of less",
      tables: [
        table(
          "ip look",
          "c { type filter hook input priority 0;\ntcp dport 80 ct count over 0 drop\ntcp dport 81 quota over 10 bytes drop"
            + "\ntcp dport 82 limit rate over 10 bytes/second burst 1 bytes drop\ntcp dport 83 quota over 1 mbytes drop"
        )
      ],
      packets: [
        toHost(80, .drop), toHost(81, .drop, source: 4001), toHost(82, .drop, source: 4002),
        toHost(83, .accept, source: 4003),
      ]),
    WalkCase(
      testDescription: "a port that the kernel takes at random is not predicted",
      tables: [
        table(
          "ip nat",
          "c { type nat hook postrouting priority 100;\nudp dport 80 masquerade random\nudp dport 81 masquerade"
        ),
        table("ip look", "c { type filter hook postrouting priority 200;\nudp sport 4000-4001 drop"),
      ],
      packets: [
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7",
          verdict: .undetermined),
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7",
          sourcePort: 4001, port: 81, verdict: .drop),
      ]),
    WalkCase(
      testDescription: "IPv6 packets of a source that is valid on its link alone are not forwarded",
      tables: [],
      packets: [("fe80::77", .drop), ("fd17::2", .accept)].map { (source: String, verdict: TraceVerdict) in
        Sent(
          input: "docker0", transport: .udp, source: source, destination: "2001:db8:9::9", verdict: verdict)
      }),
    WalkCase(
      testDescription: "of 0.0.0.0/8 only the first address is a broadcast address",
      tables: [
        table("ip raw", "c { type filter hook prerouting priority -300;\nfib saddr type broadcast drop")
      ],
      packets: [
        Sent(
          input: "eth0", transport: .udp, source: "0.1.2.3", destination: "203.0.113.10", verdict: .accept)
      ]),
    WalkCase(
      testDescription: "a packet that did not come out of IPsec says so",
      tables: [
        table("ip look", "c { type filter hook input priority 0;\ntcp dport 80 meta ipsec missing drop")
      ], packets: [toHost(80, .drop)]),
    WalkCase(
      testDescription: "an address that a rule records is found by the next rule that asks for it",
      tables: [
        """
        *filter
        -A INPUT -p tcp --dport 80 -m recent --set --name a
        -A INPUT -p tcp --dport 80 -m recent --rcheck --name a -j DROP
        -A INPUT -p tcp --dport 81 -m recent --set --name b
        -A INPUT -p tcp --dport 81 -m recent --remove --name b
        -A INPUT -p tcp --dport 81 -m recent --rcheck --name b -j DROP
        -A INPUT -p tcp --dport 82 -m recent --update --seconds 60 --hitcount 4 --name c -j DROP
        -A INPUT -p tcp --dport 83 -m recent --rcheck --name d -j DROP
        COMMIT

        """
      ],
      packets: [
        toHost(80, .drop), toHost(81, .accept, source: 4001), toHost(82, .accept, source: 4002),
        toHost(83, .accept, source: 4003),
      ]),
    WalkCase(
      testDescription:
        "a rule of which it is not known whether it matches does not matter if the packet ends in the same way",
      tables: [
        """
        *filter
        :INPUT DROP [0:0]
        :seen - [0:0]
        -A INPUT -p tcp --dport 80 -m mac --mac-source 02:00:00:00:00:77 -j DROP
        -A INPUT -p tcp --dport 81 -m mac --mac-source 02:00:00:00:00:77 -j seen
        -A INPUT -p tcp --dport 81 -j ACCEPT
        -A INPUT -p tcp --dport 82 -m mac --mac-source 02:00:00:00:00:77 -j ACCEPT
        -A INPUT -p tcp --dport 83 -m mac --mac-source 02:00:00:00:00:77 -j ACCEPT
        -A INPUT -p tcp --dport 83 -m mac ! --mac-source 02:00:00:00:00:77 -j ACCEPT
        -A INPUT -p tcp --dport 83 -j ACCEPT
        -A INPUT -p tcp --dport 84 -m mac --mac-source 02:00:00:00:00:77 -j REJECT
        -A INPUT -p tcp --dport 84 -j REJECT --reject-with tcp-reset
        -A seen -j MARK --set-mark 5
        COMMIT

        """
      ],
      packets: [
        toHost(80, .drop), toHost(81, .accept, source: 4001), toHost(82, .undetermined, source: 4002),
        toHost(83, .accept, source: 4003), toHost(84, .undetermined, source: 4004),
      ]),
    WalkCase(
      testDescription:
        "a random number that selects a verdict does not matter if all of them lead to the same end",
      tables: [
        """
        table ip look {
        chain one { drop
        }
        chain two { counter drop
        }
        chain c { type filter hook input priority 0;
        tcp dport 80 numgen random mod 2 vmap { 0 : jump one, 1 : goto two }
        tcp dport 80 drop
        tcp dport 81 numgen random mod 2 vmap { 0 : jump one, 1 : accept }
        }
        }

        """
      ], packets: [toHost(80, .drop), toHost(81, .undetermined, source: 4001)]),
    WalkCase(
      testDescription: "a translation that may be bound or not matters",
      tables: [
        """
        *nat
        -A PREROUTING -p tcp --dport 80 -m mac --mac-source 02:00:00:00:00:77 -j DNAT --to-destination 172.17.0.2:80
        COMMIT

        """
      ], packets: [toHost(80, .undetermined), toHost(81, .accept, source: 4001)]),
    WalkCase(
      testDescription: "rpfilter asks by which interface a reply would leave",
      tables: [
        """
        *raw
        -A PREROUTING -p udp --dport 80 -m rpfilter --invert -j DROP
        -A PREROUTING -p udp --dport 81 -m rpfilter --loose --invert -j DROP
        -A PREROUTING -p udp --dport 82 -m rpfilter --validmark -j ACCEPT
        -A PREROUTING -p udp --dport 82 -j DROP
        COMMIT

        """
      ],
      packets: [
        ("docker0", "172.17.0.2", 80, .accept), ("docker0", "192.168.50.9", 80, .drop),
        ("docker0", "192.168.50.9", 81, .accept), ("docker0", "172.17.0.3", 82, .accept),
        ("docker0", "198.51.100.77", 82, .drop),
      ].map { (input: String, source: String, port: UInt16, verdict: TraceVerdict) in
        Sent(
          input: input, transport: .udp, source: source, destination: "203.0.113.66", port: port,
          verdict: verdict)
      }),
    WalkCase(
      testDescription:
        "a target that sets the hop limit decides whether the packet is forwarded, one that sets DSCP does not",
      tables: [
        """
        *mangle
        -A PREROUTING -p udp --dport 80 -j DSCP --set-dscp 8
        -A PREROUTING -p udp --dport 81 -j TTL --ttl-set 1
        -A PREROUTING -p udp --dport 82 -j TTL --ttl-dec 63
        -A PREROUTING -p udp --dport 83 -j TTL --ttl-inc 1
        -A FORWARD -p udp --dport 83 -m ttl --ttl-eq 64 -j DROP
        COMMIT

        """
      ],
      packets: [80, 81, 82, 83].map { port in
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7", port: port,
          verdict: port == 80 ? .accept : .drop)
      }),
  ]
}
