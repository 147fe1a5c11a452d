// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Ruleset
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

@Suite("The doctor's tunnel checks") struct DoctorTunnelTests {
  private static let container = String(repeating: "ab", count: 32)

  private static func namespace(
    _ addresses: [String], wireGuard: [String] = ["wg0"], container: String? = nil
  )
    -> OtherNamespaces
  {
    let process = ProcessIdentity(pid: 812, name: "wireguard-go", userID: 0, unit: nil, container: container)
    return OtherNamespaces(namespaces: [
      NamespaceFacts(
        kind: container.map { .container(ContainerIdentity(id: $0)) } ?? .process(process), process: process,
        interfaces: [HostFixture.interface("wg0", 9, addresses, kind: "tun", mtu: 1420)],
        wireGuard: wireGuard.map(HostFixture.name))
    ])
  }

  @Test(
    "find a tunnel that ends in a container",
    arguments: [
      DoctorCase(
        "the policy's addresses are in the container and not on the host", .tunnelInContainer, .error,
        ["container abababababab (wireguard-go[812])", "10.13.13.2, fd13:13::2 is on wg0 there"],
        fix: "run WireGuard on the host"
      ) {
        $0.interfaces["wg0"] = nil
        $0.elsewhere = namespace(["10.13.13.2/24", "fd13:13::2/64"], container: container)
      },
      DoctorCase(
        "without a policy, WireGuard is only in the container", .tunnelInContainer, .error,
        ["wg0 with 10.13.13.2"]
      ) {
        $0.machine = nil
        $0.interfaces["wg0"] = nil
        $0.elsewhere = namespace(["10.13.13.2/24"])
      },
      DoctorCase(
        "another tunnel is in the container, and the policy's is on the host", .tunnelInContainer,
        .information, ["10.99.0.1"],
        fix: "nothing"
      ) { $0.elsewhere = namespace(["10.99.0.1/24"]) },
      DoctorCase("the address is on both", .tunnelInContainer, nil) {
        $0.elsewhere = namespace(["10.13.13.2/24"], wireGuard: [])
      },
      DoctorCase("a namespace without a tunnel", .tunnelInContainer, nil) {
        $0.elsewhere = namespace(["172.17.0.2/16"], wireGuard: [])
      },
      DoctorCase("a socket of a WireGuard without an interface", .tunnelInContainer, .information, ["wg7"]) {
        $0.orphans = [HostFixture.name("wg7")]
      },
    ])
  func inContainer(_ one: DoctorCase) throws { try one.judge() }

  @Test("report a tunnel in a container first")
  func first() throws {
    var host = HostFixture()
    host.interfaces["wg0"] = nil
    host.settings[.forwarding(.ipv4)] = 0
    host.elsewhere = Self.namespace(["10.13.13.2/24"])
    #expect(try host.diagnosis().findings.first?.check == .tunnelInContainer)
  }

