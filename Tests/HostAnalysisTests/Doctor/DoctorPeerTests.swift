// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor's peer checks") struct DoctorPeerTests {
  @Test(
    "find peers that do not answer",
    arguments: [
      DoctorCase(
        "no handshake, although packets were sent", .handshake, .error,
        ["ec2 over wg0 has never answered", "203.0.113.10"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["10.13.13.0/24", "fd13:13::/64"], age: nil)]
      },
      DoctorCase(
        "no handshake, and nothing was sent", .handshake, .warning, ["never completed a handshake"]
      ) {
        $0.peers = [
          HostFixture.peer(
            HostFixture.ec2Key, ["10.13.13.0/24", "fd13:13::/64"], age: nil, keepalive: 0, sent: 0)
        ]
      },
      DoctorCase(
        "no handshake, and only the peer can start one", .handshake, .information,
        ["can start one: ec2"], fix: "Endpoint"
      ) {
        $0.peers = [
          HostFixture.peer(
            HostFixture.ec2Key, ["10.13.13.0/24", "fd13:13::/64"], endpoint: nil, age: nil, keepalive: 0,
            sent: 0)
        ]
      },
      DoctorCase(
        "an old handshake, with a keepalive", .handshake, .error, ["3 hours ago", "every 25 seconds"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["10.13.13.0/24", "fd13:13::/64"], age: 3 * 3600)]
      },
      DoctorCase(
        "an old handshake, although packets are being sent", .handshake, .error, ["packets are being sent"]
      ) {
        $0.peers = [
          HostFixture.peer(HostFixture.ec2Key, ["10.13.13.0/24", "fd13:13::/64"], age: 181, keepalive: 0)
        ]
        $0.sentMeanwhile = [HostFixture.ec2Key]
      },
      DoctorCase(
        "an old handshake, idle", .handshake, .information, ["PersistentKeepalive: ec2 for 3 minutes"]
      ) {
        $0.peers = [
          HostFixture.peer(HostFixture.ec2Key, ["10.13.13.0/24", "fd13:13::/64"], age: 181, keepalive: 0)
        ]
      },
      DoctorCase(
        "many peers that must start the handshake: one finding", .handshake, .information,
        ["peer CQkJCQkJ…, peer", "and 2 more"]
      ) {
        $0.machine = nil
        $0.peers = (0..<6).map { place in
          HostFixture.peer(
            place == 0 ? HostFixture.strangerKey : HostFixture.key(UInt8(place) + 100),
            ["10.9.0.\(place)/32"],
            endpoint: nil, age: nil)
        }
      },
      DoctorCase("a handshake exactly at the limit", .handshake, nil) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["10.13.13.0/24", "fd13:13::/64"], age: 180)]
      },
    ])
  func handshake(_ one: DoctorCase) throws { try one.judge() }

  @Test(
    "find prefixes of a tunnel that overlap with networks of this host",
    arguments: [
      DoctorCase(
        "equal to a container bridge's network", .allowedIPsOverlap, .warning,
        ["172.17.0.0/16 is an AllowedIP of ec2 in wg0", "bridge docker0", "only one"]
      ) { $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["172.17.0.0/16"])] },
      DoctorCase(
        "inside the LAN's network", .allowedIPsOverlap, .warning, ["is inside 192.168.1.0/24", "enp5s0"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["192.168.1.64/26"])]
      },
      DoctorCase(
        "contains a container bridge's network", .allowedIPsOverlap, .warning,
        ["172.16.0.0/12", "contains 172.17.0.0/16"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["172.16.0.0/12"])]
      },
      DoctorCase(
        "a network that only Docker knows", .allowedIPsOverlap, .warning, ["Docker's network ingress"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.0.0.0/24"])]
        $0.docker = .known(
          DockerFacts(networks: [DockerNetwork(name: "ingress", subnets: [Prefix("10.0.0.0/24")!])]))
      },
      DoctorCase(
        "the tunnel's prefix is the LAN's network", .allowedIPsOverlap, .warning,
        ["a prefix of wg0", "10.13.13.0/24"]
      ) {
        $0.interfaces["enp5s0"] = HostFixture.interface("enp5s0", 3, ["10.13.13.200/24"])
      },
      DoctorCase(
        "peers of two tunnels have the same prefix", .allowedIPsOverlap, .warning,
        ["10.50.0.0/16", "of wg0 and of wg1"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole)]
        $0.interfaces["wg1"] = HostFixture.interface("wg1", 8, ["10.98.0.1/24"], kind: "wireguard", mtu: 1420)
        $0.otherDevices = [
          WireGuardDevice(
            name: HostFixture.name("wg1"), publicKey: nil, listenPort: 51999,
            peers: [HostFixture.peer(HostFixture.strangerKey, ["10.50.0.0/16"])])
        ]
      },
      DoctorCase("a full tunnel is no overlap", .allowedIPsOverlap, nil) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0", "::/0"])]
      },
      DoctorCase("a full tunnel as two halves is no overlap", .allowedIPsOverlap, nil) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/1", "128.0.0.0/1"])]
      },
    ])
  func overlap(_ one: DoctorCase) throws { try one.judge() }

  @Test(
    "compare AllowedIPs with the policy",
    arguments: [
      DoctorCase(
        "wider than the addresses", .allowedIPsPolicy, .warning, ["ec2's AllowedIPs", "10.77.0.0/16"]
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole + ["10.77.0.0/16"])]
      },
      DoctorCase("the networks behind the hub", .allowedIPsPolicy, nil) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, HostFixture.whole)]
      },
      DoctorCase(
        "a peer that is not a machine", .allowedIPsPolicy, .warning,
        ["not a machine of the policy", "10.13.13.99"]
      ) {
        $0.peers.append(HostFixture.peer(HostFixture.strangerKey, ["10.13.13.99/32"]))
      },
      DoctorCase(
        "identified by its addresses, with another key", .allowedIPsPolicy, .error,
        ["laptop-eric", "differs from the policy's"]
      ) {
        $0.peers.append(HostFixture.peer(HostFixture.strangerKey, ["10.13.13.10/32", "fd13:13::10/128"]))
      },
      DoctorCase("identified by its key", .allowedIPsPolicy, nil) {
        $0.peers.append(HostFixture.peer(HostFixture.ericKey, ["10.13.13.10/32"]))
      },
      DoctorCase(
        "a machine that no peer reaches", .allowedIPsPolicy, .warning, ["laptop-eric", "10.13.13.10"],
        fix: "ec2"
      ) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["10.13.13.1/32", "fd13:13::/64"])]
      },
      DoctorCase("default routes", .allowedIPsPolicy, .information, ["all traffic is routed to ec2"]) {
        $0.peers = [HostFixture.peer(HostFixture.ec2Key, ["0.0.0.0/0", "::/0"])]
      },
    ])
  func allowedIPs(_ one: DoctorCase) throws { try one.judge() }
}
