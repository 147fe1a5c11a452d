// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import Ruleset
import Testing

@Suite("The walk through devices and bridges, and past what is not in the rules")
struct FrameChainsTests {
  /// A host with a VLAN on a bond of two devices, and an address of its own.
  private struct Host: HostEnvironment {
    static let own = IPAddress(family: .ipv4, bits: 0xc000_0201)

    func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
      address == Self.own ? .local : .unicast
    }
    func route(_ question: RouteQuestion) -> RouteAnswer {
      question.destination == Self.own ? .local : InterfaceName("lan0").map { .interface($0) } ?? .unknown
    }
    func facts(of interface: InterfaceName) -> InterfaceFacts? {
      let kinds = ["bond0.5": "vlan", "bond0": "bond"]
      return InterfaceFacts(index: 1, type: 1, kind: kinds[interface.description])
    }
    func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? { nil }
    func lowerInterfaces(of interface: InterfaceName) -> [InterfaceName] {
      (["bond0.5": ["bond0"], "bond0": ["eth0", "eth1"]][interface.description] ?? []).compactMap {
        InterfaceName($0)
      }
    }
  }

  private static func table(
    _ devices: [String], hook: UInt32 = 0, family: UInt8 = NFT.familyNetdev, _ rule: [Expression]
  ) -> KernelTable {
    let chain = KernelChain(
      name: "c", base: BaseChain(hook: hook, priority: 0, policy: .accept, devices: devices),
      rules: [KernelRule(expressions: rule)])
    return KernelTable(family: family, name: "t", chains: [chain])
  }

  private static func arrival(
    _ tables: [KernelTable], by input: String = "bond0.5", to destination: String = "192.0.2.1",
    besides spots: [BlindSpot] = []
  ) throws -> Trace {
    let packet = Packet(
      source: try #require(IPAddress("198.51.100.7")), destination: try #require(IPAddress(destination)),
      transport: .tcp, destinationPort: 80, input: InterfaceName(input))
    return PacketWalk(tables, besides: spots).arrival(packet, in: Host())
  }

  private static let drop: [Expression] = [.verdict(.drop)]

  @Test("passes the chains of each device below an interface")
  func nested() throws {
    #expect(try Self.arrival([Self.table(["bond0.5"], Self.drop)]).verdict == .drop)
    #expect(try Self.arrival([Self.table(["bond0"], Self.drop)]).verdict == .drop)
    #expect(try Self.arrival([Self.table(["lan0"], Self.drop)]).verdict == .accept)
    let egress = Self.table(["lan0"], hook: NFT.hookNetdevEgress, Self.drop)
    #expect(try Self.arrival([egress]).verdict == .accept)
    #expect(try Self.arrival([egress], to: "192.0.2.200").verdict == .drop)
  }

  @Test("does not know through which of several devices a packet arrives, unless all agree")
  func severalDevices() throws {
    #expect(try Self.arrival([Self.table(["eth0"], Self.drop)]).verdict == .undetermined)
    #expect(try Self.arrival([Self.table(["eth0", "eth1"], Self.drop)]).verdict == .drop)
    #expect(try Self.arrival([Self.table(["eth0"], [.verdict(.accept)])]).verdict == .accept)
  }

  @Test("a chain for devices whose names begin alike is bound to each of them")
  func wildcard() throws {
    #expect(try Self.arrival([Self.table(["eth*"], Self.drop)]).verdict == .drop)
    #expect(try Self.arrival([Self.table(["wlan*"], Self.drop)]).verdict == .accept)
  }

  @Test("the type in the Ethernet header is not known below a VLAN")
  func tagged() throws {
    let isIPv4: [Expression] = [
      .payload(base: NFT.payloadLink, offset: 12, length: 2, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [8, 0]), .verdict(.drop),
    ]
    #expect(try Self.arrival([Self.table(["bond0.5"], isIPv4)]).verdict == .drop)
    #expect(try Self.arrival([Self.table(["bond0"], isIPv4)]).verdict == .undetermined)
    #expect(try Self.arrival([Self.table(["eth9"], isIPv4)], by: "eth9").verdict == .drop)
  }

  @Test(
    "a packet that passes something outside the rules has no verdict; the step says what the rules alone do")
  func obstacles() throws {
    let eth0 = try #require(InterfaceName("eth0"))
    let lan0 = try #require(InterfaceName("lan0"))
    let filter = KernelTable(
      family: NFT.familyInet, name: "f",
      chains: [
        KernelChain(name: "c", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop), rules: [])
      ])
    func verdict(_ spot: BlindSpot, by input: String = "eth0", to destination: String = "192.0.2.1") throws
      -> TraceVerdict
    {
      try Self.arrival([filter], by: input, to: destination, besides: [spot]).verdict
    }
    let trace = try Self.arrival([filter], by: "eth0", besides: [.expressDataPath(eth0, program: 7)])
    #expect(
      trace.steps.last?.outcome
        == .undetermined(
          expression:
            "the XDP program 7 on eth0 receives packets before any rule does; by the rules alone: drop"))
    #expect(try verdict(.expressDataPath(eth0, program: 7), by: "wg0") == .drop)
    #expect(try verdict(.trafficControl(eth0, .ingress, filters: ["u32"])) == .undetermined)
    #expect(try verdict(.trafficControl(eth0, .egress, filters: ["u32"])) == .drop)
    #expect(try verdict(.trafficControl(lan0, .egress, filters: ["u32"]), to: "192.0.2.200") == .undetermined)
    #expect(try verdict(.interfacePrograms(eth0, .tcxIngress, count: 1)) == .undetermined)
    #expect(try verdict(.interfacePrograms(eth0, .tcxEgress, count: 1)) == .drop)
    #expect(try verdict(.hookFunction("x", family: "ip", hook: "prerouting")) == .undetermined)
    #expect(try verdict(.hookFunction("x", family: "ip6", hook: "prerouting")) == .drop)
    #expect(try verdict(.hookFunction("x", family: "ip", hook: "forward")) == .drop)
    #expect(try verdict(.legacyTable(.arp, name: "filter", .count(1))) == .drop)
    #expect(try verdict(.socketLookup(count: 1)) == .drop)
  }

  @Test("a service of IPVS matters to packets that the rules deliver to this host")
  func virtualServices() throws {
    let spot = BlindSpot.virtualServices([.address(.tcp, Host.own, port: 80), .mark(5)])
    #expect(try Self.arrival([], by: "eth0", besides: [spot]).verdict == .undetermined)
    let other = BlindSpot.virtualServices([
      .address(.tcp, Host.own, port: 81), .address(.udp, Host.own, port: 80),
    ])
    #expect(try Self.arrival([], by: "eth0", besides: [other]).verdict == .accept)
    let drops = KernelTable(
      family: NFT.familyInet, name: "f",
      chains: [
        KernelChain(name: "c", base: BaseChain(hook: NFT.hookInput, priority: 0, policy: .drop), rules: [])
      ])
    #expect(try Self.arrival([drops], by: "eth0", besides: [spot]).verdict == .drop)
    #expect(try Self.arrival([], by: "eth0", to: "192.0.2.200", besides: [spot]).verdict == .accept)
  }
}
