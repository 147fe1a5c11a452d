// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import PacketWalk
import PacketSets
import TestSupport
import Testing

/// Compares the space walk with the walk of single packets.
@Suite("The space walk") struct SpaceWalkTests {
  private static let hooks: [(chain: String, hook: UInt32, PacketSpace.Presence, PacketSpace.Presence)] = [
    ("sources", NFT.hookPrerouting, .present, .absent),
    ("ingress", NFT.hookPrerouting, .present, .absent),
    ("input", NFT.hookInput, .present, .absent), ("forward", NFT.hookForward, .present, .present),
    ("output", NFT.hookOutput, .absent, .present), ("postrouting", NFT.hookPostrouting, .absent, .present),
  ]

  /// The table with only one base chain.
  private static func alone(_ table: KernelTable, _ chain: String) -> KernelTable {
    var alone = table
    alone.chains = table.chains.filter { $0.base == nil || $0.name == chain }
    return alone
  }

  @Test(
    "gives the same verdict as the walk of a packet, and exactly one for each packet",
    arguments: ShippedPolicies.names)
  func agrees(_ name: String) throws {
    let policy = try shippedPolicy(name)
    let site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    var random = SeededGenerator(seed: 7)
    for machine in policy.machines {
      let table = site.table(of: machine)
      let walk = SpaceWalk(table)
      for (chain, hook, input, output) in Self.hooks {
        // Packets of the walk have no source route, and the same protocol before and after a translation.
        let ported = [IPProtocol.tcp, .udp, .sctp].map { PacketSpace.Service.all($0) }
        let transports = ported + [IntervalSet(0, 0xff_ffff).subtracting(IntervalSet.union(ported))]
        let everything = AddressFamily.allCases.flatMap { family in
          transports.compactMap {
            PacketSpace(family, input: input, output: output).narrowed(
              .options, to: PacketSpace.Field.noOptions)?
              .narrowed(.service, to: $0)?.narrowed(.originalService, to: $0)
          }
        }
        let ends = walk.ends(of: everything, chain: chain)
        let packets = PacketWalk([Self.alone(table, chain)])
        for end in ends {
          #expect(end.verdict != .undetermined)
          let packet = end.space.sample()
          #expect(end.space.contains(packet), "\(machine.name) \(chain): \(packet)")
          let trace = packets.trace(packet, hooks: [hook])
          #expect(trace.verdict == end.kernelVerdict, "\(machine.name) \(chain): \(packet)")
          if end.isTagged { #expect((trace.packet?.mark ?? 0) & PacketTag.bit != 0, "\(packet)") }
        }
        for _ in 0..<60 {
          let packet = Self.packet(input, output, policy, &random)
          let holders = ends.filter { $0.space.contains(packet) }
          #expect(holders.count == 1, "\(machine.name) \(chain): \(packet)")
          #expect(holders.first?.kernelVerdict == packets.trace(packet, hooks: [hook]).verdict, "\(packet)")
        }
      }
    }
  }

  /// A packet whose fields have values that rules match, and values that no rule matches.
  private static func packet(
    _ input: PacketSpace.Presence, _ output: PacketSpace.Presence, _ policy: Policy,
    _ random: inout SeededGenerator
  ) -> Packet {
    let names = ["wg0", "wg-dc", "enp5s0", "eth0", "docker0", "br-1", "lo", "wlan0"].compactMap {
      InterfaceName($0)
    }
    let family = random.one(of: AddressFamily.allCases)
    let known =
      policy.machines.flatMap { $0.addresses.flatMap(\.addresses) }
      + ["192.168.1.9", "203.0.113.10", "198.51.100.7", "192.0.2.9", "9.9.9.9", "fe80::1", "2001:db8::1"]
      .compactMap {
        IPAddress($0)
      }
    let addresses = known.filter { $0.family == family }
    let transport = random.one(
      of: [.tcp, .udp, family == .ipv4 ? .icmp : .icmpv6, .sctp, .esp] as [IPProtocol])
    var packet = Packet(
      source: random.one(of: addresses), destination: random.one(of: addresses), transport: transport,
      sourcePort: random.one(of: [40_000, 67, 547, 51_820]),
      destinationPort: random.one(of: [
        22, 53, 68, 80, 546, 631, 2049, 5432, 8080, 8888, 9443, 51_820, 51_821,
      ]),
      input: input == .present ? random.one(of: names) : nil,
      output: output == .present ? random.one(of: names) : nil)
    if transport == .tcp { packet.tcpFlags = random.one(of: [.syn, .ack, [.syn, .ack], .rst]) }
    packet.icmpType = random.one(of: [0, 3, 8, 128, 133, 136, 143])
    packet.hopLimit = random.one(of: [64, 255])
    packet.state = random.one(of: [.new, .established, .related, .invalid, .untracked])
    if packet.state.isDisjoint(with: [.invalid, .untracked]) {
      packet.direction = random.one(of: [.original, .reply])
      packet.status = random.one(of: [[], .destinationNAT, .sourceNAT])
    }
    if packet.status == .destinationNAT { packet.direction = .original }
    packet.destinationType = random.one(of: [.local, .unicast, .multicast, .broadcast])
    packet.inputType = random.one(of: [.ethernet, .linkless])
    packet.outputType = random.one(of: [.ethernet, .linkless])
    if packet.transport.hasPorts, packet.status == .destinationNAT, packet.direction == .original {
      let back = FlowTuple(
        source: packet.destination, destination: packet.source, sourcePort: packet.destinationPort,
        destinationPort: packet.sourcePort)
      var there = back.inverted
      there.destinationPort = random.one(of: [22, 80, 5432, 8080])
      packet.flow = Flow(original: there, reply: back)
    }
    return packet
  }

  @Test("is undetermined at an expression that it does not know")
  func unknown() {
    let chain = KernelChain(
      name: "ingress", base: BaseChain(hook: NFT.hookPrerouting, priority: 0, policy: .drop),
      rules: [KernelRule(expressions: [.opaque(name: "numgen", data: []), .verdict(.accept)])])
    let walk = SpaceWalk(KernelTable(family: NFT.familyInet, name: "t", chains: [chain]))
    let ends = walk.ends(of: [PacketSpace(.ipv4, input: .present, output: .absent)], chain: "ingress")
    #expect(ends.map(\.verdict) == [.undetermined])
  }
}
