// SPDX-License-Identifier: GPL-3.0-or-later

import CSys
import CTestSupport
import Glibc
import NetworkModel
import Ruleset
import PacketWalk
import TestSupport
import Testing

@testable import Netlink
@testable import LinuxHost

@Suite(.enabled(if: OwnNamespace.isPermitted, "network namespaces cannot be created here"))
struct BlindSpotTests {
  private static func shell(_ script: String) throws { try Program.run("/bin/sh", "-ec", script) }

  private static func read() -> [BlindSpot] { BlindSpotReader.read(order: HookOrder()) }

  private static func name(_ text: String) throws -> InterfaceName { try #require(InterfaceName(text)) }

  /// A process that attaches a BPF program that lets everything pass, by a link that ends with the process.
  private static func attached(
    type: Int, kind: Int, target: String, verdict: Int, rest: String = "b''"
  ) throws -> Program {
    try Program([
      "/usr/bin/python3", "-c",
      """
      import ctypes, os, platform, socket, struct, time
      libc = ctypes.CDLL(None, use_errno=True)
      number = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
      def bpf(command, attributes):
          buffer = ctypes.create_string_buffer(attributes, len(attributes))
          result = libc.syscall(number, command, buffer, len(attributes))
          if result < 0: raise OSError(ctypes.get_errno(), command)
          return result
      code = ctypes.create_string_buffer(struct.pack('=BBhi', 0xb7, 0, 0, \(verdict)) + struct.pack('=BBhi', 0x95, 0, 0, 0))
      license = ctypes.create_string_buffer(b'GPL')
      program = bpf(5, struct.pack('=IIQQIIQII16sII', \(type), 2, ctypes.addressof(code), ctypes.addressof(license),
                                   0, 0, 0, 0, 0, b'passes', 0, \(kind)))
      link = bpf(28, struct.pack('=IIII', program, \(target), \(kind), 0) + \(rest))
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 4999))
      time.sleep(60)
      """,
    ])
  }

  /// Waits until the process has attached its program. Returns false if the process ended instead, because
  /// this kernel refuses.
  private static func isReady(_ program: Program) throws -> Bool {
    try eventually {
      if try SocketDiagnostics.listeners().listeners.contains(where: { $0.port == 4999 }) { return true }
      return program.hasEnded ? false : nil
    }
  }

  @Test("A namespace with only interfaces and nf_tables has no blind spot")
  func nothing() throws {
    try OwnNamespace.run {
      try Self.shell("ip link add one type veth peer name two; tc qdisc add dev one clsact")
      _ = try nft("add", "table", "inet", "t")
      // BPF programs of netfilter belong to the machine, and only its root may list programs.
      let found = Self.read().filter {
        switch $0 {
        case .netfilterProgram: false
        case .unseen(let what, reason: "Operation not permitted"): !what.hasPrefix("BPF programs")
        default: true
        }
      }
      #expect(found == [])
    }
  }

  @Test("A legacy table of arptables is reported with the number of its rules, without its policies")
  func legacy() throws {
    try OwnNamespace.run {
      guard let path = Self.path(of: "arptables-legacy") else { return }
      try Self.shell("\(path) -P INPUT DROP")
      #expect(BlindSpotReader.legacyTables() == [])
      try Self.shell(
        """
        \(path) -A INPUT -i lo -j DROP
        \(path) -A OUTPUT -o lo -j ACCEPT
        """)
      #expect(BlindSpotReader.legacyTables() == [.legacyTable(.arp, name: "filter", .count(2))])
    }
  }

  @Test(
    "A legacy table that is walked is no blind spot",
    arguments: [("iptables-legacy", UInt8(2)), ("ip6tables-legacy", 10)])
  func walked(program: String, family: UInt8) throws {
    try OwnNamespace.run {
      guard let path = Self.path(of: program) else { return }
      #expect(try LoadedTables.read() == [])
      _ = try nft("add", "table", "ip", "filter")
      try Self.shell("\(path) -P INPUT DROP; \(path) -A INPUT -i lo -j ACCEPT; \(path) -t raw -S")
      #expect(BlindSpotReader.legacyTables() == [])
      let tables = try LoadedTables.read()
      #expect(tables.map(\.subsystem) == [.nfTables, .legacy, .legacy])
      #expect(tables.map(\.name) == ["filter", "filter", "raw"])
      #expect(tables.map(\.family) == [2, family, family])
      #expect(tables[1].chains.map(\.base?.policy) == [.drop, .accept, .accept])
      #expect(tables[1].chains.map(\.rules.count) == [1, 0, 0])
    }
  }

  /// Where a program is; nil, and a line that says so, if it is not installed.
  private static func path(of program: String) -> String? {
    let paths = ["/usr/sbin/\(program)", "/sbin/\(program)"]
    let path = paths.first { access($0, X_OK) == 0 }
    if path == nil { print("skipped: \(program) is not installed") }
    return path
  }

  @Test("Filters of traffic control are reported with interface, direction and kind; disciplines are not")
  func trafficControl() throws {
    try OwnNamespace.run {
      try Self.shell(
        """
        ip link add one type veth peer name two
        ip link add three type veth peer name four
        tc qdisc add dev one clsact
        tc qdisc add dev two clsact
        tc qdisc add dev three ingress
        tc filter add dev one ingress protocol ip u32 match ip dport 80 0xffff flowid 1:1
        tc filter add dev one egress protocol ip u32 match ip dport 80 0xffff flowid 1:1
        tc filter add dev three ingress protocol ip u32 match ip dport 80 0xffff flowid 1:1
        """)
      let found = try TrafficControl.blindSpots(try LinkTable.read().interfaces)
      #expect(
        Set(found) == [
          .trafficControl(try Self.name("one"), .ingress, filters: ["u32"]),
          .trafficControl(try Self.name("one"), .egress, filters: ["u32"]),
          .trafficControl(try Self.name("three"), .ingress, filters: ["u32"]),
        ])
      #expect(found.count == 3)
    }
  }

