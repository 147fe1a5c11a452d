// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyLanguage
import PolicyTestSupport
import Ruleset
import TestSupport
import Testing

@testable import PolicyAnalysis

@Suite("Packets that no grant accepts, from an interface of a network") struct SameInterfaceTests {
  @Test("leave by that interface or not at all, translated or not, on random policies")
  func stays() throws {
    var random = SeededGenerator(seed: 5)
    let today = try #require(CalendarDate("2026-11-28"))
    let bridge = try #require(InterfaceName("br0"))
    let outputs = try ["br0", "enp5s0", "eth0", "wg0", "docker0"].map { try #require(InterfaceName($0)) }
    var (stayed, refused, granted) = (0, 0, 0)
    for seed in 0..<80 as Range<UInt64> {
      guard let policy = RandomSite.policy(RandomSite(seed: seed).text, today: today) else { continue }
      var live = LiveFacts()
      live.bridges = [bridge]
      let site = CompiledSite(policy, today: today, live: live)
      for machine in policy.machines {
        let hasLAN = machine.zone(named: "lan") != nil
        let walk = PacketWalk([site.table(of: machine)])
        let places =
          policy.machines.flatMap { $0.subnets + $0.zones.flatMap(\.prefixes) }
          + policy.tunnels.flatMap(\.prefixes)
        for _ in 0..<25 {
          let input = hasLAN && Bool.random(using: &random) ? outputs[1] : bridge
          let to = places.randomElement(using: &random) ?? policy.tunnels[0].prefixes[0]
          let from = (machine.zone(named: "lan")?.prefixes ?? []).first { $0.family == to.family }
          var packet = Packet(
            source: IPAddress(
              family: to.family,
              bits: from.map { $0.address.bits + 9 } ?? (to.family == .ipv4 ? 0xc612_0001 : 0x2620 << 112 | 9)
            ),
            destination: IPAddress(family: to.family, bits: to.address.bits + 1), transport: .tcp,
            sourcePort: 40_000,
            destinationPort: [22, 80, 443, 631, 5432, 8080, 9100].randomElement(using: &random) ?? 22,
            input: input)
          packet.destinationType = .unicast
          let arrival = walk.trace(packet, hooks: [NFT.hookPrerouting])
          guard arrival.verdict == .accept, var next = arrival.packet else { continue }
          let isGranted = arrival.steps.contains { if case .counted = $0.outcome { true } else { false } }
          next.output = outputs.randomElement(using: &random)
          if Bool.random(using: &random) { next.status.insert(.destinationNAT) }
          let passed = walk.trace(next, hooks: [NFT.hookForward]).verdict == .accept
          if isGranted {
            granted += 1
          } else {
            // What belongs into a tunnel does not leave by another interface, the packet's own included.
            #expect(
              !passed || next.output == input, "seed \(seed) on \(machine.name): \(WalkText.full(next))")
            if passed { stayed += 1 } else { refused += 1 }
          }
        }
      }
    }
    #expect(
      stayed > 50 && refused > 200, "\(stayed) stayed, \(refused) refused, \(granted) granted")
  }
}
