// SPDX-License-Identifier: GPL-3.0-or-later

import CTestSupport
import Glibc
import NetworkModel
import TestSupport
import Testing

@testable import LinuxHost

@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct HostFactsTests {
  private static func ip(_ words: String) throws {
    try Program.run("/bin/sh", "-c", "ip \(words)")
  }

  private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

  private static func name(_ text: String) throws -> InterfaceName { try #require(InterfaceName(text)) }

  private static func found() throws -> OtherNamespaces {
    try NamespaceReader.read(HostReader.survey(engines: []))
  }

  /// The facts of the namespace of a process, when the process has its own namespace and `isThere` returns
  /// true for it.
  private static func namespace(of process: pid_t, _ isThere: (NamespaceFacts) -> Bool) throws
    -> NamespaceFacts
  {
    try eventually { try found().namespaces.first { $0.process?.pid == process && isThere($0) } }
  }

  @Test("Another namespace is read by a process in it, and the reader's thread stays in its own")
  func otherNamespace() throws {
    try OwnNamespace.run {
      let before = try #require(NetworkNamespace.identity)
      let sleeper = try Program([
        "/usr/bin/unshare", "-n", "/bin/sh", "-c",
        "ip link add wg0 type veth peer name other && ip addr add 10.77.0.1/24 dev wg0 && exec sleep 60",
      ])
      let wanted = try Self.address("10.77.0.1")
      let found = try Self.namespace(of: sleeper.pid) { $0.interface(owning: wanted) != nil }
      #expect(found.interface(owning: wanted)?.name == (try Self.name("wg0")))
      #expect(found.wireGuard.isEmpty)
      #expect(NetworkNamespace.identity == before)
      #expect(try Self.found().namespaces.allSatisfy { $0.kind != .host })
      #expect(try !LinkTable.read().interfaces.contains { $0.owns(wanted) })
    }
  }

  @Test(
    "A userspace WireGuard in another namespace is found by its process",
    .enabled(if: access("/usr/bin/wireguard-go", X_OK) == 0, "needs wireguard-go"))
  func wireGuardElsewhere() throws {
    try OwnNamespace.run {
      let daemon = try Program([
        "/usr/bin/unshare", "-n", "-m", "/bin/sh", "-c",
        "mount -t tmpfs tmpfs /run && mkdir /run/wireguard && exec wireguard-go -f wg9",
      ])
      let found = try Self.namespace(of: daemon.pid) { !$0.wireGuard.isEmpty }
      #expect(found.wireGuard == [try Self.name("wg9")])
      #expect(found.process?.name == "wireguard-go")
    }
  }

  @Test("Without the privilege to read other processes there is a note, and no namespace is listed")
  func unprivileged() throws {
    try OwnNamespace.run {
      let sleeper = try Program(["/usr/bin/unshare", "-n", "/bin/sleep", "60"])
      _ = try Self.namespace(of: sleeper.pid) { _ in true }
      let reading = try onOwnThread {
        let code = ctest_drop_capabilities()
        try #require(code == 0)
        return try Self.found()
      }
      #expect(!reading.namespaces.contains { $0.process?.pid == sleeper.pid })
      #expect(
        reading.gaps.contains { $0.contains("is unknown") || $0.contains("could not be read") }
      )
    }
  }

  @Test("Routes are the kernel's: with marks, path MTUs, no route, and routes to this host itself")
  func routes() throws {
    try OwnNamespace.run {
      try Self.ip("link add one type veth peer name two && ip link set two up && ip link set one up")
      try Self.ip("link add three type veth peer name four && ip link set four up && ip link set three up")
      try Self.ip("addr add 10.9.0.1/24 dev one && ip addr add 10.8.0.1/24 dev three")
      try Self.ip(
        "route add 192.0.2.0/24 via 10.9.0.7 mtu lock 1300 && ip route add 198.51.100.0/24 via 10.9.0.7")
      try Self.ip("route add default via 10.8.0.7 table 77 && ip rule add fwmark 51820 table 77")
      try Self.ip("route add blackhole 203.0.113.0/24 && ip route add prohibit 203.0.114.0/24")
      let host = try HostReader.snapshot()
      func route(_ text: String, mark: UInt32 = 0) throws -> RouteFact? {
        let ask = RouteAsk(try Self.address(text), mark: mark)
        return RouteReader.read([ask], on: host)[ask]
      }
      let (one, three) = (try Self.name("one"), try Self.name("three"))
      #expect(try route("192.0.2.1") == .leaves(one, mtu: 1300))
      #expect(try route("198.51.100.1") == .leaves(one, mtu: nil))
      #expect(try route("198.51.100.1", mark: 51820) == .leaves(three, mtu: nil))
      #expect(try route("10.9.0.1") == .local)
      #expect(try route("203.0.113.1") == .nowhere)
      #expect(try route("203.0.114.1") == .nowhere)
      #expect(try route("9.9.9.9") == .nowhere)
      #expect(try route("2001:db8::1") == .nowhere)
    }
  }

  @Test("Settings are read from the thread's own namespace")
  func settings() throws {
    try OwnNamespace.run {
      try Self.ip("link add wg.1 type veth peer name two")
      // A program writes the settings of the namespace in which it runs.
      try Program.run(
        "/bin/sh", "-c",
        "echo 2 >/proc/sys/net/ipv4/conf/wg.1/rp_filter && echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark "
          + "&& echo 1 >/proc/sys/net/ipv4/ip_forward")
      let read = SettingReader.read(try LinkTable.read().interfaces)
      #expect(read[.reversePathFilter(try Self.name("wg.1"))] == 2)
      #expect(read[.sourceValidMark] == 1)
      #expect(read[.forwarding(.ipv4)] == 1)
      #expect(read[.forwarding(.ipv6)] == 0)
      #expect(read[.reversePathFilter(try Self.name("nowhere"))] == nil)
      #expect(NetworkSetting.reversePathFilter(try Self.name("wg.1")).name == "net.ipv4.conf.wg/1.rp_filter")
    }
  }

  @Test("The facts are read completely, even without WireGuard and Docker")
  func facts() throws {
    try OwnNamespace.run {
      let facts = try HostFactsReader.read(docker: nil)
      #expect(facts.host.interfaces.map(\.name) == [.loopback])
      #expect(facts.wireGuard.devices.isEmpty && facts.wireGuard.unread.isEmpty)
      #expect(facts.settings[.sourceValidMark] != nil)
      #expect(facts.docker.value == nil)
    }
  }
}