  @Test("Bridges with two or more ports are reported with the rules that their frames pass")
  func bridges() throws {
    try OwnNamespace.run {
      let setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
      try Self.shell(
        """
        ip link add br-one type bridge
        ip link add br-two type bridge
        ip link add one type veth peer name two
        ip link add three type veth peer name four
        ip link set two master br-one
        ip link set three master br-two
        ip link set four master br-two
        """)
      func bridges() throws -> [BlindSpot] {
        try InterfaceSettings.blindSpots(try LinkTable.read().interfaces)
      }
      let two = try Self.name("br-two")
      guard access(setting, F_OK) == 0 else {
        #expect(try bridges() == [.bridgedPastRules([two])])
        print("skipped: this kernel has no br_netfilter")
        return
      }
      // Since Linux 5.3 these settings belong to the network namespace; before, they belonged to the machine.
      guard let release = KernelRelease.running(), release >= KernelRelease(major: 5, minor: 3) else {
        print("skipped: the settings of br_netfilter belong to the machine")
        return
      }
      try Self.shell("for f in ip ip6; do echo 0 >/proc/sys/net/bridge/bridge-nf-call-${f}tables; done")
      #expect(try bridges() == [.bridgedPastRules([two])])
      try Self.shell("ip link set br-two type bridge nf_call_ip6tables 1")
      #expect(try bridges() == [.bridgedThroughRules([two])])
      try Self.shell("ip link set br-two type bridge nf_call_ip6tables 0; echo 1 >\(setting)")
      #expect(try bridges() == [.bridgedThroughRules([two])])
    }
  }

  @Test("An XDP program is reported with interface and id")
  func expressDataPath() throws {
    try OwnNamespace.run {
      try Self.shell("ip link add one type veth peer name two")
      let program = try Self.attached(type: 6, kind: 37, target: "socket.if_nametoindex('one')", verdict: 2)
      guard try Self.isReady(program) else {
        print("skipped: no XDP program can be attached here")
        return
      }
      let found = try InterfaceSettings.blindSpots(try LinkTable.read().interfaces)
      #expect(found.count == 1)
      guard case .expressDataPath(let interface, let number) = found.first else {
        Issue.record("\(found)")
        return
      }
      #expect(interface.description == "one" && number > 0)
      withExtendedLifetime(program) {}
    }
  }

