// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyAnalysis
import Ruleset
import TestSupport
import Testing

@testable import PolicyImport

@Suite("Policies imported from random rules")
struct RandomImportTests {
  private static let listeners = [
    ImportHost.listener(22, by: "sshd"), ImportHost.listener(5432, by: "postgres"),
    ImportHost.listener(3000), ImportHost.listener(8080, at: "198.51.100.7"), ImportHost.listener(5005, .udp),
    ImportHost.listener(53, .udp, at: "0.0.0.0"),
  ]
  private static let networks: [AddressFamily: [String]] = [
    .ipv4: [
      "10.0.0.0/8", "10.13.13.10", "192.168.1.0/25", "192.168.1.20", "203.0.113.0/24", "203.0.113.66",
      "172.17.0.0/16", "0.0.0.0/1", "198.51.100.64/27", "100.64.0.0/10",
    ],
    .ipv6: [
      "fd13:13::10", "fd68:1::/64", "2001:db8::/32", "2001:db8:9::7", "fe80::/10", "fd00::/8", "2000::/3",
    ],
  ]
  private static let ports: [UInt16] = [22, 53, 3000, 5005, 5432, 8080, 9100]

  /// A table like those of iptables, with a chain of its own that rules jump to.
  private static func table(_ family: AddressFamily, _ random: inout SeededGenerator) -> KernelTable {
    let own = (0..<random.number(0...4)).map { _ in rule(family, [.accept, .drop, .return], &random) }
    let rules = (0..<random.number(0...8)).map { _ in
      rule(family, [.accept, .accept, .drop, .jump(chain: "own"), .continue], &random)
    }
    return Rules.table(
      family, rules, policy: random.oneIn(4) ? .accept : .drop,
      [KernelChain(name: "own", base: nil, rules: own)])
  }

  private static func rule(
    _ family: AddressFamily, _ verdicts: [VerdictCode], _ random: inout SeededGenerator
  ) -> KernelRule {
    var parts: [[Expression]] = []
    if random.oneIn(3) {
      parts.append(Rules.input(random.one(of: ["eth0", "wg0", "enp5s0", "docker0", "eth9"])))
    }
    if random.oneIn(2) {
      let network = random.one(of: networks[family] ?? [])
      parts.append(Rules.source(network, random.oneIn(4) ? NFT.notEqual : NFT.equal))
    }
    if random.oneIn(8) {
      let own = ImportHost.interfaces.flatMap(\.addresses).map(\.address).filter { $0.family == family }
      parts.append(Rules.destination(random.one(of: own).description))
    }
    switch random.number(0...5) {
    case 0, 1: parts.append(Rules.port(random.one(of: ports), random.oneIn(4) ? .udp : .tcp))
    case 2:
      let first = random.one(of: ports)
      parts.append(
        Rules.ports(first, first &+ UInt16(random.number(1...3000)), random.oneIn(4) ? .udp : .tcp))
    case 3: parts.append(Rules.transport(random.one(of: [.tcp, .udp, family == .ipv4 ? .icmp : .icmpv6])))
    default: break
    }
    if parts.count > 0, random.oneIn(9) {
      parts.append(Rules.transport(.tcp) + Rules.sourcePort(random.one(of: [53, 80, 1024])))
    }
    return Rules.rule(parts, random.one(of: verdicts))
  }

  /// An address with which rules compare, one beside it, or any other.
  private static func source(_ family: AddressFamily, _ random: inout SeededGenerator) -> IPAddress {
    guard !random.oneIn(4), let prefix = Prefix(random.one(of: networks[family] ?? [])) else {
      return IPAddress(
        family: family, bits: UInt128(random.next()) << 64 | UInt128(random.next()))
    }
    let bits = random.one(of: [
      prefix.address.bits, prefix.last.bits, prefix.address.bits &- 1, prefix.last.bits &+ 1,
      prefix.address.bits | UInt128(random.next()) & (prefix.last.bits ^ prefix.address.bits),
    ])
    return IPAddress(family: family, bits: bits)
  }

  @Test(
    "The imported policy lets in no packet that the rules refuse, and loses none without a comment",
    arguments: 1...8)
  func neverMore(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let tables = AddressFamily.allCases.map { Self.table($0, &random) }
    let basis = try ImportHost.basis(tables, listeners: Self.listeners)
    let imported = try PolicyImport(basis)
    #expect(imported.comparison.gained == [], "\(imported.text)\n\(tables)")
    let view = try ImportFrame(imported.text, imported.machine, basis).view
    let (old, new) = (PacketWalk(tables), PacketWalk([view.table]))
    var accepted = 0
    for _ in 0..<800 {
      let family = random.one(of: AddressFamily.allCases)
      let own = ImportHost.interfaces.dropFirst()
      let input = random.one(of: Array(own))
      let destinations = own.flatMap(\.addresses).map(\.address).filter { $0.family == family }
      let transport = random.one(of: [IPProtocol.tcp, .tcp, .udp, family == .ipv4 ? .icmp : .icmpv6])
      let packet = Packet(
        source: Self.source(family, &random), destination: random.one(of: destinations),
        transport: transport, sourcePort: random.one(of: [53, 80, 1024, 40_000, 55_555]),
        destinationPort: random.oneIn(9)
          ? UInt16(truncatingIfNeeded: random.next()) : random.one(of: Self.ports), input: input.name)
      guard new.arrival(packet, in: ImportHost()).verdict == .accept else { continue }
      let isBuiltIn = transport == .udp && [68, 546, 51820].contains(packet.destinationPort)
      // On the interface of a zone with prefixes, other sources are judged as those of the internet.
      let isLocal = ["192.168.1.0/24", "fd68:1::/64", "fe80::/10", "169.254.0.0/16"].contains {
        Prefix($0)?.contains(packet.source) == true
      }
      // A grant opens a port at every address; at the others of these nothing listens.
      let isUnheard =
        packet.transport == .tcp && packet.destinationPort == 8080
        && packet.destination.description != "198.51.100.7" && family == .ipv4
      if isBuiltIn || isUnheard || (input.name.description == "enp5s0" && !isLocal) { continue }
      accepted += 1
      let verdict = old.arrival(packet, in: ImportHost()).verdict
      #expect(verdict == .accept, "\(packet)\n\(imported.text)\n\(tables)")
    }
    // Where something is granted, the packets above meet it.
    if !imported.grants.isEmpty, imported.grants.contains(where: { $0.from.contains("internet") }) {
      #expect(accepted > 0, "\(imported.text)")
    }
    for difference in imported.comparison.lost {
      #expect(
        imported.remarks.contains { $0.what.contains(difference.service) },
        "no comment on \(difference)")
    }
  }
}
