// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk

/// Routes that depend on more than the destination.
extension WalkCase {
  private static func from(
    _ input: String?, _ source: String, to destination: String, port: UInt16 = 80, _ verdict: TraceVerdict,
    by sourcePort: UInt16 = 4000
  ) -> Sent {
    Sent(
      input: input, transport: .tcp, source: source, destination: destination,
      sourcePort: sourcePort, port: port, verdict: verdict)
  }

  private static func commands(_ lines: String...) -> [[String]] {
    lines.map { $0.split(separator: " ").map(String.init) }
  }

  private static let reversePath = table(
    "inet t", "c { type filter hook prerouting priority -300;\nfib saddr . iif oif missing drop")

  static let routes: [WalkCase] = [
    WalkCase(
      testDescription: "the reverse path with a rule that selects by source", tables: [reversePath],
      setup: commands(
        "ip rule add from 203.0.113.10 lookup 100", "ip route add 10.13.13.2/32 dev lan0 table 100"),
      packets: [
        from("wg0", "10.13.13.2", to: "203.0.113.10", .drop),
        from("wg0", "10.13.13.2", to: "10.13.13.1", .accept),
        from("lan0", "10.13.13.2", to: "203.0.113.10", .accept, by: 4001),
        // The kernel does not answer for an address that is not its own.
        from("wg0", "10.13.13.2", to: "192.168.50.10", .undetermined),
      ]),
    WalkCase(
      testDescription: "the reverse path of IPv6 with a rule that selects by source", tables: [reversePath],
      setup: commands(
        "ip -6 rule add from 2001:db8:1::10 lookup 100", "ip -6 route add fd13:13::2/128 dev lan0 table 100"),
      packets: [
        from("wg0", "fd13:13::2", to: "2001:db8:1::10", .drop),
        from("wg0", "fd13:13::2", to: "fd13:13::1", .accept),
        from("lan0", "fd13:13::2", to: "2001:db8:1::10", .accept, by: 4001),
        from("wg0", "fd13:13::2", to: "fd50::10", .accept),
      ]),
    WalkCase(
      testDescription: "the reverse path of a route with two next hops", tables: [reversePath],
      setup: commands(
        "ip route replace default nexthop via 203.0.113.1 dev eth0 nexthop via 192.168.50.9 dev lan0"),
      packets: [
        from("eth0", "198.51.100.7", to: "203.0.113.10", .accept),
        from("lan0", "198.51.100.7", to: "203.0.113.10", .accept, by: 4001),
        from("wg0", "198.51.100.7", to: "203.0.113.10", .drop, by: 4002),
      ]),
    WalkCase(
      testDescription: "a packet may leave through any next hop of its route",
      tables: [
        table("inet t", "c { type filter hook forward priority 0;\noifname \"lan0\" tcp dport 81 drop")
      ],
      setup: commands(
        "ip route replace default nexthop via 203.0.113.1 dev eth0 nexthop via 192.168.50.9 dev lan0",
        "ip -6 route del default",
        "ip -6 route add default nexthop via 2001:db8:1::1 dev eth0 nexthop via fd50::9 dev lan0"),
      packets: [
        from("wg0", "10.13.13.2", to: "198.51.100.7", .accept),
        from("wg0", "10.13.13.2", to: "198.51.100.8", .accept),
        from("wg0", "10.13.13.2", to: "198.51.100.7", port: 81, .undetermined),
        from("wg0", "fd13:13::2", to: "2001:db8:9::7", .accept),
        from("wg0", "fd13:13::2", to: "2001:db8:9::7", port: 81, .undetermined),
        from(nil, "203.0.113.10", to: "198.51.100.7", .accept),
      ]),
    WalkCase(
      testDescription: "a rule that selects by protocol and port",
      tables: [table("inet t", "c { type filter hook forward priority 0;\noifname \"lan0\" drop")],
      setup: commands(
        "ip rule add ipproto tcp dport 80 lookup 100",
        "ip route add default via 192.168.50.9 dev lan0 table 100",
        "ip -6 rule add ipproto tcp dport 80 lookup 100",
        "ip -6 route add default via fd50::9 dev lan0 table 100"),
      packets: [
        from("wg0", "10.13.13.2", to: "198.51.100.7", .drop),
        from("wg0", "10.13.13.2", to: "198.51.100.7", port: 81, .accept),
        from("wg0", "fd13:13::2", to: "2001:db8:9::7", .drop),
        from("wg0", "fd13:13::2", to: "2001:db8:9::7", port: 81, .accept),
      ]),
    WalkCase(
      testDescription: "IPv6 is not forwarded where forwarding is off",
      tables: [table("inet t", "c { type filter hook forward priority 0;")],
      setup: commands("sysctl -qw net.ipv6.conf.all.forwarding=0"),
      packets: [
        from("wg0", "fd13:13::2", to: "fd50::10", .drop),
        from("wg0", "10.13.13.2", to: "192.168.50.10", .accept),
      ]),
  ]
}
