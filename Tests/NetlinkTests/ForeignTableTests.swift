// SPDX-License-Identifier: GPL-3.0-or-later

import CNftnl
import CSys
import Netlink
import Ruleset
import TestSupport
import Testing

@Suite struct ForeignTableTests {
  /// Rulesets as other tools write them, by subject.
  static let zoo: [String: String] = [
    "nat": """
    table ip nat {
      chain pre {
        type nat hook prerouting priority dstnat
        tcp dport 8080 dnat to 172.17.0.2:80
        tcp dport 2222 redirect to :22
      }
      chain post {
        type nat hook postrouting priority srcnat
        oifname "eth0" masquerade
        ip saddr 10.0.0.0/8 snat to 192.0.2.1-192.0.2.9
      }
    }
    table ip6 nat {
      chain post {
        type nat hook postrouting priority srcnat
        masquerade fully-random,persistent
      }
    }
    """,
    "statements": """
    table inet filter {
      counter hits { }
      quota q { over 10 mbytes }
      limit l { rate 5/second burst 3 packets }
      ct helper ftp-standard { type "ftp" protocol tcp; }
      chain in {
        type filter hook input priority filter; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }
        limit rate over 10/minute burst 5 packets log prefix "too much: " group 3 snaplen 64 drop
        log prefix "seen " level info
        ct mark set meta mark & 0xff | 0x100
        ct mark & 0x0f == 3 accept
        meta mark set ct mark
        tcp flags & (fin|syn|rst|ack) == syn tcp option maxseg size set 1360
        fib saddr . iif oif missing drop
        fib daddr type { local, broadcast } accept
        ip dscp set cs1
        ip6 nexthdr tcp reject with tcp reset
        reject with icmpx type admin-prohibited
        counter name "hits" quota name "q" limit name "l"
        tcp dport 21 ct helper set "ftp-standard"
        queue num 1-3 bypass
        meta nftrace set 1
        jhash ip saddr mod 4 vmap { 0 : drop, 1 : accept }
        numgen random mod 2 vmap { 0 : drop, 1 : accept }
        udp dport { 53, 123, 1000-2000 } accept
        tcp dport . ip saddr { 22 . 10.0.0.0/8, 80-90 . 192.0.2.1 } accept
        ip saddr & 255.255.255.0 == 192.0.2.0 ip saddr >= 192.0.2.9 accept
        meta hour "08:00"-"17:00" meta day { "Monday", "Friday" } accept
        rt nexthop 192.0.2.1 socket transparent 1 accept
        exthdr frag exists drop
        @th,16,16 22 @ih,0,8 1 accept
        ct count over 20 drop
        ct original ip daddr 192.0.2.1 ct label 7 accept
        iifname "wg*" oifname != { "eth0", "lo" } accept
        ip saddr != 192.0.2.0-192.0.2.9 notrack
      }
    }
    """,
    "sets": """
    table inet sets {
      set recent { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 1000; elements = { 192.0.2.7 timeout 9m comment "he" } }
      set plain { type ipv4_addr; comment "plain"; counter; elements = { 192.0.2.1, 192.0.2.2 counter packets 3 bytes 7 } }
      set nets { type ipv6_addr; flags interval; auto-merge; elements = { 2001:db8::/32, fe80::/10, ff00::/8 } }
      set ranges { type ipv4_addr . inet_proto . inet_service; flags interval; elements = { 192.0.2.0/24 . tcp . 22, 10.0.0.1-10.0.0.9 . udp . 1-1023 } }
      set memory { type inet_service; policy memory; elements = { 1, 2 } }
      set life { type ipv4_addr; timeout 1h; gc-interval 10s; elements = { 192.0.2.1, 192.0.2.2 timeout 2h } }
      set names { typeof iifname . ip saddr; elements = { "wg0" . 192.0.2.1 } }
      map ports { type ipv4_addr . inet_service : ipv4_addr . inet_service; elements = { 192.0.2.1 . 80 : 10.0.0.1 . 8080 } }
      map verdicts { type inet_service : verdict; flags interval; elements = { 1-1023 : drop, 2000 : jump other, * : accept } }
      counter one { }
      map counters { type ipv4_addr : counter; elements = { 192.0.2.1 : "one" } }
      chain other { }
      chain in {
        type filter hook input priority filter;
        update @recent { ip saddr timeout 5m limit rate 3/second } drop
        add @recent { ip saddr } meter m { tcp dport limit rate 1/second } accept
        tcp dport vmap @verdicts
        counter name ip saddr map @counters
        iifname . ip saddr @names accept
      }
    }
    """,
    "netdev, bridge and arp": """
    table netdev guard {
      chain in {
        type filter hook ingress device lo priority -500
        ip protocol udp drop
        fwd to lo
      }
    }
    table inet early {
      chain in {
        type filter hook ingress device lo priority -500
        meta protocol arp accept
      }
    }
    table bridge br {
      chain f {
        type filter hook forward priority 0
        ether type arp ether saddr 02:00:00:00:00:01 drop
        vlan id 3 drop
      }
    }
    table arp arptable {
      chain in {
        type filter hook input priority 0
        arp operation request accept
      }
    }
    table inet empty {
      flags dormant
      comment "nothing in it"
    }
    """,
    "jumps": """
    table inet jumps {
      chain b { return; }
      chain a {
        jump { counter; accept; }
        goto b
      }
    }
    """,
  ]

