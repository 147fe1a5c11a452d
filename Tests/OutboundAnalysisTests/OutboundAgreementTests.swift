// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import HostAnalysis
import NetworkModel
import PacketSets
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

@testable import OutboundAnalysis

/// What is said of the packets of a class is what a walk says of each of its packets.
@Suite struct OutboundAgreementTests {
  typealias Fixture = OutboundFixture

  private static let outbound: [([String], [String])] = [
    ([], []),
    (
      ["onprem", "onprem.containers"],
      [
        "{ to: internet, services: [https, 8000-8080/tcp, dns], from: onprem }",
        "{ to: 203.0.113.0/24, services: [25/tcp, ping], from: [onprem, onprem.containers] }",
        "{ to: [ec2, eric], services: [9100/tcp], from: onprem }",
        "{ to: 192.168.1.20, services: [631/tcp], from: onprem }",
        "{ to: eric, services: [any], from: onprem.containers }",
      ]
    ),
    (
      [
        "{ from: onprem, to: [9.0.0.0/8, \"2620::/16\"] }",
        "{ from: onprem.containers, to: [169.254.169.254] }",
      ], []
    ),
  ]

  /// A table of another program that drops some of what is sent and forwarded.
  static func other(_ hook: UInt32, port: UInt16, network: [UInt8]) -> KernelTable {
    KernelTable(
      family: NFT.familyInet, name: "other-\(hook)",
      chains: [
        KernelChain(
          name: "leaving", base: BaseChain(hook: hook, priority: 10, policy: .accept),
          rules: [
            KernelRule(expressions: [
              .meta(key: MetaKey.transport.rawValue, destination: 1),
              .compare(operation: 0, source: 1, data: [6]),
              .payload(base: 2, offset: 2, length: 2, destination: 1),
              .compare(operation: 0, source: 1, data: [UInt8(port >> 8), UInt8(port & 0xff)]),
              .verdict(.drop),
            ]),
            KernelRule(expressions: [
              .meta(key: MetaKey.family.rawValue, destination: 1),
              .compare(operation: 0, source: 1, data: [2]),
              .payload(base: 1, offset: 16, length: UInt32(network.count), destination: 1),
              .compare(operation: 0, source: 1, data: network), .verdict(.drop),
            ]),
          ])
      ])
  }

  @Test(arguments: 0..<3, [false, true])
  func `a walk of any packet gives the verdict of its class`(_ number: Int, _ isBeside: Bool) throws {
    let view = try Fixture.site(confine: Self.outbound[number].0, allow: Self.outbound[number].1)
    let others =
      isBeside
      ? [
        Self.other(NFT.hookOutput, port: 8010, network: [203, 0, 113]),
        Self.other(NFT.hookForward, port: 9100, network: [8, 8]),
      ] : []
    let host = try Fixture.host(tables: [view.table] + others)
    let walks = OutboundWalks(host, view, Ingress.all(of: host.survey.host.snapshot, by: view).ingresses)
    var random = SeededGenerator(seed: UInt64(number) + 1)
    let guest = ["172.17.0.2", "fd17::2"].compactMap { IPAddress($0) }
    let bridge = try #require(InterfaceName("docker0"))
    var verdicts: Set<TraceVerdict> = []
    var differences: [String] = []
    for origin in [PacketOrigin.host, .guest(bridge, guest)] {
      let (rows, packets) = try #require(walks.rows(of: origin))
      // Addresses and ports at which something begins or ends, and others.
      let edges = rows.rows.flatMap { row, addresses in
        addresses.intervals.flatMap { [(row.family, $0.lower), (row.family, $0.upper)] }
      }
      let ports = rows.rows.flatMap { row, _ in row.services.intervals.flatMap { [$0.lower, $0.upper] } }
      for _ in 0..<400 {
        let (family, address) = edges.randomElement(using: &random) ?? (.ipv4, 1)
        let isNear = Bool.random(using: &random)
        let bits = isNear ? address : UInt128.random(in: 0...0xffff_ffff, using: &random)
        let destination = IPAddress(family: family, bits: bits)
        guard SentPackets.destinations(family).contains(bits), packets.holes[family]?.contains(bits) != true
        else { continue }
        let service = ports.randomElement(using: &random) ?? 0
        let transport = IPProtocol(number: UInt8(truncatingIfNeeded: service >> 16))
        let isOtherFamily = transport == (family == .ipv4 ? .icmpv6 : .icmp)
        if isOtherFamily { continue }
        var port = UInt16(truncatingIfNeeded: service)
        if Bool.random(using: &random), transport.hasPorts { port = .random(in: 1...(.max), using: &random) }
        guard let own = family == .ipv4 ? IPAddress("198.51.100.7") : IPAddress("2001:db8:198::7") else {
          continue
        }
        let packet = Packet(
          source: origin.address(family) ?? own, destination: destination, transport: transport,
          destinationPort: port, input: origin.input, destinationType: .unicast)
        let said = rows.rows.filter { row, addresses in
          row.family == family && addresses.contains(bits)
            && row.services.contains(PacketSpace.Service.number(packet))
        }.map(\.0.judgement)
        let walked = walks.judgement(walks.trace(packet))
        verdicts.insert(walked.verdict)
        if said != [walked] {
          differences.append(
            "\(packet.destination) \(packet.transport) \(port) by \(origin): \(said) \(walked)")
        }
      }
    }
    #expect(differences.isEmpty, "\(differences.count), such as \(differences.first ?? "")")
    #expect(verdicts.contains(.accept))
    if number > 0 { #expect(verdicts.contains(.reject)) }
    if isBeside { #expect(verdicts.contains(.drop)) }
  }
}
