// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc
import NetworkModel
import PacketWalk
import Ruleset
import Testing

@testable import LinuxHost

@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct LinkAndRouteTests {
  private static func ip(_ words: String) throws {
    try Program.run("/bin/sh", "-c", "ip \(words)")
  }

  private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  private static func name(_ text: String) throws -> InterfaceName { try #require(InterfaceName(text)) }

  @Test("Interfaces are read with kind, state, addresses, MTU and master")
  func links() throws {
    try OwnNamespace.run {
      try Self.ip("link add br-test type bridge")
      try Self.ip("link add one type veth peer name two")
      try Self.ip("link set two master br-test mtu 1420")
      try Self.ip(
        "addr add 10.9.0.1/24 dev one && ip addr add 2001:db8::1/64 dev one nodad && ip link set one up")
      try Self.ip("tuntap add wg0 mode tun && ip addr add 10.13.13.2/32 peer 10.13.13.1 dev wg0")
      let table = try LinkTable.read()
      let snapshot = HostSnapshot(interfaces: table.interfaces, listeners: [])
      let bridge = try #require(snapshot.interface(named: try Self.name("br-test")))
      let one = try #require(snapshot.interface(named: try Self.name("one")))
      let two = try #require(snapshot.interface(named: try Self.name("two")))
      let tunnel = try #require(snapshot.interface(named: try Self.name("wg0")))
      let loopback = try #require(snapshot.interface(named: .loopback))
      #expect(
        [bridge.kind, one.kind, two.kind, tunnel.kind, loopback.kind] == [
          "bridge", "veth", "veth", "tun", nil,
        ])
      #expect(one.state == .up && two.state == .down && loopback.state == .up)
      #expect(loopback.isLoopback && !one.isLoopback)
      #expect(two.master == bridge.index && one.master == nil)
      #expect(two.mtu == 1420)
      #expect(one.addresses.map(\.description).prefix(2) == ["10.9.0.1/24", "2001:db8::1/64"])
      #expect(tunnel.addresses.map(\.address) == [try Self.address("10.13.13.2")])
      #expect(loopback.addresses.map(\.description) == ["127.0.0.1/8", "::1/128"])
      #expect(snapshot.interface(owning: try Self.address("10.13.13.2"))?.name == tunnel.name)
    }
  }

  @Test("A packet for an IPv6 group is delivered where the interface joined the group, and only there")
  func groups() throws {
    try OwnNamespace.run {
      try Self.ip("link add one type veth peer name two && ip link set one up && ip link set two up")
      let joined = try Self.address("ff02::12")
      let (one, two) = (try Self.name("one"), try Self.name("two"))
      #expect(ctest_join_group("one", AF_INET6, joined.bytes) >= 0)
      let environment = try LiveHostEnvironment()
      func route(_ group: String, _ input: InterfaceName) throws -> RouteAnswer {
        environment.route(
          RouteQuestion(
            destination: try Self.address(group), source: try Self.address("fe80::9"), input: input))
      }
      #expect(try route("ff02::12", one) == .local)
      #expect(try route("ff02::12", two) == .nowhere)
      #expect(try route("ff02::13", one) == .nowhere)
      #expect(try route("ff02::1", one) == .local)
      #expect(environment.addressType(joined, on: one) == .multicast)
    }
  }

  @Test("An interface that a policy cannot name causes a note, and so does a socket bound to it")
  func unusableName() throws {
    try OwnNamespace.run {
      try Self.ip(#"link add 'a"b' type veth peer name two"#)
      let index = try #require(try LinkTable.read().notes.first)
      guard case .interfaceNameUnusable(#"a"b"#, let number) = index else {
        Issue.record("\(index)")
        return
      }
      let socket = try TestSocket(SOCK_DGRAM, "0.0.0.0", [.device(#"a"b"#)])
      let notes = try HostReader.snapshot().notes
      #expect(notes.contains(.boundInterfaceUnknown(index: number, protocol: .udp, port: socket.port)))
    }
  }

  @Test("Three hundred interfaces are read completely while others are created and deleted")
  func manyLinks() throws {
    try OwnNamespace.run {
      let batch = (0..<150).map { "link add a\($0) type veth peer name b\($0)" }.joined(separator: "\n")
      try Program.run("/bin/sh", "-c", "printf '%s\n' \"$0\" | ip -batch -", batch)
      let churn = try Program([
        "/bin/sh", "-c", "while :; do ip link add x type veth; ip link del x; sleep 0.01; done",
      ])
      for _ in 0..<20 {
        let names = Set(try LinkTable.read().interfaces.map(\.name.description))
        #expect((0..<150).allSatisfy { names.contains("a\($0)") && names.contains("b\($0)") })
      }
      withExtendedLifetime(churn) {}
    }
  }

  @Test("The interface towards an address is the one that the kernel routes to")
  func routes() throws {
    try OwnNamespace.run {
      try Self.ip("link add one type veth peer name two && ip link set two up && ip link set one up")
      try Self.ip("addr add 10.9.0.1/24 dev one && ip addr add 2001:db8::1/64 dev one nodad")
      try Self.ip("route add 192.0.2.0/24 via 10.9.0.7 && ip route add blackhole 198.51.100.0/24")
      try Self.ip("route add prohibit 198.51.101.0/24 && ip -6 route add blackhole 2001:db8:bad::/48")
      let routes = try Routes()
      let one = try Self.name("one")
      func towards(_ text: String, from local: String? = nil) throws -> InterfaceName? {
        try routes.interface(towards: try Self.address(text), from: try local.map { try Self.address($0) })
      }
      #expect(try towards("10.9.0.7") == one)
      #expect(try towards("192.0.2.9") == one)
      #expect(try towards("192.0.2.9", from: "10.9.0.1") == one)
      #expect(try towards("2001:db8::9") == one)
      #expect(try towards("10.9.0.1") == .loopback)
      #expect(try towards("127.0.0.1") == .loopback)
      #expect(try towards("203.0.113.1") == nil)
      #expect(try towards("198.51.100.1") == nil)
      #expect(try towards("198.51.101.1") == nil)
      #expect(try towards("2001:db8:bad::1") == nil)
      #expect(try towards("2001:dead::1") == nil)
      #expect(try towards("10.9.0.7", from: "10.77.0.1") == nil)
      #expect(routes.interface(owning: try Self.address("10.9.0.1")) == one)
      #expect(routes.interface(owning: try Self.address("10.9.0.7")) == nil)
    }
  }
}
