// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@Suite("Bridges that do not only serve guests") struct SharedBridgeTests {
  private static func interface(_ name: String, _ index: UInt32, kind: String? = nil, master: UInt32? = nil)
    throws -> NetworkInterface
  {
    NetworkInterface(
      name: try #require(InterfaceName(name)), index: index, addresses: [], state: .up, kind: kind,
      master: master)
  }

  @Test("are detected by a port that does not belong to a guest, or by the default route")
  func reasons() throws {
    let interfaces = [
      try Self.interface("br-lan", 1, kind: "bridge"), try Self.interface("eth0", 2, master: 1),
      try Self.interface("br-0123456789ab", 3, kind: "bridge"),
      try Self.interface("veth1", 4, kind: "veth", master: 3),
      try Self.interface("virbr0", 5, kind: "bridge"), try Self.interface("vnet0", 6, kind: "tun", master: 5),
      try Self.interface("br-vlan", 7, kind: "bridge"),
      try Self.interface("eth1.5", 8, kind: "vlan", master: 7),
      try Self.interface("br-wan", 9, kind: "bridge"),
      try Self.interface("veth2", 10, kind: "veth", master: 9),
      try Self.interface("docker0", 11, kind: "bridge"), try Self.interface("eth2", 12),
    ]
    let found = SharedBridges(interfaces, outward: [try #require(InterfaceName("br-wan"))]).reasons
    #expect(
      found == [
        try #require(InterfaceName("br-lan")): .port(try #require(InterfaceName("eth0"))),
        try #require(InterfaceName("br-vlan")): .port(try #require(InterfaceName("eth1.5"))),
        try #require(InterfaceName("br-wan")): .defaultRoute,
      ])
  }
}
