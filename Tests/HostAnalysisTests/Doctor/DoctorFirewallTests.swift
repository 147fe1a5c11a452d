// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor's firewall checks") struct DoctorFirewallTests {
  @Test(
    "find what blocks granted packets",
    arguments: [
      DoctorCase(
        "the port differs from the policy's", .listenPort, .error, ["51821/udp", "policy says 51820"],
        fix: "listen-port 51820"
      ) {
        $0.listenPort = 51821
        $0.listeners = [Listener(protocol: .udp, address: HostFixture.ip("0.0.0.0"), port: 51821)]
      },
      DoctorCase("no port", .listenPort, .error, ["no port"]) { $0.listenPort = nil },
      DoctorCase("no socket is bound to the port", .listenPort, .error, ["no socket is bound to 51820/udp"]) {
        $0.listeners = []
      },
      DoctorCase(
        "a rule of another table drops it", .listenPort, .error,
        ["inet ufw-like input handle 7 drops", "ec2 at 203.0.113.10", "anyone"],
        fix: "nft delete rule inet ufw-like input handle 7"
      ) {
        $0.tables = [HostFixture.foreign([HostFixture.port(51820, [.verdict(.drop)])])]
      },
      DoctorCase(
        "a chain policy of another table drops it", .listenPort, .error,
        ["inet ufw-like ufw-input policy drops"],
        fix: "ufw allow"
      ) {
        $0.tables = [
          HostFixture.foreign(
            [HostFixture.port(8888, [.verdict(.accept)])], chain: "ufw-input", policy: .drop)
        ]
      },
      DoctorCase(
        "without a policy the port may not be needed", .listenPort, .information, ["inet ufw-like input"]
      ) {
        $0.machine = nil
        $0.tables = [HostFixture.foreign([HostFixture.port(51820, [.verdict(.drop)])])]
      },
      DoctorCase("a rule of another table accepts it", .listenPort, nil) {
        $0.tables = [HostFixture.foreign([HostFixture.port(51820, [.verdict(.accept)])], policy: .drop)]
      },
      DoctorCase(
        "a rule of another table drops a grant", .otherFirewall, .error,
        ["handle 7 drops", "8888/tcp from laptop-eric over wg0", "policy.yaml:19"]
      ) {
        $0.tables = [HostFixture.foreign([HostFixture.port(8888, [.verdict(.drop)])])]
      },
      DoctorCase(
        "a rule of another table drops what the host itself may send", .otherFirewall, .error,
        ["inet ufw-like output handle 7 drops", "7/tcp from onprem"]
      ) {
        $0.policyText = HostFixture.site.replacing(
          "allow:\n",
          with: "confine: [onprem]\nallow:\n  - { to: internet, services: [7/tcp], from: onprem }\n")
        $0.tables = [
          HostFixture.foreign(
            [HostFixture.port(7, [.verdict(.drop)])], chain: "output", hook: NFT.hookOutput)
        ]
      },
      DoctorCase("a rule of another table rejects a grant", .otherFirewall, .error, ["handle 7 rejects"]) {
        $0.tables = [HostFixture.foreign([HostFixture.port(5432, [.reject(type: NFT.rejectICMPX, code: 3)])])]
      },
      DoctorCase(
        "a chain policy of another table drops many grants: one finding", .otherFirewall, .error,
        ["5432/tcp from ec2", "policy.yaml:19, policy.yaml:20, policy.yaml:21"]
      ) {
        $0.tables = [HostFixture.foreign([], policy: .drop)]
      },
      DoctorCase(
        "a rule that the walk cannot evaluate", .otherFirewall, .information, ["numgen", "8888/tcp"],
        fix: "nft -a list chain inet ufw-like input"
      ) {
        $0.tables = [
          HostFixture.foreign([HostFixture.port(8888, [.opaque(name: "numgen", data: []), .verdict(.drop)])])
        ]
      },
      DoctorCase("a rule of another table for packets that are not granted", .otherFirewall, nil) {
        $0.tables = [HostFixture.foreign([HostFixture.port(9999, [.verdict(.drop)])])]
      },
    ])
  func firewalls(_ one: DoctorCase) throws { try one.judge() }
}
