// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk

/// Chains at devices and in bridges.
extension WalkCase {
  private static func through(
    _ input: String?, _ verdict: TraceVerdict, from source: String = "203.0.113.66",
    to destination: String = "192.168.50.10", port: UInt16 = 80
  ) -> Sent {
    Sent(
      input: input, transport: .tcp, source: source, destination: destination, port: port, verdict: verdict)
  }

  /// A bridge in front of interfaces of the host, with the first one's address.
  private static func bridge(_ ports: String...) -> [[String]] {
    var commands = ["ip link add br0 type bridge forward_delay 0", "ip link set br0 arp off"]
    for port in ports {
      commands += ["ip link set \(port) master br0", "ip address flush dev \(port)"]
    }
    commands += ["ip address add 192.168.50.1/24 dev br0", "ip link set br0 up"]
    return commands.map { $0.split(separator: " ").map(String.init) }
  }

  static let frames: [WalkCase] = [
    WalkCase(
      testDescription: "a chain at the ingress of a device drops",
      tables: [
        table(
          "netdev n", "c { type filter hook ingress device eth0 priority -500;\nip saddr 203.0.113.66 drop")
      ],
      packets: [
        toHost(80, .drop), through("eth0", .accept, from: "203.0.113.67", to: "203.0.113.10"),
        through("eth0", .drop), through("wg0", .accept, from: "203.0.113.66"),
      ]),
    WalkCase(
      testDescription: "a chain at the ingress of several devices",
      tables: [
        table(
          "netdev n",
          "c { type filter hook ingress devices = { wg0, lan0 } priority 0;\ntcp dport 80 drop")
      ],
      packets: [
        through("lan0", .drop, from: "192.168.50.10", to: "192.168.50.1"),
        through("lan0", .accept, from: "192.168.50.10", to: "192.168.50.1", port: 81),
        through("wg0", .drop, from: "10.13.13.2", to: "10.13.13.1"), toHost(80, .accept),
      ]),
    WalkCase(
      testDescription: "accept at the ingress of a device ends one chain only",
      tables: [
        table("netdev n", "c { type filter hook ingress device eth0 priority -10;\naccept"),
        table("netdev m", "c { type filter hook ingress device eth0 priority 10;\ntcp dport 80 drop"),
      ],
      packets: [toHost(80, .drop), toHost(81, .accept)]),
    WalkCase(
      testDescription: "of two chains of equal priority at a device the newer runs first",
      tables: [
        table("netdev n", "c { type filter hook ingress device eth0 priority 0;\ntcp dport 80 drop"),
        table(
          "netdev m",
          "c { type filter hook ingress device eth0 priority 0;\ntcp dport 80 tcp dport set 8080"),
      ],
      packets: [toHost(80, .accept)]),
    WalkCase(
      testDescription: "the hook ingress of a table of inet, before prerouting",
      tables: [
        table(
          "inet t", "c { type filter hook ingress device eth0 priority 0;\nip saddr 203.0.113.66 mark set 7"),
        table("inet u", "c { type filter hook prerouting priority -300;\nmeta mark 7 tcp dport 80 drop"),
      ],
      packets: [toHost(80, .drop), toHost(81, .accept)]),
    WalkCase(
      testDescription: "a port that a chain at a device changes",
      tables: [
        table(
          "netdev n", "c { type filter hook ingress device eth0 priority 0;\ntcp dport 80 tcp dport set 8080"),
        table("inet u", "c { type filter hook input priority 0;\ntcp dport 8080 drop"),
      ],
      packets: [toHost(80, .drop), toHost(81, .accept)]),
    WalkCase(
      testDescription: "a rejection at the ingress of a device",
      tables: [
        table(
          "netdev n",
          "c { type filter hook ingress device eth0 priority 0;\ntcp dport 80 reject with tcp reset")
      ],
      packets: [toHost(80, .reject), toHost(81, .accept)]),
    WalkCase(
      testDescription: "the reverse path at the ingress of a device",
      tables: [
        table(
          "netdev n",
          "c { type filter hook ingress device wg0 priority 0;\nfib saddr . iif oif missing drop")
      ],
      packets: [
        through("wg0", .accept, from: "10.13.13.2", to: "10.13.13.1"),
        through("wg0", .drop, from: "192.168.50.10", to: "10.13.13.1"),
      ]),
    WalkCase(
      testDescription: "a chain at the egress of a device sees what is sent and what is forwarded",
      tables: [
        table(
          "netdev n",
          "c { type filter hook egress device lan0 priority 0;\ntcp dport 80 drop\nmeta oifname \"lan0\" tcp dport 82 drop\nmeta iifname \"eth0\" drop"
        )
      ],
      packets: [
        through("eth0", .drop), through("eth0", .accept, port: 81),
        through("eth0", .drop, port: 82), through(nil, .drop, from: "192.168.50.1"),
        through(nil, .accept, from: "192.168.50.1", port: 81),
        through("lan0", .accept, from: "192.168.50.10", to: "203.0.113.66"),
      ]),
    WalkCase(
      testDescription: "a source that is translated, at the egress of a device",
      tables: [
        table(
          "ip n",
          "c { type nat hook postrouting priority srcnat;\noifname \"eth0\" snat to 203.0.113.10"),
        table(
          "netdev m",
          "c { type filter hook egress device eth0 priority 0;\nip saddr 203.0.113.10 tcp dport 80 drop"),
      ],
      packets: [
        through("lan0", .drop, from: "192.168.50.10", to: "203.0.113.66"),
        through("lan0", .accept, from: "192.168.50.10", to: "203.0.113.66", port: 81),
      ]),
    WalkCase(
      testDescription: "packets of a bridge for the host pass its chains prerouting and input",
      tables: [
        table(
          "bridge b",
          "p { type filter hook prerouting priority 0;\niifname \"lan0\" ip saddr 192.168.50.11 drop\nether type ip tcp dport 83 drop",
          "i { type filter hook input priority 0;\ntcp dport 80 drop",
          "f { type filter hook forward priority 0; policy drop;",
          "o { type filter hook output priority 0;\noifname \"lan0\" tcp dport 84 drop",
          "q { type filter hook postrouting priority 0;\nmeta protocol ip tcp dport 85 drop")
      ], setup: bridge("lan0"), below: ["br0": "lan0"],
      packets: [
        through("br0", .drop, from: "192.168.50.10", to: "192.168.50.1"),
        through("br0", .accept, from: "192.168.50.10", to: "192.168.50.1", port: 81),
        through("br0", .drop, from: "192.168.50.11", to: "192.168.50.1", port: 81),
        through("br0", .drop, from: "192.168.50.10", to: "192.168.50.1", port: 83),
        through("eth0", .accept), through("eth0", .drop, port: 84),
        through("eth0", .drop, port: 85), through(nil, .drop, from: "192.168.50.1", port: 84),
      ]),
    WalkCase(
      testDescription: "chains at the port of a bridge",
      tables: [
        table(
          "netdev n", "i { type filter hook ingress device lan0 priority 0;\ntcp dport 80 drop",
          "e { type filter hook egress device lan0 priority 0;\ntcp dport 81 drop")
      ], setup: bridge("lan0"), below: ["br0": "lan0"],
      packets: [
        through("br0", .drop, from: "192.168.50.10", to: "192.168.50.1"),
        through("br0", .accept, from: "192.168.50.10", to: "192.168.50.1", port: 81),
        through("eth0", .accept), through("eth0", .drop, port: 81),
      ]),
    WalkCase(
      testDescription: "a chain at one of two ports of a bridge",
      tables: [
        table("netdev n", "i { type filter hook ingress device lan0 priority 0;\ntcp dport 80 drop")
      ], setup: bridge("lan0", "docker0"), below: ["br0": "lan0"],
      packets: [
        through("br0", .undetermined, from: "192.168.50.10", to: "192.168.50.1"),
        through("br0", .accept, from: "192.168.50.10", to: "192.168.50.1", port: 81),
      ]),
    WalkCase(
      testDescription: "chains at the loopback interface",
      tables: [
        table(
          "netdev n", "i { type filter hook ingress device lo priority 0;\ntcp dport 80 drop",
          "e { type filter hook egress device lo priority 0;\ntcp dport 81 drop")
      ],
      packets: [
        through(nil, .drop, from: "203.0.113.10", to: "203.0.113.10"),
        through(nil, .drop, from: "203.0.113.10", to: "203.0.113.10", port: 81),
        through(nil, .accept, from: "203.0.113.10", to: "203.0.113.10", port: 82),
      ]),
  ]
}
