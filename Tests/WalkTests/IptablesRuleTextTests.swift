// SPDX-License-Identifier: GPL-3.0-or-later

import LinuxHost
import Netlink
import PacketWalk
import Ruleset
import TestSupport
import Testing

/// Rules of iptables as printed by the walk.
@Suite("Rules of iptables, read back", .serialized)
struct IptablesRuleTextTests {
  static let rules: [(rule: String, text: String)] = [
    ("-p tcp -m tcp ! --dport 80 -j DROP", "meta l4proto tcp tcp dport != 80 drop"),
    (
      "-p tcp -m multiport --dports 80,443,1000:2000 -j REJECT",
      "meta l4proto tcp dport { 80, 443, 1000-2000 } REJECT"
    ),
    ("-m conntrack --ctstate NEW,DNAT -j ACCEPT", "ct state new,dnat accept"),
    ("-m conntrack ! --ctstate INVALID,UNTRACKED -j ACCEPT", "ct state != invalid,untracked accept"),
    (
      "-p tcp -m conntrack --ctproto tcp --ctorigdstport 8080 --ctdir ORIGINAL -j ACCEPT",
      "meta l4proto tcp ct direction original ct protocol tcp ct original proto-dst 8080 accept"
    ),
    ("-m conntrack ! --ctorigsrc 1.2.3.0/24 -j DROP", "ct original saddr != 1.2.3.0/24 drop"),
    (
      "-m addrtype ! --src-type LOCAL --dst-type LOCAL,BROADCAST -j RETURN",
      "src-type != local dst-type local,broadcast return"
    ),
    ("-p icmp -m icmp --icmp-type 3/1 -j ACCEPT", "meta l4proto icmp icmp type 3 code 1 accept"),
    ("-m pkttype --pkt-type broadcast -j DROP", "pkt-type broadcast drop"),
    ("-m iprange --src-range 10.0.0.1-10.0.0.9 -j DROP", "src-range 10.0.0.1-10.0.0.9 drop"),
    ("-m length ! --length 10:100 -j DROP", "length != 10-100 drop"),
    ("-m connmark --mark 0x1/0xff -j DROP", "connmark 0x1/0xff drop"),
    (
      "-s 10.0.0.0/8 -i wg+ -m comment --comment \"a comment\" -j ACCEPT",
      "iifname \"wg*\" ip saddr 10.0.0.0/8 accept"
    ),
    ("-m limit --limit 3/minute --limit-burst 10 -j LOG", "limit rate 3/minute LOG"),
    ("-m limit --limit 10/second -j ACCEPT", "limit rate 10/second accept"),
    ("-m recent --update --seconds 30 --hitcount 6 -j DROP", "6 hits in 30 s drop"),
    ("-m devgroup ! --src-group 3 -j DROP", "src-group != 0x3 drop"),
    ("-m dscp --dscp 10 -j DROP", "dscp 0x28/0xfc drop"),
    ("-m policy --dir in --pol none -j DROP", "no ipsec drop"),
    ("-m physdev --physdev-in eth0 -j DROP", "physdev drop"),
    ("-m connlimit --connlimit-above 5 -j DROP", "connlimit 5 above drop"),
    ("-m socket --transparent -j DROP", "transparent socket drop"),
    ("-m u32 --u32 4&0x1FFF=0 -j DROP", "match u32 drop"),
    ("-m owner --uid-owner 0 ! --gid-owner 5-9 -j ACCEPT", "owner uid 0 gid != 5-9 accept"),
  ]

  @Test("are printed as text, and unsupported ones by name")
  func text() throws {
    try inNetworkNamespace {
      let lines = Self.rules.map { "-A OUT \($0.rule)" }.map {
        $0.replacing("-A OUT", with: $0.contains("owner") ? "-A OUTPUT" : "-A INPUT")
      }
      let result = try run(
        ["iptables-nft-restore"], input: "*filter\n\(lines.joined(separator: "\n"))\nCOMMIT\n")
      try #require(result.status == 0, "\(result.errors)")
      var socket = try NFTablesSocket()
      let table = try #require(try socket.read(family: 2, name: "filter"))
      let found = table.chains.flatMap(\.rules).map { RuleText.line($0, family: 2, sets: table.sets) }
      #expect(found == Self.rules.map(\.text))
    }
  }

  @Test("of a legacy table have the same text")
  func legacyText() throws {
    try inNetworkNamespace {
      guard isInstalled("iptables-legacy-restore") else {
        print("skipped: iptables-legacy-restore is not installed")
        return
      }
      let lines = Self.rules.map { "-A \($0.rule.contains("owner") ? "OUTPUT" : "INPUT") \($0.rule)" }
      let result = try run(
        ["iptables-legacy-restore"], input: "*filter\n\(lines.joined(separator: "\n"))\nCOMMIT\n")
      try #require(result.status == 0, "\(result.errors)")
      let table = try #require(try LoadedTables.read().first)
      let rules = table.chains.flatMap(\.rules)
      // iptables-nft has a limit of nf_tables, legacy iptables its match.
      #expect(
        rules.map { RuleText.line($0, family: 2) }
          == Self.rules.map { $0.text.replacing("limit rate", with: "limit") })
      #expect(rules.compactMap(\.comment) == ["a comment"])
    }
  }
}
