// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor's checks of routes and settings") struct DoctorRouteTests {
  @Test(
    "find packets that are routed elsewhere or are too large",
    arguments: [
      DoctorCase(
        "a machine is routed outside the tunnel", .route, .error,
        ["through eth0", "laptop-eric (10.13.13.10)"]
      ) {
        $0.routes["10.13.13.10"] = .leaves(HostFixture.name("eth0"), mtu: nil)
      },
      DoctorCase(
        "a subnet behind a machine of encrypt has no route", .route, .error,
        ["nowhere", "10.50.0.0/16 behind ec2"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole)]
        $0.routes["10.50.0.1"] = .nowhere
      },
      DoctorCase("without a policy, an AllowedIP", .route, .warning, ["through eth0: 10.60.0.0/16"]) {
        $0.machine = nil
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.routes["10.60.0.1"] = .leaves(HostFixture.name("eth0"), mtu: nil)
      },
      DoctorCase("a full tunnel without the default route", .route, .warning, ["0.0.0.0/0", "through eth0"]) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0", "fd13:13::/64", "10.50.0.0/16"])]
      },
      DoctorCase("a full tunnel with the default route", .route, nil) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0", "fd13:13::/64", "10.50.0.0/16"])]
        $0.mark = 51820
        $0.routes["9.9.9.9"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase(
        "a routing loop of the tunnel", .route, .error, ["203.0.113.10 are routed into wg0"], fix: "FwMark"
      ) {
        $0.routes["203.0.113.10"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase("an endpoint without a route", .route, .error, ["no route to 203.0.113.10"]) {
        $0.routes["203.0.113.10"] = .nowhere
      },
      DoctorCase(
        "an MTU too large by one byte", .mtu, .warning, ["1441", "eth0 has MTU 1500"],
        fix: "ip link set wg0 mtu 1440"
      ) {
        $0.interfaces["wg0"] = HostFixture.interface("wg0", 4, $0.inside, kind: "wireguard", mtu: 1441)
        $0.interfaces["docker0"] = nil
      },
      DoctorCase("an MTU that just fits", .mtu, nil) {
        $0.interfaces["wg0"] = HostFixture.interface("wg0", 4, $0.inside, kind: "wireguard", mtu: 1440)
      },
      DoctorCase("IPv6 has more overhead", .mtu, .warning, ["with 80 bytes of overhead"], fix: "mtu 1420") {
        $0.interfaces["wg0"] = HostFixture.interface("wg0", 4, $0.inside, kind: "wireguard", mtu: 1440)
        $0.interfaces["docker0"] = nil
        $0.peers = [
          HostFixture.peer(HostFixture.ec2Key, HostFixture.whole, endpoint: "[2001:db8:203::10]:51820")
        ]
      },
      DoctorCase(
        "a known path MTU", .mtu, .warning, ["the path to 203.0.113.10 has MTU 1400"],
        fix: "1340"
      ) {
        $0.routes["203.0.113.10"] = .leaves(HostFixture.name("eth0"), mtu: 1400)
      },
      DoctorCase("containers with a larger MTU", .mtu, .information, ["docker0 1500"], fix: "1420") {
        $0.interfaces["docker0"] = HostFixture.interface("docker0", 5, ["172.17.0.1/16"], kind: "bridge")
      },
    ])
  func routes(_ one: DoctorCase) throws { try one.judge() }

  @Test(
    "find settings that drop packets",
    arguments: [
      DoctorCase(
        "strict, and replies leave through another interface", .reversePathFilter, .error, ["10.60.0.0/16"],
        fix: "wg0.rp_filter=2"
      ) {
        $0.settings[.reversePathFilter(HostFixture.name("wg0"))] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.routes["10.60.0.1"] = .leaves(HostFixture.name("eth0"), mtu: nil)
      },
      DoctorCase("strict by the setting of all", .reversePathFilter, .error, ["10.60.0.0/16"]) {
        $0.settings[.reversePathFilter(nil)] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.routes["10.60.0.1"] = .nowhere
      },
      DoctorCase("loose by its own setting, strict by that of all", .reversePathFilter, nil) {
        $0.settings[.reversePathFilter(nil)] = 1
        $0.settings[.reversePathFilter(HostFixture.name("wg0"))] = 2
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.60.0.0/16"])]
        $0.routes["10.60.0.1"] = .nowhere
      },
      DoctorCase("strict, and every reply leaves through the tunnel", .reversePathFilter, nil) {
        $0.settings[.reversePathFilter(nil)] = 1
      },
      DoctorCase(
        "a full tunnel by mark, strict outside", .sourceValidMark, .error,
        ["eth0 has a strict reverse-path filter"],
        fix: "rp_filter=2"
      ) {
        $0.mark = 51820
        $0.settings[.reversePathFilter(nil)] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0"])]
        $0.routes["203.0.113.10"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase("a full tunnel by mark, with src_valid_mark", .sourceValidMark, nil) {
        $0.mark = 51820
        $0.settings[.reversePathFilter(nil)] = 1
        $0.settings[.sourceValidMark] = 1
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0"])]
        $0.routes["203.0.113.10"] = .leaves(HostFixture.name("wg0"), mtu: nil)
      },
      DoctorCase("a mark that changes no route", .sourceValidMark, nil) {
        $0.mark = 51820
        $0.settings[.reversePathFilter(nil)] = 1
      },
      DoctorCase(
        "a LAN behind the host", .forwarding, .error, ["IPv4", "192.168.1.0/24"], fix: "net.ipv4.ip_forward=1"
      ) {
        $0.settings[.forwarding(.ipv4)] = 0
      },
      DoctorCase("no IPv6 behind the host", .forwarding, nil) { $0.settings[.forwarding(.ipv6)] = 0 },
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
      DoctorCase("nothing needs forwarding", .forwarding, nil) {
        $0.machine = nil
        $0.settings[.forwarding(.ipv4)] = 0
        $0.interfaces["docker0"] = nil
      },
    ])
  func settings(_ one: DoctorCase) throws { try one.judge() }
}