  @Test(arguments: zoo.keys.sorted())
  func `any table is read, and a second read is equal`(kind: String) throws {
    let (first, second, names) = try inNetworkNamespace {
      try loadLineByLine(try #require(Self.zoo[kind]))
      var kernel = try NFTablesSocket()
      return (try kernel.readAll(), try kernel.readAll(), try kernel.tableNames())
    }
    #expect(first == second)
    #expect(first.map(\.name) == names.map(\.name))
    #expect(!first.isEmpty)
  }

  @Test(arguments: zoo.keys.sorted())
  func `a table that was read can be written to another table and reads back equal`(kind: String) throws {
    try inNetworkNamespace {
      try loadLineByLine(try #require(Self.zoo[kind]))
      var kernel = try NFTablesSocket()
      for var table in try kernel.readAll() where table.unknown.isEmpty {
        table.name += "-copy"
        try kernel.commit(
          operations(adding: table), family: table.family, table: table.name,
          generation: try kernel.generation())
        let read = try kernel.read(family: table.family, name: table.name)
        if read != table { Issue.record("\(kind) \(table.name): \(difference(table, read))") }
      }
    }
  }

  @Test func `what the model cannot represent is named`() throws {
    let unknown = try inNetworkNamespace {
      try loadLineByLine(try #require(Self.zoo["sets"]))
      var kernel = try NFTablesSocket()
      return try kernel.readAll().flatMap(\.unknown)
    }
    #expect(unknown.contains("set memory: policy 1"))
    #expect(unknown.contains("set plain: expressions of its elements"))
    #expect(unknown.contains("set life: garbage collection every 10000 ms"))
  }

  @Test func `a flowtable is named`() throws {
    let ruleset = "table inet fast { flowtable f { hook ingress priority 0; devices = { lo }; }; }"
    let unknown: [String]? = try inNetworkNamespace {
      guard (try? nft(load: ruleset)) != nil else { return nil }
      var kernel = try NFTablesSocket()
      return try kernel.readAll().flatMap(\.unknown)
    }
    guard let unknown else {
      print("skipped: this kernel has no flowtables")
      return
    }
    #expect(unknown == ["flowtable f"])
  }

  @Test func `foreign tables do not change while wgfence changes its table`() throws {
    let (before, after) = try inNetworkNamespace {
      for ruleset in Self.zoo.values { try loadLineByLine(ruleset) }
      var kernel = try NFTablesSocket()
      let before = try kernel.readAll()
      for seed in 0..<20 as Range<UInt64> {
        var table = RandomTable.make(seed: seed)
        table.name = "wgfence"
        for operations in [operations(adding: table), [.deleteTable]] {
          try kernel.commit(
            operations, family: table.family, table: table.name, generation: try kernel.generation())
        }
      }
      return (before, try kernel.readAll())
    }
    #expect(before == after)
  }

  @Test func `tables of iptables are read`() throws {
    let tables: [KernelTable]? = try inNetworkNamespace {
      guard
        let found = try? run(["iptables-nft", "-A", "INPUT", "-m", "comment", "--comment", "x", "-j", "DROP"]
        ),
        found.status == 0
      else { return nil }
      var kernel = try NFTablesSocket()
      return try kernel.readAll()
    }
    guard let tables else {
      print("skipped: iptables-nft is not installed")
      return
    }
    #expect(tables.contains { $0.name == "filter" })
  }
}

/// Loads a ruleset. A rule that the kernel or nft does not support is left out, and this is printed.
private func loadLineByLine(_ ruleset: String) throws {
  var lines = ruleset.split(separator: "\n")
  var left: [Substring] = []
  while true {
    do {
      try nft(load: lines.joined(separator: "\n"))
      for line in left { print("left out because this machine does not support it: \(line)") }
      return
    } catch let failure as RunFailure {
      // nft: /dev/stdin:12:3-9: Error: …
      let numbers = failure.description.split(whereSeparator: { ":-".contains($0) }).compactMap { Int($0) }
      guard let number = numbers.first, lines.indices.contains(number - 1), lines.count > 3 else {
        throw failure
      }
      left.append(lines.remove(at: number - 1))
    }
  }
}
