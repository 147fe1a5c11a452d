// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor, of ways and the kernel's settings,") struct DoctorWayTests {
  @Test(
    "finds packets that take another way, or do not fit it",
    arguments: [
      DoctorCase(
        "a machine is routed past the tunnel", .route, .error, ["by eth0", "laptop-eric (10.13.13.10)"]
      ) {
        $0.ways["10.13.13.10"] = .leaves(HostFixture.name("eth0"), mtu: nil)
      },
      DoctorCase(
        "what lies behind an encrypted machine goes nowhere", .route, .error,
        ["nowhere", "10.50.0.0/16 behind ec2"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole)]
        $0.ways["10.50.0.1"] = .nowhere
      },
      DoctorCase("without a policy, an AllowedIP", .route, .warning, ["by eth0: 10.60.0.0/16"]) {
        $0.machine = nil
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.ways["10.60.0.1"] = .leaves(HostFixture.name("eth0"), mtu: nil)
      },
      DoctorCase("a full tunnel without the default route", .route, .warning, ["0.0.0.0/0", "by eth0"]) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0", "fd13:13::/64", "10.50.0.0/16"])]
      },
      DoctorCase("a full tunnel with it", .route, nil) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0", "fd13:13::/64", "10.50.0.0/16"])]
        $0.mark = 51820
        $0.ways["9.9.9.9"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase("a tunnel that swallows itself", .route, .error, ["203.0.113.10 go into wg0"], fix: "FwMark")
      {
        $0.ways["203.0.113.10"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase("an endpoint to which there is no way", .route, .error, ["no route to 203.0.113.10"]) {
        $0.ways["203.0.113.10"] = .nowhere
      },
      DoctorCase(
        "packets too large by a byte", .mtu, .warning, ["1441", "eth0 takes 1500"],
        fix: "ip link set wg0 mtu 1440"
      ) {
        $0.interfaces["wg0"] = HostFixture.interface("wg0", 4, $0.inside, kind: "wireguard", mtu: 1441)
        $0.interfaces["docker0"] = nil
      },
      DoctorCase("packets that just fit", .mtu, nil) {
        $0.interfaces["wg0"] = HostFixture.interface("wg0", 4, $0.inside, kind: "wireguard", mtu: 1440)
      },
      DoctorCase("by IPv6 it takes more", .mtu, .warning, ["with 80 more"], fix: "mtu 1420") {
        $0.interfaces["wg0"] = HostFixture.interface("wg0", 4, $0.inside, kind: "wireguard", mtu: 1440)
        $0.interfaces["docker0"] = nil
        $0.peers = [
          HostFixture.peer(HostFixture.ec2Key, HostFixture.whole, endpoint: "[2001:db8:203::10]:51820")
        ]
      },
      DoctorCase(
        "a path of which something was learnt", .mtu, .warning, ["the path to 203.0.113.10 takes 1400"],
        fix: "1340"
      ) {
        $0.ways["203.0.113.10"] = .leaves(HostFixture.name("eth0"), mtu: 1400)
      },
      DoctorCase("containers with larger packets", .mtu, .information, ["docker0 1500"], fix: "1420") {
        $0.interfaces["docker0"] = HostFixture.interface("docker0", 5, ["172.17.0.1/16"], kind: "bridge")
      },
    ])
  func ways(_ one: DoctorCase) throws { try one.judge() }

  @Test(
    "finds settings under which packets are thrown away",
    arguments: [
      DoctorCase(
        "strict, and answers leave by another way", .reversePathFilter, .error, ["10.60.0.0/16"],
        fix: "wg0.rp_filter=2"
      ) {
        $0.settings[.reversePathFilter(HostFixture.name("wg0"))] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.ways["10.60.0.1"] = .leaves(HostFixture.name("eth0"), mtu: nil)
      },
      DoctorCase("strict by all's setting", .reversePathFilter, .error, ["10.60.0.0/16"]) {
        $0.settings[.reversePathFilter(nil)] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.ways["10.60.0.1"] = .nowhere
      },
      DoctorCase("loose by its own, whatever all's is", .reversePathFilter, nil) {
        $0.settings[.reversePathFilter(nil)] = 1
        $0.settings[.reversePathFilter(HostFixture.name("wg0"))] = 2
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.ways["10.60.0.1"] = .nowhere
      },
      DoctorCase("strict, and every answer leaves by the tunnel", .reversePathFilter, nil) {
        $0.settings[.reversePathFilter(nil)] = 1
      },
      DoctorCase(
        "a full tunnel by mark, strict outside", .sourceValidMark, .error, ["eth0 is strict"],
        fix: "rp_filter=2"
      ) {
        $0.mark = 51820
        $0.settings[.reversePathFilter(nil)] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0"])]
        $0.ways["203.0.113.10"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase("the same, where marks count", .sourceValidMark, nil) {
        $0.mark = 51820
        $0.settings[.reversePathFilter(nil)] = 1
        $0.settings[.sourceValidMark] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0"])]
        $0.ways["203.0.113.10"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase("a mark that changes no way", .sourceValidMark, nil) {
        $0.mark = 51820
        $0.settings[.reversePathFilter(nil)] = 1
      },
      DoctorCase(
        "a LAN behind it", .forwarding, .error, ["IPv4", "192.168.1.0/24"], fix: "net.ipv4.ip_forward=1"
      ) {
        $0.settings[.forwarding(.ipv4)] = 0
      },
      DoctorCase("no IPv6 behind it", .forwarding, nil) { $0.settings[.forwarding(.ipv6)] = 0 },
      DoctorCase("the hub", .forwarding, .error, ["IPv6", "hub of wg0 for 2 machines"]) {
        $0.settings[.forwarding(.ipv6)] = 0
        $0.machine = "ec2"
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.1/24", "fd13:13::1/64"], kind: "wireguard", mtu: 1420)
      },
      DoctorCase("containers, without a policy", .forwarding, .warning, ["docker0"]) {
        $0.machine = nil
        $0.settings[.forwarding(.ipv4)] = 0
      },
      DoctorCase("nobody needs it", .forwarding, nil) {
        $0.machine = nil
        $0.settings[.forwarding(.ipv4)] = 0
        $0.interfaces["docker0"] = nil
      },
    ])
  func settings(_ one: DoctorCase) throws { try one.judge() }
}