  @Test(
    "find an incomplete tunnel",
    arguments: [
      DoctorCase(
        "the interface does not exist", .tunnelMissing, .error, ["no interface wg0"], fix: "wg-quick@wg0"
      ) {
        $0.interfaces["wg0"] = nil
      },
      DoctorCase("the interface is not WireGuard", .tunnelMissing, .error, ["veth"]) {
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.2/24", "fd13:13::2/64"], kind: "veth")
        $0.hasDevice = false
      },
      DoctorCase("WireGuard runs in userspace: not missing", .tunnelMissing, nil) {
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.2/24", "fd13:13::2/64"], kind: "tun")
      },
      DoctorCase("the interface is down", .tunnelDown, .error, ["wg0"], fix: "ip link set wg0 up") {
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.2/24", "fd13:13::2/64"], kind: "wireguard", mtu: 1420, state: .down)
      },
      DoctorCase(
        "the interface lacks IPv6", .tunnelWithoutAddress, .error, ["lacks fd13:13::2"],
        fix: "fd13:13::2/64 dev wg0"
      ) {
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.2/24"], kind: "wireguard", mtu: 1420)
      },
      DoctorCase("another interface has its address", .tunnelWithoutAddress, .error, ["docker0 has it"]) {
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["fd13:13::2/64"], kind: "wireguard", mtu: 1420)
        $0.interfaces["docker0"] = HostFixture.interface("docker0", 5, ["10.13.13.2/24"], kind: "bridge")
      },
      DoctorCase(
        "without a policy, the interface has no address", .tunnelWithoutAddress, .warning, ["no address"]
      ) {
        $0.machine = nil
        $0.interfaces["wg0"] = HostFixture.interface("wg0", 4, ["fe80::1/64"], kind: "wireguard", mtu: 1420)
      },
      DoctorCase(
        "ARP for its address is answered on other links", .arpForTunnel, .information, ["10.13.13.2"]
      ) {
        $0.settings[.arpIgnore] = 0
      },
      DoctorCase("a public address is not in endpoint", .endpointLeftOut, .warning, ["2001:db8:198::99"]) {
        $0.interfaces["eth0"] = HostFixture.interface(
          "eth0", 2, ["198.51.100.7/24", "2001:db8:198::7/64", "2001:db8:198::99/64"])
      },
      DoctorCase("private addresses need not be in endpoint", .endpointLeftOut, nil) {
        $0.interfaces["docker0"] = HostFixture.interface(
          "docker0", 5, ["172.17.0.1/16", "fd17::1/64"], kind: "bridge")
      },
      DoctorCase(
        "an interface is in a subnet of another machine", .misplacedAddress, .warning,
        ["eth0 has the address 10.50.3.9/24", "10.50.0.0/16, a subnet of ec2", "over wg0"],
        fix: "zones: { lan: { interfaces: [eth0], prefixes: [10.50.3.0/24] } }"
      ) { $0.interfaces["eth0"] = HostFixture.interface("eth0", 2, ["198.51.100.7/24", "10.50.3.9/24"]) },
      DoctorCase(
        "an interface is in another zone's network", .misplacedAddress, .warning,
        ["eth1 has the address 192.168.1.77/24", "the zone 'lan' of onprem"], fix: "add eth1 to 'interfaces'"
      ) { $0.interfaces["eth1"] = HostFixture.interface("eth1", 8, ["192.168.1.77/24"]) },
      DoctorCase("a bridge of containers has a physical port", .sharedBridge, .warning, ["br-lan", "eth9"]) {
        $0.interfaces["br-lan"] = HostFixture.interface("br-lan", 7, [], kind: "bridge")
        $0.interfaces["eth9"] = HostFixture.interface("eth9", 8, [], master: 7)
      },
      DoctorCase(
        "a bridge of guests is in no zone", .uncoveredBridge, .warning,
        ["the bridge traefik", "lose the internet"],
        fix: "podman*, traefik, virbr*] } }"
      ) {
        $0.interfaces["traefik"] = HostFixture.interface("traefik", 7, ["172.30.0.1/16"], kind: "bridge")
        $0.interfaces["veth1"] = HostFixture.interface("veth1", 8, [], kind: "veth", master: 7)
      },
      DoctorCase("a bridge with a physical port is a network", .uncoveredBridge, nil) {
        $0.interfaces["br0"] = HostFixture.interface("br0", 7, ["192.168.2.1/24"], kind: "bridge")
        $0.interfaces["eth9"] = HostFixture.interface("eth9", 8, [], master: 7)
        $0.interfaces["vnet0"] = HostFixture.interface("vnet0", 9, [], kind: "tun", master: 7)
      },
      DoctorCase("the bridges of libvirt and podman are in 'containers'", .uncoveredBridge, nil) {
        $0.interfaces["virbr0"] = HostFixture.interface("virbr0", 7, ["192.168.122.1/24"], kind: "bridge")
        $0.interfaces["vnet0"] = HostFixture.interface("vnet0", 8, [], kind: "tun", master: 7)
        $0.interfaces["podman0"] = HostFixture.interface("podman0", 9, ["10.88.0.1/16"], kind: "bridge")
      },
      DoctorCase("the tunnel has only IPv4", .ipv6LeftOut, .information, ["2001:db8:198::7"]) {
        $0.policyText = HostFixture.siteWithoutIPv6
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.2/24"], kind: "wireguard", mtu: 1420)
      },
      DoctorCase("neither host nor tunnel has IPv6", .ipv6LeftOut, nil) {
        $0.machine = nil
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.2/24"], kind: "wireguard", mtu: 1420)
        $0.interfaces["eth0"] = HostFixture.interface(
          "eth0", 2, ["198.51.100.7/24", "fe80::7/64", "fd00::7/64"])
      },
      DoctorCase("WireGuard runs in userspace", .userspace, .information, ["wg0"]) {
        $0.interfaces["wg0"] = HostFixture.interface(
          "wg0", 4, ["10.13.13.2/24", "fd13:13::2/64"], kind: "tun", mtu: 1420)
      },
    ])
  func tunnel(_ one: DoctorCase) throws { try one.judge() }
}
