// SPDX-License-Identifier: GPL-3.0-or-later

import Glibc
import Netlink
import NetworkModel
import PacketWalk
import Ruleset
import TestSupport
import Testing

@testable import LinuxHost

@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct RoutingClassesTests {
  /// Random routes, rules of policy routing, settings and packets of a network namespace.
  private struct World {
    var random: SeededGenerator
    let links = ["one", "two", "three", "four"]
    /// Prefixes that were used: packets have addresses in them and beside them.
    private(set) var used: [Prefix] = []

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    mutating func one<T>(of values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }

    mutating func prefix(_ family: AddressFamily) -> Prefix {
      let near = used.filter { $0.family == family }
      if !near.isEmpty, chance(40) {
        let wide = one(of: near)
        let address = IPAddress(
          family: family,
          bits: wide.address.bits | UInt128.random(in: 0...UInt128(UInt64.max), using: &random) & 0xffff)
        return remember(
          Prefix(
            containing: address,
            length: min(family.bitWidth, wide.length + Int.random(in: 0...8, using: &random))))
      }
      let base = one(
        of: family == .ipv4
          ? [
            "10.0.0.0", "10.1.0.0", "172.16.0.0", "192.0.2.0", "198.51.100.0", "203.0.113.0", "127.4.0.0",
            "169.254.0.0",
          ]
          : ["2001:db8::", "2001:db8:1::", "fd00::", "fd00:1::", "fe80::", "fec0::", "::", "64:ff9b::"])
      let bits = (IPAddress(base)?.bits ?? 0) | UInt128(UInt16.random(in: 0...1023, using: &random))
      let lengths =
        family == .ipv4 ? [0, 8, 12, 16, 24, 25, 28, 31, 32] : [0, 3, 16, 32, 48, 64, 112, 120, 128]
      return remember(Prefix(containing: IPAddress(family: family, bits: bits), length: one(of: lengths)))
    }

    private mutating func remember(_ prefix: Prefix) -> Prefix {
      used.append(prefix)
      return prefix
    }

    mutating func address(_ family: AddressFamily) -> IPAddress {
      let special =
        family == .ipv4
        ? [
          "0.0.0.0", "0.0.0.1", "127.0.0.1", "127.9.9.9", "224.0.0.1", "239.1.2.3", "240.0.0.1",
          "255.255.255.255", "8.8.8.8",
        ]
        : ["::", "::1", "::7", "::ffff:8.8.8.8", "fe80::9", "fec0::9", "ff02::1", "fd77::1", "2600::1"]
      let near = used.filter { $0.family == family }
      if near.isEmpty || chance(15) {
        return IPAddress(one(of: special)) ?? IPAddress(family: family, bits: 0)
      }
      let prefix = one(of: near)
      let (first, last) = (prefix.address.bits, prefix.last.bits)
      let inside = first &+ UInt128(UInt64.random(in: 0...UInt64.max, using: &random)) % ((last - first) | 1)
      return IPAddress(
        family: family, bits: one(of: [first, first &+ 1, first &- 1, last, last &+ 1, last &- 1, inside]))
    }

    /// `ip` commands; some are refused, since the random ones contradict each other.
    mutating func commands(_ family: AddressFamily) -> [String] {
      let gateway = family == .ipv4 ? "10.0.0.9" : "2001:db8::9"
      var lines = ["address add \(family == .ipv4 ? "10.0.0.1/24" : "2001:db8::1/64 nodad") dev one"]
      if chance(60) { lines.append("route add default via \(gateway) dev one") }
      for link in links {
        for _ in 0..<Int.random(in: 0...2, using: &random) {
          let wide = prefix(family)
          let address = IPAddress(family: family, bits: min(wide.address.bits + 1, wide.last.bits))
          lines.append(
            "address add \(address)/\(wide.length) dev \(link)\(family == .ipv6 ? " nodad" : "")")
        }
      }
      let (hasRules, hasGroups, hasSources) = (chance(60), chance(30), chance(40))
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let table = one(of: ["main", "main", "local", "100", "101", "default"])
        var route = "route \(one(of: ["add", "append"])) "
        let kinds = ["", "", "", "", "blackhole ", "unreachable ", "prohibit ", "throw ", "local "]
        let kind = one(of: kinds)
        route += "\(kind)\(prefix(family)) table \(table)"
        if family == .ipv6, hasSources, chance(50) { route += " from \(prefix(family))" }
        if chance(20) { route += " metric \(one(of: [10, 20, 1024]))" }
        if kind == "local " { route += " dev \(one(of: ["lo", "one"]))" }
        if kind == "" {
          if hasGroups, chance(30) {
            for _ in 0..<2 {
              route += " nexthop \(family == .ipv4 ? "" : "via fe80::1") dev \(one(of: links))"
              if chance(30) { route += " weight 3" }
            }
          } else if hasGroups, chance(15) {
            route += " nhid \(one(of: family == .ipv4 ? [1, 2, 3] : [4, 5, 6]))"
          } else if chance(20) {
            route += " via \(gateway) dev \(one(of: links)) onlink"
          } else {
            route += " dev \(one(of: links))"
          }
        }
        lines.append(route)
      }
      for _ in 0..<Int.random(in: 0...(hasRules ? 5 : 0), using: &random) {
        var rule = "rule add priority \(Int.random(in: 1...32000, using: &random))"
        if chance(40) { rule += " from \(prefix(family))" }
        if chance(40) { rule += " to \(prefix(family))" }
        if chance(40) { rule += " iif \(one(of: links + ["lo"]))" }
        if chance(20) { rule += " fwmark \(one(of: ["1", "2", "1/1"]))" }
        if chance(10) { rule += " ipproto tcp dport 80" }
        if chance(10) { rule += " tos 0x10" }
        if chance(10) { rule += " uidrange 5-9" }
        // A rule for everything hides what comes after it.
        if !rule.contains("from"), !rule.contains("to ") { rule += " to \(prefix(family))" }
        rule += one(of: [
          " table 100", " table 101", " table main suppress_prefixlength 0", " unreachable", " blackhole",
        ])
        lines.append(rule)
      }
      return lines
    }

    mutating func question(_ family: AddressFamily) -> RouteQuestion {
      let input = chance(60) ? InterfaceName(one(of: links)) : nil
      var question = RouteQuestion(
        destination: address(family), source: chance(75) ? address(family) : nil, input: input,
        mark: chance(30) ? one(of: [1, 2, 3]) : 0)
      if chance(50) {
        question.transport = RouteQuestion.Transport(
          Packet(
            source: question.destination, destination: question.destination,
            transport: one(of: [.tcp, .udp]),
            destinationPort: one(of: [80, 81]), input: nil))
      }
      return question
    }
  }

  private static func prepare(_ world: inout World) throws {
    var lines = ["link add vrf0 type vrf table 101"]
    lines += ["link add one type veth peer name two", "link add three type veth peer name four"]
    if world.chance(20) { lines.append("link set four master vrf0") }
    lines += ["vrf0", "one", "two", "three"].map { "link set \($0) up" }
    if world.chance(80) { lines.append("link set four up") }
    lines += ["nexthop add id 1 dev one", "nexthop add id 2 dev two", "nexthop add id 3 group 1/2"]
    lines +=
      (4...5).map { "nexthop add id \($0) via fe80::1 dev \(world.links[$0 - 4])" } + [
        "nexthop add id 6 group 4/5"
      ]
    var settings = [
      "ipv4/ip_forward \(world.one(of: [0, 1, 1, 1]))", "ipv4/nexthop_compat_mode \(world.one(of: [0, 1]))",
    ]
    settings.append("ipv4/fib_multipath_hash_policy \(world.one(of: [0, 1]))")
    settings.append("ipv6/conf/all/forwarding \(world.one(of: [0, 1, 1, 1]))")
    for place in ["all"] + world.links {
      for (setting, values) in [
        ("rp_filter", [0, 0, 1, 2]), ("accept_local", [0, 1]), ("route_localnet", [0, 1]),
        ("forwarding", [0, 1, 1, 1]),
        ("src_valid_mark", [0, 1]), ("send_redirects", [0, 1]), ("bc_forwarding", [0, 1]),
        ("ignore_routes_with_linkdown", [0, 1]), ("shared_media", [0, 1]),
      ] where world.chance(40) {
        settings.append("ipv4/conf/\(place)/\(setting) \(world.one(of: values))")
      }
    }
    for (flag, lines) in [("", lines), ("-4", world.commands(.ipv4)), ("-6", world.commands(.ipv6))] {
      try Program.run(
        "/bin/sh", "-c", "printf '%s\\n' \"$0\" | ip $1 -force -batch -; true",
        lines.joined(separator: "\n"), flag)
    }
    try Program.run(
      "/bin/sh", "-c",
      "printf '%s\\n' \"$0\" | while read -r file value; do echo $value >/proc/sys/net/$file; done; true",
      settings.joined(separator: "\n"))
  }

  /// An environment that asks the kernel for each address by itself.
  private static func withoutClasses() throws -> LiveHostEnvironment {
    let environment = try LiveHostEnvironment()
    environment.forgetClasses()
    return environment
  }

  /// How many worlds: `WGFENCE_ROUTINGS`, 60.
  private static let worlds =
    (getenv("WGFENCE_ROUTINGS").map { String(cString: $0) }).flatMap { Int($0) } ?? 60

  @Test(
    "The answer for a class of addresses is that for the address itself, for random routes, rules and settings"
  )
  func answers() throws {
    var (asked, shared, several, plain, kinds) = (0, 0, 0, 0, [String: Int]())
    for seed in 0..<UInt64(Self.worlds) {
      var world = World(seed: seed)
      try OwnNamespace.run {
        try Self.prepare(&world)
        let (environment, alone) = (try LiveHostEnvironment(), try Self.withoutClasses())
        for family in AddressFamily.allCases {
          let classes = try #require(environment.classes(family), "seed \(seed): no classes of \(family)")
          if classes.hasSeveralNextHops { several += 1 }
          if classes.lookUpDestinationAlone { plain += 1 }
          for _ in 0..<300 {
            let question = world.question(family)
            let answer = environment.route(question)
            let single = alone.route(question)
            asked += 1
            kinds["\(single)", default: 0] += 1
            if classes.representative(of: question.destination) != question.destination { shared += 1 }
            // The state of neighbours may change between two questions.
            if answer != single, try Self.withoutClasses().route(question) == single {
              Issue.record("seed \(seed): \(question): \(answer), by itself \(single)")
            }
            let types = [environment, alone].map { $0.addressType(question.destination, on: nil) }
            if types[0] != types[1] { Issue.record("seed \(seed): \(question.destination): \(types)") }
          }
        }
      }
    }
    #expect(
      asked == 600 * Self.worlds && shared > asked / 4 && several > Self.worlds / 4
        && plain > Self.worlds / 3 && kinds.count > 10,
      "\(asked) \(shared) \(several) \(plain) \(kinds)")
  }

  @Test(
    "Addresses in one network of a route are one class; groups and the networks of two equal routes are not")
  func classes() throws {
    try OwnNamespace.run {
      try Program.run(
        "/bin/sh", "-c",
        "ip link add one type veth peer name two && ip link set one up && ip link set two up "
          + "&& ip address add 10.9.0.1/24 dev one && ip route add 192.0.2.0/24 dev one && ip rule add to 192.0.2.128/25 table 7 "
          + "&& ip route add 198.51.100.0/24 dev one && ip route append 198.51.100.0/24 dev two")
      let environment = try LiveHostEnvironment()
      let classes = try #require(environment.classes(.ipv4))
      func first(_ text: String) throws -> String {
        classes.representative(of: try #require(IPAddress(text))).description
      }
      #expect(try first("192.0.2.9") == first("192.0.2.99"))
      #expect(try first("192.0.2.9") != first("192.0.2.129"))
      #expect(try first("10.9.0.9") == first("10.9.0.99"))
      #expect(try first("10.9.0.1") == "10.9.0.1")
      #expect(try first("224.0.0.9") == "224.0.0.9")
      #expect(try first("198.51.100.9") == "198.51.100.9")
      #expect(!classes.hasSeveralNextHops)
    }
  }
}