  @Test("BPF programs attached by tcx are reported with interface and direction", arguments: [46, 47])
  func interfacePrograms(kind: Int) throws {
    try OwnNamespace.run {
      try Self.shell("ip link add one type veth peer name two")
      let program = try Self.attached(
        type: 3, kind: kind, target: "socket.if_nametoindex('one')", verdict: -1, rest: "bytes(16)")
      guard try Self.isReady(program) else {
        print("skipped: no program can be attached by tcx here")
        return
      }
      #expect(
        Self.read().filter { if case .interfacePrograms = $0 { true } else { false } } == [
          .interfacePrograms(try Self.name("one"), kind == 46 ? .tcxIngress : .tcxEgress, count: 1)
        ])
      withExtendedLifetime(program) {}
    }
  }

  @Test("A BPF program that selects sockets is reported only in its own namespace")
  func socketLookup() throws {
    try OwnNamespace.run {
      let program = try Self.attached(
        type: 30, kind: 36, target: "os.open('/proc/self/ns/net', os.O_RDONLY)", verdict: 1)
      guard try Self.isReady(program) else {
        print("skipped: no program that selects sockets can be attached here")
        return
      }
      #expect(Self.read().contains(.socketLookup(count: 1)))
      try OwnNamespace.run { #expect(!Self.read().contains(.socketLookup(count: 1))) }
      withExtendedLifetime(program) {}
    }
  }

  @Test("A BPF program in netfilter's hooks is reported with its hook and priority")
  func netfilterProgram() throws {
    try OwnNamespace.run {
      let program = try Self.attached(
        type: 32, kind: 45, target: "0", verdict: 1, rest: "struct.pack('=IIiI', 2, 1, -4321, 0)")
      guard try Self.isReady(program) else {
        print("skipped: no program can be attached to netfilter here")
        return
      }
      let found = Self.read().filter {
        if case .netfilterProgram("ip", "input", -4321, _) = $0 { true } else { false }
      }
      #expect(found.count == 1)
      withExtendedLifetime(program) {}
    }
  }

  @Test("Flowtables are reported with table and name")
  func flowtables() throws {
    try OwnNamespace.run {
      try Self.shell("ip link add one type veth peer name two")
      #expect(try BlindSpotReader.flowtables() == [])
      do {
        try nft(load: "table inet t { flowtable fast { hook ingress priority 0; devices = { one }; }; }")
      } catch {
        print("skipped: this kernel has no flowtables: \(error)")
        return
      }
      #expect(
        try BlindSpotReader.flowtables() == [.flowtable(family: "inet", table: "t", name: "fast")])
    }
  }

  @Test("Without privileges, what could not be read is reported")
  func unprivileged() throws {
    try OwnNamespace.run {
      #expect(ctest_drop_capabilities() == 0)
      let unseen = Self.read().filter { if case .unseen = $0 { true } else { false } }
      #expect(!unseen.isEmpty)
    }
  }

  @Test("The policies and the end entry of a legacy table do not count as rules")
  func legacyRules() {
    // The table filter has three hooks.
    #expect(LegacyTableInformation.rules(entries: 4, hooks: 0b01110) == 0)
    #expect(LegacyTableInformation.rules(entries: 9, hooks: 0b01110) == 5)
    #expect(LegacyTableInformation.rules(entries: 0, hooks: 0b11111) == 0)
    #expect(LegacyTableInformation.rules(entries: .max, hooks: 0) == Int(UInt32.max) - 1)
    do throws(SystemError) {
      _ = try LegacyTableInformation.read(.ip, table: String(repeating: "x", count: 32))
      Issue.record("a name that is too long for a table was accepted")
    } catch {
      #expect(error.code == ENAMETOOLONG)
    }
  }

  @Test("A flowtable is decoded from its message")
  func flowtableMessage() {
    let bytes: [UInt8] =
      [1, 0, 0, 0] + AttributeReader.encode(Int(CSYS_NFTA_FLOWTABLE_TABLE), Array("t\0".utf8))
      + AttributeReader.encode(Int(CSYS_NFTA_FLOWTABLE_NAME), Array("fast\0".utf8))
    #expect(BlindSpotReader.flowtable(bytes[...]) == .flowtable(family: "inet", table: "t", name: "fast"))
    for length in 0..<bytes.count - 8 { #expect(BlindSpotReader.flowtable(bytes[..<length]) == nil) }
  }

  @Test("The services of IPVS are decoded with their addresses and ports")
  func virtualServices() {
    let text = """
      IP Virtual Server version 1.2.1 (size=4096)
      Prot LocalAddress:Port Scheduler Flags
        -> RemoteAddress:Port Forward Weight ActiveConn InActConn
      TCP  C0000201:0050 wlc persistent 360
        -> 0A000001:0050      Masq    1      0          0
      UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 rr
      FWM  00000101 rr
      """
    #expect(
      BlindSpotReader.virtualServices(text).map(\.description) == [
        "tcp 192.0.2.1:80", "udp [2001:db8::1]:53", "mark 257",
      ])
    #expect(BlindSpotReader.virtualServices("") == [])
  }

  @Test("A legacy table's chain is recognised by its function, and has its priority")
  func legacyHook() {
    func entry(_ function: String, _ priority: [UInt8]?) -> HookOrder.Entry? {
      let number = priority.map { AttributeReader.encode(Int(CSYS_NFNLA_HOOK_PRIORITY), $0) } ?? []
      return HookOrder.entry(
        (number + AttributeReader.encode(Int(CSYS_NFNLA_HOOK_FUNCTION_NAME), Array("\(function)\0".utf8)))[
          ...])
    }
    #expect(entry("ipt_do_table", [0xff, 0xff, 0xfe, 0xd4]) == .legacy(priority: -300))
    #expect(entry("ip6t_do_table", [0, 0, 0, 50]) == .legacy(priority: 50))
    #expect(entry("iptable_mangle_hook", [0xff, 0xff, 0xff, 0x6a]) == .legacy(priority: -150))
    #expect(entry("arpt_do_table", [0, 0, 0, 0]) == .function("arpt_do_table"))
    #expect(entry("ipt_do_table", nil) == .function("ipt_do_table"))
    #expect(entry("nf_confirm", [0x7f, 0xff, 0xff, 0xff]) == .function("nf_confirm"))
  }

  @Test("A legacy table that changes while it is read is read again, as a whole")
  func changing() throws {
    try OwnNamespace.run {
      guard let path = Self.path(of: "iptables-legacy") else { return }
      try Self.shell("\(path) -P INPUT DROP")
      let program = try Program([
        "/bin/sh", "-c",
        "while :; do \(path) -A INPUT -p tcp --dport 80 -j DROP; \(path) -N own; \(path) -F INPUT; \(path) -X own; done",
      ])
      var sizes: Set<Int> = []
      for _ in 0..<2000 {
        for table in try LoadedTables.read() {
          // Rarely it changes at each of the attempts.
          if table.unknown == ["Resource temporarily unavailable"] { continue }
          #expect(table.unknown == [])
          #expect(table.chains.first?.base?.policy == .drop)
          sizes.insert(table.chains.count + table.chains.map(\.rules.count).reduce(0, +))
        }
      }
      program.end()
      #expect(sizes.isSubset(of: [3, 4, 5]) && sizes.count > 1)
    }
  }

  @Test("A hook function is reported; those of conntrack, translation and similar ones are not")
  func functions() {
    var order = HookOrder()
    order.set(
      family: 2, hook: 1,
      [
        .function("ipv4_conntrack_in"), .chain(table: "t", family: 1, chain: "input"),
        .function("nf_confirm"),
        .function("nf_hook_run_bpf"), .function("ipt_do_table"), .function("nf_nat_ipv4_local_in"),
      ])
    order.set(family: 10, hook: 0, [.function("evil [module]"), .function("ipv6_defrag")])
    #expect(
      BlindSpotReader.functions(order) == [
        .hookFunction("nf_hook_run_bpf", family: "ip", hook: "input"),
        .hookFunction("evil [module]", family: "ip6", hook: "prerouting"),
      ])
  }
}
