// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset

/// What rulesets in use have: chance, matches and targets of iptables, zones, and what the corpus found.
extension WalkCase {
  static let inUse: [WalkCase] = [
    WalkCase(
      testDescription: "a packet of 127.0.0.1 that is translated to another host is not sent",
      tables: [
        table("ip nat", "c { type nat hook output priority -100;\nudp dport 81 dnat to 172.17.0.2:80")
      ],
      packets: [(80, .accept), (81, .drop)].map { (port: UInt16, verdict: TraceVerdict) in
        Sent(
          input: nil, transport: .udp, source: "127.0.0.1", destination: "203.0.113.10", port: port,
          verdict: verdict)
      }),
    WalkCase(
      testDescription: "what a random number decides is accepted if each of its numbers is",
      tables: [
        """
        table ip nat {
        chain web { type nat hook prerouting priority -100;
        tcp dport 80 dnat to numgen random mod 3 map { 0 : 172.17.0.2, 1 : 172.17.0.3, 2 : 192.168.50.10 }
        tcp dport 81 dnat to 172.17.0.2-172.17.0.5
        tcp dport 82 dnat to jhash ip saddr mod 2 map { 0 : 172.17.0.2, 1 : 172.17.0.3 }
        tcp dport 83 numgen inc mod 2 vmap { 0 : goto one, 1 : goto two }
        }
        chain one { dnat to 172.17.0.2
        }
        chain two { dnat to 192.168.50.77
        }
        }

        """,
        table("ip look", "c { type filter hook forward priority 0;\ntcp dport 83 oifname lan0 drop"),
      ],
      packets: [80, 81, 82, 83].map { port in
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10",
          sourcePort: 4000 + port, port: port, verdict: port == 83 ? .undetermined : .accept)
      }),
    WalkCase(
      testDescription: "a port of a range is one of them, and stays if it is in the range",
      tables: [
        """
        table ip nat {
        chain web { type nat hook prerouting priority -100;
        tcp dport 80 dnat to 172.17.0.2:8080-8083
        tcp dport 81 dnat to 172.17.0.2:8090-8093
        tcp dport 8102 dnat to 172.17.0.2:8100-8109
        tcp dport 82 redirect to :9000-9005
        }
        }

        """,
        table(
          "ip look",
          "c { type filter hook forward priority 0;\ntcp dport 8091 drop\ntcp dport { 8100-8101, 8103-8109 } drop"
        ),
      ],
      packets: [(80, .accept), (81, .undetermined), (8102, .accept), (82, .accept)].map {
        (port: UInt16, verdict: TraceVerdict) in
        Sent(
          input: "eth0", transport: .tcp, source: "203.0.113.66", destination: "203.0.113.10",
          sourcePort: 4000 + port % 100, port: port, verdict: verdict)
      }),
    WalkCase(
      testDescription: "statistic leads to one of several translations, and to a verdict if that is the same",
      tables: [
        """
        *nat
        -A PREROUTING -p tcp --dport 80 -m statistic --mode random --probability 0.5 -j DNAT --to-destination 172.17.0.2:8080
        -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 172.17.0.3:8080
        COMMIT
        *filter
        -A INPUT -p tcp --dport 81 -m statistic --mode nth --every 2 --packet 0 -j DROP
        -A INPUT -p tcp --dport 82 -m statistic --mode random --probability 0.5 -j MARK --set-mark 7
        -A INPUT -p tcp --dport 82 -m mark --mark 7 -j DROP
        -A INPUT -p tcp --dport 82 -j DROP
        COMMIT

        """
      ],
      packets: [
        toHost(80, .accept), toHost(81, .undetermined, source: 4001), toHost(82, .drop, source: 4002),
      ]),
    WalkCase(
      testDescription: "a routed packet of an interface that is no bridge has no bridge port",
      tables: [
        """
        *filter
        -A INPUT -p tcp --dport 80 -m physdev --physdev-in eth0 -j DROP
        -A INPUT -p tcp --dport 81 -m physdev ! --physdev-is-bridged -j DROP
        COMMIT

        """
      ], packets: [toHost(80, .accept), toHost(81, .drop, source: 4001)]),
    WalkCase(
      testDescription: "NETMAP keeps the host part of an address",
      tables: [
        """
        *nat
        -A PREROUTING -d 203.0.113.0/24 -p tcp --dport 80 -j NETMAP --to 172.17.0.0/24
        -A POSTROUTING -s 172.17.0.0/16 -p udp -j NETMAP --to 198.51.0.0/16
        COMMIT

        """
      ],
      packets: [
        toHost(80, .accept),
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "10.13.13.2", verdict: .accept
        ),
      ]),
    WalkCase(
      testDescription: "an owner, a helper, IPsec and a group of interfaces",
      tables: [
        """
        *filter
        -A OUTPUT -p udp --dport 80 -m owner --uid-owner 0 -j DROP
        -A OUTPUT -p udp --dport 81 -m owner ! --uid-owner 0 -j DROP
        -A OUTPUT -p udp --dport 82 -m owner --gid-owner 0 -j DROP
        -A OUTPUT -p udp --dport 83 -m helper --helper ftp -j DROP
        -A OUTPUT -p udp --dport 84 -m policy --dir out --pol none -j DROP
        -A OUTPUT -p udp --dport 85 -m policy --dir out --pol ipsec -j DROP
        -A OUTPUT -p udp --dport 86 -m devgroup --dst-group 7 -j DROP
        -A OUTPUT -p udp --dport 87 -m devgroup ! --dst-group 7 -j DROP
        COMMIT

        """,
        table(
          "inet look",
          "c { type filter hook output priority 0;\nudp dport 88 ct helper \"ftp\" drop\nudp dport 89 ipsec out reqid 1 drop\n"
            + "udp dport 90 meta oifkind \"veth\" drop\nudp dport 91 meta oifkind \"bridge\" drop\nudp dport 92 meta oifgroup 0 drop\n"
            + "udp dport 93 meta skgid 0 drop"),
      ],
      packets: (80...93).map { (port: UInt16) in
        Sent(
          input: nil, transport: .udp, source: "203.0.113.10", destination: "203.0.113.66", port: port,
          verdict: [80, 82, 84, 87, 90, 92, 93].contains(port) ? .drop : .accept)
      }),
    WalkCase(
      testDescription: "shifted marks, and bits of a header of which others are unknown",
      tables: [
        table(
          "ip look",
          "c { type filter hook input priority 0;\nmeta mark set 0x12\nmeta mark set meta mark << 8\n"
            + "tcp dport 80 meta mark 0x1200 drop\nmeta mark set meta mark >> 12\ntcp dport 81 meta mark 1 drop\n"
            + "tcp dport 82 ip dscp set cs1\ntcp dport 82 ip dscp cs1 drop\ntcp dport 83 ip dscp cs1 drop")
      ],
      packets: [
        toHost(80, .drop), toHost(81, .drop, source: 4001), toHost(82, .drop, source: 4002),
        toHost(83, .accept, source: 4003),
      ]),
    WalkCase(
      testDescription:
        "a class of service that a target sets is seen by a match, and a zone of the target CT by a rule",
      tables: [
        """
        *raw
        -A PREROUTING -p tcp --dport 80 -j CT --zone 5
        COMMIT
        *mangle
        -A PREROUTING -p tcp --dport 81 -j DSCP --set-dscp 10
        -A PREROUTING -p tcp --dport 82 -j TOS --set-tos 0x10/0x10
        COMMIT
        *filter
        -A INPUT -p tcp --dport 81 -m dscp --dscp 10 -j DROP
        -A INPUT -p tcp --dport 82 -m tos --tos 0x10/0x1c -j DROP
        -A INPUT -p tcp --dport 83 -m dscp --dscp 10 -j DROP
        COMMIT

        """,
        table("ip look", "c { type filter hook input priority 0;\nct zone 5 drop"),
      ],
      packets: [
        toHost(80, .drop), toHost(81, .drop, source: 4001), toHost(82, .drop, source: 4002),
        toHost(83, .accept, source: 4003),
      ]),
    WalkCase(
      testDescription: "an ordinary first packet has no text, few bytes and no transparent socket",
      tables: [
        """
        *filter
        -A INPUT -p tcp --dport 80 -m string --string attack --algo bm -j DROP
        -A INPUT -p tcp --dport 81 -m string ! --string attack --algo bm -j DROP
        -A INPUT -p tcp --dport 82 -m connbytes --connbytes 100 --connbytes-dir both --connbytes-mode packets -j DROP
        -A INPUT -p tcp --dport 83 -m socket --transparent -j DROP
        -A INPUT -p tcp --dport 84 -m connlimit --connlimit-above 100 -j DROP
        -A INPUT -p tcp --dport 85 -m connlimit --connlimit-upto 100 -j DROP
        COMMIT

        """,
        table("ip look", "c { type filter hook input priority 0;\ntcp dport 86 socket transparent 1 drop"),
      ],
      packets: (80...86).map { port in
        toHost(port, port == 81 || port == 85 ? .drop : .accept, source: 3920 + port)
      }),
    WalkCase(
      testDescription:
        "a queue without a program drops packets, or is bypassed and they go on at the next base chain",
      tables: [
        """
        *filter
        -A INPUT -p tcp --dport 80 -j NFQUEUE --queue-num 9
        -A INPUT -p tcp --dport 81:82 -j NFQUEUE --queue-num 9 --queue-bypass
        -A INPUT -p tcp --dport 81:82 -j DROP
        -A INPUT -p tcp --dport 83 -j NFQUEUE --queue-balance 9:12
        COMMIT

        """,
        table("ip later", "c { type filter hook input priority 10;\ntcp dport 82 drop"),
      ],
      packets: (80...84).map { port in
        toHost(port, port == 81 || port == 84 ? .accept : .drop, source: 3940 + port)
      }),
    WalkCase(
      testDescription: "a list of recent has what earlier packets put there",
      tables: [
        """
        *filter
        -A INPUT -p tcp --dport 80 -m recent --set --name first
        -A INPUT -p tcp --dport 81 -m recent --rcheck --name first -j DROP
        -A INPUT -p tcp --dport 82 -m recent --remove --name first
        -A INPUT -p tcp --dport 83 -m recent --rcheck --seconds 9 --name first -j DROP
        COMMIT

        """
      ],
      packets: [
        toHost(81, .accept), toHost(80, .accept, source: 4001), toHost(81, .drop, source: 4002),
        toHost(83, .undetermined, source: 4003), toHost(82, .accept, source: 4004),
        toHost(81, .accept, source: 4005), toHost(83, .accept, source: 4006),
      ]),
    WalkCase(
      testDescription:
        "the route to a source that is valid on its link alone is looked up on the interface itself",
      tables: [
        table("ip6 raw", "c { type filter hook prerouting priority -300;\nfib saddr . iif oif missing drop")
      ],
      packets: [("docker0", "fe80::77", .accept), ("lan0", "fe80::77", .accept), ("lan0", "fd17::2", .drop)]
        .map {
          (input: String, source: String, verdict: TraceVerdict) in
          Sent(input: input, transport: .udp, source: source, destination: "fd17::1", verdict: verdict)
        }),
    WalkCase(
      testDescription:
        "a packet with a zone stays tracked, and an untracked packet with a zone is tracked again",
      tables: [
        table(
          "ip raw",
          "c { type filter hook prerouting priority -300;\ntcp dport 80 ct zone set 5\ntcp dport 80 ct state invalid drop\n"
            + "tcp dport 80 notrack\ntcp dport 81 notrack\ntcp dport 81 ct zone set 6\ntcp dport 82 notrack"),
        table(
          "ip look",
          "c { type filter hook input priority 0;\nct zone 5 ct state new drop\nct zone 6 reject\nct state untracked drop"
        ),
      ],
      packets: [
        toHost(80, .drop), toHost(81, .reject, source: 4001), toHost(82, .drop, source: 4002),
        toHost(83, .accept, source: 4003),
      ]),
    WalkCase(
      testDescription: "the target CT gives a template, which NOTRACK does not take away",
      tables: [
        """
        *raw
        -A PREROUTING -p tcp --dport 80 -j CT --zone 5
        -A PREROUTING -p tcp --dport 80 -j CT --notrack
        -A PREROUTING -p tcp --dport 81 -j CT --notrack
        -A PREROUTING -p tcp --dport 81 -j CT --zone 5
        COMMIT
        *filter
        -A INPUT -m conntrack --ctstate UNTRACKED -j REJECT
        -A INPUT -p tcp --dport 80 -m conntrack --ctstate NEW -j DROP
        COMMIT

        """
      ], packets: [toHost(80, .drop), toHost(81, .reject, source: 4001), toHost(82, .accept, source: 4002)]),
    WalkCase(
      testDescription: "each address of 127.0.0.0/8 is one of the loopback interface",
      tables: [
        table(
          "ip look", "c { type filter hook input priority 0;\nudp dport 80 fib daddr . iif type local drop")
      ],
      packets: [
        Sent(input: nil, transport: .udp, source: "127.0.0.1", destination: "127.0.0.2", verdict: .drop),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "172.17.0.1", verdict: .accept),
      ]),
    WalkCase(
      testDescription: "the length of a packet says that of a datagram, and that a TCP header has no options",
      tables: [
        table(
          "ip look",
          "c { type filter hook input priority 0;\nudp dport 80 udp length 14 drop\nudp dport 81 udp length > 100 drop\n"
            + "tcp dport 80 tcp doff > 5 drop\ntcp dport 81 tcp doff 5 drop")
      ],
      packets: [
        toHost(80, .accept), toHost(81, .drop, source: 4001),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", verdict: .drop),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", port: 81,
          verdict: .accept),
      ]),
    WalkCase(
      testDescription: "routing by rules asks for IPsec, which no packet needs",
      tables: [
        table("ip look", "c { type filter hook forward priority 0;\nudp dport 80 rt ipsec missing drop")
      ],
      packets: [80, 81].map { port in
        Sent(
          input: "docker0", transport: .udp, source: "172.17.0.2", destination: "198.51.100.7", port: port,
          verdict: port == 80 ? .drop : .accept)
      }),
    WalkCase(
      testDescription: "the broadcast address of a network has a route to its interface",
      tables: [
        table("ip raw", "c { type filter hook prerouting priority -300;\nfib saddr . iif oif missing drop"),
        table(
          "ip look", "c { type filter hook forward priority 0;\nudp dport 81 fib saddr oifname eth0 drop"),
      ],
      packets: [("eth0", 80, .accept), ("eth0", 81, .undetermined), ("docker0", 82, .drop)].map {
        (input: String, port: UInt16, verdict: TraceVerdict) in
        Sent(
          input: input, transport: .udp, source: "203.0.113.255", destination: "172.17.0.2", port: port,
          verdict: verdict)
      }),
    WalkCase(
      testDescription: "redirect takes an address with the scope of the destination, whatever the source is",
      tables: [
        table("ip6 nat", "c { type nat hook prerouting priority -100;\nudp dport 80 redirect to :8080"),
        table("ip6 look", "c { type filter hook input priority 0;\nip6 daddr fd17::1 udp dport 8080 drop"),
      ],
      packets: [
        ("fe80::77", "fd17::1", .drop), ("fd17::2", "fd17::1", .drop), ("fd17::2", "fec0::1", .undetermined),
        ("fe80::77", "fe80::1", .undetermined), ("fd17::2", "ff02::1", .undetermined),
      ].map { (source: String, destination: String, verdict: TraceVerdict) in
        Sent(input: "docker0", transport: .udp, source: source, destination: destination, verdict: verdict)
      }),
    WalkCase(
      testDescription: "no packet passes a chain of type nat if no rule of its family needs conntrack",
      tables: [
        table("ip own", "c { type filter hook forward priority 0;\nct state invalid counter"),
        table("inet n", "c { type nat hook prerouting priority -100;\nudp dport 80 drop"),
      ],
      packets: [
        Sent(
          input: "docker0", transport: .udp, source: "fd17::2", destination: "fd17::1", port: 80,
          verdict: .accept),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", port: 80,
          verdict: .drop),
      ]),
    WalkCase(
      testDescription:
        "a packet of IPv4 without options lacks each of them, and one of IPv6 cannot have them",
      tables: [
        table(
          "inet look",
          "c { type filter hook input priority 0;\nip option lsrr missing udp dport 80 drop\nip option rr exists udp dport 81 drop"
        )
      ],
      packets: [
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", port: 80,
          verdict: .drop),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", port: 81,
          verdict: .accept),
        Sent(
          input: "docker0", transport: .udp, source: "fd17::2", destination: "fd17::1", port: 80,
          verdict: .accept),
      ]),
    WalkCase(
      testDescription: "a packet that arrives has no route, so no IPsec either way",
      tables: [
        table("ip a", "c { type filter hook prerouting priority 0;\nudp dport 80 rt ipsec missing drop"),
        table("ip b", "c { type filter hook input priority 0;\nudp dport 81 rt ipsec missing drop"),
      ],
      packets: [
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", port: 80,
          verdict: .accept),
        Sent(
          input: "eth0", transport: .udp, source: "203.0.113.66", destination: "203.0.113.10", port: 81,
          verdict: .drop),
      ]),
    WalkCase(
      testDescription: "a source of IPv6 that no link has is dropped before the rules", tables: [],
      packets: ["::1", "ff02::1", "ff05::1"].map { source in
        Sent(
          input: "docker0", transport: .udp, source: source, destination: "fd17::1", port: 80, verdict: .drop)
      }),
  ]
}
