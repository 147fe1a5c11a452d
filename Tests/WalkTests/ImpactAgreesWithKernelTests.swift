// SPDX-License-Identifier: GPL-3.0-or-later

import HostTestSupport
import NetworkModel
import PolicyLanguage
import Testing

@Suite("The impact analysis and the kernel", .serialized)
struct ImpactAgreesWithKernelTests {
  /// A host on which they once differed.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let parts: [HostPart?]
    let policy: HostPolicyDraft
    /// What stops working.
    let broken: Set<String>
  }

  private static func name(_ text: String) -> InterfaceName? { InterfaceName(text) }

  private static func card(_ text: String) -> HostPart? { name(text).map { .card($0) } }
  private static func tunnel(_ text: String) -> HostPart? { name(text).map { .tunnel($0) } }
  private static func bridge(_ text: String, _ ports: String...) -> [HostPart?] {
    [name(text).map { .bridge($0) }]
      + ports.map { port in
        name(port).flatMap { port in name(text).map { .port(port, of: $0, .guest) } }
      }
  }
  private static func address(_ interface: String, _ text: String, _ length: Int) -> HostPart? {
    guard let name = name(interface), let own = IPAddress(text),
      let address = InterfaceAddress(own, prefixLength: length)
    else { return nil }
    return .address(name, address)
  }
  private static func lease(_ interface: String, _ text: String, _ length: Int) -> HostPart? {
    guard case .address(let name, let own) = address(interface, text, length) else { return nil }
    return .lease(name, own)
  }
  private static func route(_ prefix: String, _ gateway: String?, _ interface: String) -> HostPart? {
    guard let name = name(interface), let prefix = Prefix(prefix) else { return nil }
    return .route(prefix, by: gateway.flatMap { IPAddress($0) }, name)
  }

  private static func group(_ interface: String, _ text: String) -> HostPart? {
    guard let name = name(interface), let group = IPAddress(text) else { return nil }
    return .group(name, group)
  }

  private static func policy(zones: [String] = [], others: [String] = [], lines: [HostPolicyDraft.Line] = [])
    -> HostPolicyDraft
  {
    HostPolicyDraft(
      tunnels: ["wg0: { prefixes: [10.13.13.0/24, \"fd13::/64\"], listen: 51820 }"],
      keys: ["addresses: { wg0: [10.13.13.2, \"fd13::2\"] }"], zones: zones, others: others, lines: lines)
  }

  static let cases = [
    Case(
      testDescription: "guests of a bridge reach each other although the host forwards nothing",
      parts: bridge("lab-br", "vnet0", "vnet1") + [
        address("lab-br", "192.168.1.129", 25), .noForwarding(.ipv4), .bridgedFrames,
      ],
      policy: policy(zones: ["containers: { interfaces: [lab-br], prefixes: [172.17.0.0/16] }"]),
      broken: ["guests:lab-br guests to each other (192.168.1.130 to 192.168.1.131)"]),
    Case(
      testDescription: "guests do not reach the IPv6 internet if the host does not forward IPv6",
      parts: bridge("vmnet1", "vnet0") + [
        card("eth0"), address("eth0", "2001:db8:1::10", 64), address("vmnet1", "fd50::1", 64),
        route("::/0", "2001:db8:1::1", "eth0"), .noForwarding(.ipv6),
      ], policy: policy(), broken: []),
    Case(
      testDescription: "nothing is reached over a bridge without ports",
      parts: bridge("vmnet1") + [
        address("vmnet1", "10.50.0.1", 24), IPAddress("10.50.0.3").map { .nameServer($0) },
      ], policy: policy(others: ["peer: { addresses: { wg0: 10.13.13.1 }, subnets: [10.50.0.0/24] }"]),
      broken: []),
    Case(
      testDescription: "a broadcast over a bridge without ports reaches nobody but the host itself",
      parts: bridge("vmbr0") + [lease("vmbr0", "10.0.0.5", 24)], policy: policy(), broken: []),
    Case(
      testDescription: "the kernel takes the source in the network of the gateway, not the smallest",
      parts: [
        card("enp5s0"), address("enp5s0", "10.0.0.5", 24), address("enp5s0", "192.168.1.10", 24),
        route("0.0.0.0/0", "192.168.1.1", "enp5s0"),
        .table(
          "table ip own {\nchain out { type filter hook output priority 0;\nip saddr 192.168.1.10 drop\n}\n}"),
      ], policy: policy(lines: [.init("lists", "bad: [9.9.9.0/24]"), .init("block", "bad")]), broken: []),
    Case(
      testDescription: "the reply to a masqueraded packet arrives for this host's address",
      parts: bridge("docker0", "vnet0") + [
        card("eth0"), address("eth0", "203.0.113.10", 24), address("docker0", "172.17.0.1", 16),
        route("0.0.0.0/0", "203.0.113.1", "eth0"),
        .table(
          "table ip masq {\nchain post { type nat hook postrouting priority 100;\noifname \"eth0\" masquerade\n}\n"
            + "chain raw { type filter hook prerouting priority -300;\nip saddr 9.9.9.9 ip daddr != 203.0.113.10 drop\n}\n}"
        ),
      ], policy: policy(lines: [.init("lists", "bad: [9.9.9.0/24]"), .init("block", "bad")]),
      broken: [
        "internet:eth0 to 443/tcp in the internet (9.9.9.9)",
        "guests:docker0 guests (172.17.0.2) to 443/tcp in the internet (9.9.9.9)",
      ]),
    Case(
      testDescription: "a group of IPv6 that the host joined is received, although no route says so",
      parts: [card("enp5s0"), address("enp5s0", "2001:db8:5::5", 64), group("enp5s0", "ff02::12")],
      policy: policy(), broken: ["multicast:vrrp-enp5s0 VRRP from neighbours on enp5s0 to ff02::12"]),
    Case(
      testDescription: "of two nat chains with one priority the kernel calls the later one first",
      parts: [
        card("enp5s0"), tunnel("wg0"), address("enp5s0", "192.168.1.10", 24),
        address("wg0", "10.13.13.2", 24),
        route("0.0.0.0/1", nil, "wg0"), IPAddress("10.50.0.3").map { .nameServer($0) },
        .table(
          "table ip own {\nchain out { type nat hook output priority -100;\nudp dport 53 redirect to :5353\n}\n}"
        ),
        .table(
          "table ip other {\nchain out { type nat hook output priority -100;\nudp dport 53 dnat to 192.168.1.1\n}\n}"
        ),
      ], policy: policy(), broken: ["dns:10.50.0.3 to 10.50.0.3 port 53/udp"]),
  ]

  @Test("agree on hosts on which they once differed", arguments: cases)
  func named(_ one: Case) throws {
    let today = try #require(CalendarDate("2026-11-28"))
    let draft = HostDraft(parts: one.parts.compactMap { $0 }, after: one.policy)
    try #require(draft.parts.count == one.parts.count)
    let found = try #require(try ImpactComparison.run(draft, today: today), "the policy is not valid")
    #expect(found.differences.isEmpty)
    #expect(found.broken == one.broken)
  }

  @Test("agree on random hosts; `make test` compares more of them in an optimized build")
  func random() throws {
    let today = try #require(CalendarDate("2026-11-28"))
    let found = RandomImpacts(count: 40, seed: 2_000_000_000, today: today) { _ in }
    #expect(found.failure == nil)
    #expect(found.broken > 20)
  }
}
