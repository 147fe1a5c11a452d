// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import HostAnalysis
@testable import PolicyAnalysis
@testable import Ruleset

@Suite("The doctor's check of translations") struct DoctorTranslationTests {
  /// The fixture's site, whose ports 8888 and 5432 are granted, with a line of `translate` at line 23.
  private static let site =
    HostFixture.site + "translate:\n  - { at: onprem, forward: [8888/tcp], over: wg0, to: ec2 }\n"

  /// Another program's table that translates a port.
  private static func publishing(_ port: UInt16, table: String = "docker-like") -> KernelTable {
    let container = AddressTranslation.destination(HostFixture.ip("172.17.0.2"), port: 8080)
    return KernelTable(
      family: NFT.familyInet, name: table,
      chains: [
        KernelChain(
          name: "published",
          base: BaseChain(hook: NFT.hookPrerouting, priority: -100, type: "nat", policy: .accept),
          rules: [
            KernelRule(
              expressions: [
                .meta(key: MetaKey.family.rawValue, destination: 1),
                .compare(operation: NFT.equal, source: 1, data: [AddressFamily.ipv4.rawValue]),
              ]
                + HostFixture.port(port, container.expressions), handle: 7)
          ])
      ])
  }

  @Test(
    "finds what another table translates first",
    arguments: [
      DoctorCase(
        "a published port that is forwarded, too", .otherTranslation, .warning,
        [
          "inet docker-like published handle 7", "8888/tcp from laptop-eric", "172.17.0.2 port 8080",
          "line 25",
        ],
        fix: "publish that port elsewhere"
      ) {
        $0.policyText = Self.site
        $0.tables = [Self.publishing(8888)]
      },
      DoctorCase(
        "a socket of the host on a port that is forwarded", .otherTranslation, .information,
        ["a socket of this host listens on port 8888/tcp", "line 25", "over wg0", "to ec2"],
        fix: "forward another port"
      ) {
        $0.policyText = Self.site
        $0.listeners.append(Listener(protocol: .tcp, address: HostFixture.ip("0.0.0.0"), port: 8888))
      },
      DoctorCase("sockets on loopback, of another protocol and on another port", .otherTranslation, nil) {
        $0.policyText = Self.site
        $0.listeners += [
          Listener(protocol: .tcp, address: HostFixture.ip("127.0.0.1"), port: 8888),
          Listener(protocol: .udp, address: HostFixture.ip("0.0.0.0"), port: 8888),
          Listener(protocol: .tcp, address: HostFixture.ip("0.0.0.0"), port: 8889),
        ]
      },
      DoctorCase("another published port", .otherTranslation, nil) {
        $0.policyText = Self.site
        $0.tables = [Self.publishing(5432)]
      },
      DoctorCase("the table of wgfence itself", .otherTranslation, nil) {
        $0.policyText = Self.site
        $0.tables = [Self.publishing(8888, table: Ruleset.tableName)]
      },
      DoctorCase("a published port without a line of 'translate'", .otherTranslation, nil) {
        $0.tables = [Self.publishing(8888)]
      },
    ])
  func translations(_ one: DoctorCase) throws { try one.judge() }
}
