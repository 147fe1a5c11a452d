// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PolicyLanguage
import PolicyTestSupport
import PacketWalk
import Ruleset
import TestSupport
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("Addresses in networks that the policy places elsewhere") struct MisplacedAddressesTests {
  @Test("are found exactly if the ruleset drops packets from them, on random policies")
  func agreesWithRuleset() throws {
    var random = SeededGenerator(seed: 11)
    var (misplaced, placed) = (0, 0)
    let today = try #require(CalendarDate("2026-11-28"))
    for seed in 0..<120 as Range<UInt64> {
      let site = RandomSite(seed: seed)
      let decoded = PolicyDecoder.decode(
        bytes: Array(site.text.utf8), path: "policy.yaml", today: today
      ) { _ in .unreadable(reason: "no lists here") }
      guard let policy = decoded.policy, let machine = policy.machines.first else { continue }
      // On every other host docker0 has a port that is not a guest's.
      let shared: Set<InterfaceName> = seed % 2 == 0 ? [try #require(InterfaceName("docker0"))] : []
      let view = CompiledSite(policy, today: today, live: LiveFacts(sharedBridges: shared)).view(
        of: machine)
      for _ in 0..<30 {
        let name = try #require(
          InterfaceName(
            ["eth0", "enp5s0", "gst0", "docker0", "wlan0"][Int.random(in: 0..<5, using: &random)]))
        let prefixes =
          policy.machines.flatMap { $0.subnets + $0.zones.flatMap(\.prefixes) }
          + policy.tunnels.flatMap(\.prefixes) + [try #require(Prefix("198.18.7.0/24"))]
        let prefix = prefixes[Int.random(in: 0..<prefixes.count, using: &random)]
        let source = IPAddress(family: prefix.family, bits: prefix.address.bits + 77)
        guard prefix.contains(source), let address = InterfaceAddress(source, prefixLength: prefix.length),
          !machine.addresses.flatMap(\.addresses).contains(source)
        else { continue }
        let interface = NetworkInterface(name: name, index: 7, addresses: [address], state: .up)
        let findings = MisplacedAddresses(
          [interface], on: machine, of: policy, sharedBridges: shared
        ).findings
        let counter = dropping(source, name, view)
        let reason = NamedCounter.Purpose(counterNamed: counter).cause?.reason
        let isDropped = reason == .spoofedSource || reason == .zoneSource
        #expect(
          !findings.isEmpty == isDropped,
          "seed \(seed): \(name) \(source)/\(prefix.length) on \(machine.name): \(findings.map(\.found)) \(counter)"
        )
        if isDropped { misplaced += 1 } else { placed += 1 }
      }
    }
    #expect(misplaced > 100 && placed > 100, "\(misplaced) misplaced, \(placed) placed")
  }

  /// The counter of the rule that decides about a packet with this source that arrives on this interface.
  private func dropping(_ source: IPAddress, _ interface: InterfaceName, _ view: SiteView) -> String {
    let destination = IPAddress(
      family: source.family, bits: source.family == .ipv4 ? 0xc612_6363 : 0x2001_0db8_9999 << 80 | 1)
    let packet = Packet(
      source: source, destination: destination, transport: .tcp, destinationPort: 9, input: interface)
    return view.decision(view.arrival(packet)).counter
  }
}
