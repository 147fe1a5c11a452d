// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyCompiler
import PolicyLanguage
import PolicyTestSupport
import Ruleset
import TestSupport
import Testing

@testable import PolicyAnalysis

@Suite("The observe mode") struct ObserveModeTests {
  private static let today = CalendarDate(secondsSince1970: 1_795_500_000)

  /// The tables of each machine of a random policy: enforcing, and observing.
  private static func tables(_ seed: UInt64) throws -> [(
    machine: Machine, one: KernelTable, other: KernelTable
  )] {
    guard let policy = RandomSite.policy(RandomSite(seed: seed).text, today: today) else { return [] }
    return try policy.machines.map { machine in
      let restrictions: [Restriction] = [.none, .lockDown]
      let restriction = restrictions[Int(seed % 2)]
      func table(_ mode: EnforcementMode) throws -> KernelTable {
        Lowering.table(
          try PolicyCompiler.compile(
            policy, machine: machine.name, today: today, restriction: restriction, mode: mode))
      }
      return (machine, try table(.enforcing), try table(.observing))
    }
  }

  private static func stops(_ expression: Expression) -> Bool {
    switch expression {
    case .reject: true
    case .verdict(.drop): true
    default: false
    }
  }

  @Test("has no verdict that drops or refuses, whatever the policy, and the same counters")
  func structure() throws {
    var machines = 0
    for seed in 0..<200 as Range<UInt64> {
      for (machine, enforcing, observing) in try Self.tables(seed) {
        machines += 1
        #expect(enforcing.mode == .enforcing && observing.mode == .observing)
        #expect(Set(enforcing.objects.map(\.name)) == Set(observing.objects.map(\.name)))
        for chain in observing.chains {
          #expect(chain.base.map { $0.policy == .accept } ?? true, "\(machine.name) \(chain.name)")
          #expect(
            !chain.rules.contains { $0.expressions.contains(where: Self.stops) },
            "\(machine.name) \(chain.name)")
        }
        for set in observing.sets {
          #expect(!set.elements.values.contains(.verdict(.drop)), "\(machine.name) \(set.name)")
        }
      }
    }
    #expect(machines > 200)
  }

  /// The causes for which a trace was, or would have been, dropped, in order.
  private static func causes(_ trace: Trace) -> [DropCause] {
    trace.steps.compactMap { step in
      guard case .counted(let name) = step.outcome else { return nil }
      return NamedCounter.Purpose(counterNamed: name).cause
    }
  }

  @Test(
    "accepts every packet at every hook, and counts what would be dropped for the cause for which it would be"
  )
  func packets() throws {
    var random = SeededGenerator(seed: 14)
    let hooks = [NFT.hookPrerouting, NFT.hookInput, NFT.hookForward, NFT.hookOutput, NFT.hookPostrouting]
    var (dropped, passed) = (0, 0)
    for seed in 0..<120 as Range<UInt64> {
      for (machine, enforcing, observing) in try Self.tables(seed) {
        let walks = (PacketWalk([enforcing]), PacketWalk([observing]))
        for _ in 0..<40 {
          let packet = try Self.packet(&random)
          for hook in hooks {
            let (one, other) = (walks.0.trace(packet, hooks: [hook]), walks.1.trace(packet, hooks: [hook]))
            let what = "seed \(seed), \(machine.name), hook \(hook): \(WalkText.full(packet))"
            #expect(other.verdict == .accept, "\(what)")
            let stopped = one.verdict != .accept
            // The first base chain of the hook that stops the packet gives the cause; the next ones still see it.
            if stopped, let cause = Self.causes(one).last {
              #expect(Self.causes(other).contains(cause), "\(what)")
            }
            if !stopped { #expect(Self.causes(other).isEmpty, "\(what)") }
            if stopped { dropped += 1 } else { passed += 1 }
          }
        }
      }
    }
    #expect(dropped > 5_000 && passed > 5_000, "\(dropped) dropped, \(passed) passed")
  }

  private static func packet(_ random: inout SeededGenerator) throws -> Packet {
    let isIPv4 = Bool.random(using: &random)
    let addresses =
      isIPv4
      ? [
        "10.13.0.1", "10.13.0.2", "10.13.0.200", "192.168.0.7", "192.168.1.7", "203.0.113.10", "198.18.0.1",
        "172.17.0.2", "127.0.0.1",
      ]
      : [
        "fd13::1", "fd13::2", "fd13::99", "fd68:0::7", "fd68:1::7", "2001:db8::10", "2620:fe::9", "fe80::1",
        "ff02::1",
      ]
    func address() throws -> IPAddress {
      try #require(addresses.randomElement(using: &random).flatMap { IPAddress($0) })
    }
    func interface() throws -> InterfaceName {
      try #require(
        ["wg0", "wg1", "eth0", "enp5s0", "docker0", "br-x", "lo", "other"].randomElement(using: &random)
          .flatMap { InterfaceName($0) })
    }
    let transport: IPProtocol =
      [.tcp, .tcp, .udp, isIPv4 ? .icmp : .icmpv6, .esp].randomElement(using: &random) ?? .tcp
    var packet = Packet(
      source: try address(), destination: try address(), transport: transport,
      destinationPort: [22, 53, 80, 443, 5432, 8080, 51820, 4789].randomElement(using: &random) ?? 22,
      input: try interface(), output: try interface())
    packet.inputType = Bool.random(using: &random) ? .ethernet : .linkless
    packet.outputType = Bool.random(using: &random) ? .ethernet : .linkless
    packet.destinationType = [.local, .unicast, .multicast].randomElement(using: &random) ?? .local
    packet.state = [.new, .new, .new, .established, .invalid].randomElement(using: &random) ?? .new
    if Bool.random(using: &random), transport == .tcp { packet.tcpFlags = .ack }
    return packet
  }
}
