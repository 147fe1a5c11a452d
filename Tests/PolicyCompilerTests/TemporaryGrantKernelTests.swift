// SPDX-License-Identifier: GPL-3.0-or-later

import Enforcement
import Glibc
import Netlink
import NetworkModel
import PacketWalk
import PolicyAnalysis
import TemporaryGrants
import PolicyCompiler
import PolicyLanguage
import Ruleset
import TestSupport
import Testing

/// Temporary grants and restrictions in a real kernel.
@Suite struct TemporaryGrantKernelTests {
  private static func shipped(_ name: String) throws -> Policy {
    try GoldenPolicy(name: name, path: "policies/\(name).yaml", folder: "").decode()
  }

  private static func table(_ policy: Policy, _ name: String, _ restriction: Restriction = .none) throws
    -> KernelTable
  {
    Lowering.table(
      try PolicyCompiler.compile(
        policy, machine: name, today: try GoldenPolicy.today, restriction: restriction))
  }

  private static func read(_ store: inout KernelRuleset) throws -> KernelTable {
    let read = try store.read()
    return try #require(read.table)
  }

  private static func open(
    _ text: String, _ policy: Policy, _ name: String, for time: String, in store: inout KernelRuleset
  ) throws {
    let order = try TemporaryGrantRequest(
      policy, machine: try #require(policy.machine(named: name)), service: text, from: "198.51.100.0/24",
      lasting: try GrantDuration(time), who: "eric", because: "a demo")
    let read = try store.read()
    try store.commit(try order.operations(on: try #require(read.table)), generation: read.generation)
  }

  @Test func `a temporary grant is not drift, is listed, can be extended, and survives a new table`() throws {
    let policy = try Self.shipped("rootski")
    let machine = try #require(policy.machine(named: "onprem"))
    let desired = try Self.table(policy, "onprem")
    try inNetworkNamespace {
      var store = try KernelRuleset()
      _ = try Enforcer.apply(desired, to: &store)
      try Self.open("9000-9100/tcp", policy, "onprem", for: "1h", in: &store)
      #expect(try Enforcer.plan(desired, in: &store).plan.isEmpty)
      let listed = try nft("list", "set", "inet", "wgfence", "opened-internet-v4")
      #expect(listed.contains("198.51.100.0/24 . tcp . 9000-9100 timeout 1h expires"), "\(listed)")
      #expect(listed.contains("comment \"eric: a demo\""), "\(listed)")

      // The same again, for longer, and a part of it for even longer.
      try Self.open("9000-9100/tcp", policy, "onprem", for: "2h", in: &store)
      try Self.open("9050/tcp", policy, "onprem", for: "3h", in: &store)
      let table = try Self.read(&store)
      let found = TemporaryGrant.inForce(in: table, policy: policy, machine: machine).filter {
        $0.zone == "internet"
      }
      #expect(found.map { $0.remaining.milliseconds / 3_600_000 }.sorted() == [1, 2])

      // It stays with another policy's ruleset, and with one that cannot be applied in place.
      let other = try Self.table(
        try Self.shipped("two-tunnels"), try Self.shipped("two-tunnels").machines[0].name)
      _ = try Enforcer.apply(other, to: &store)
      _ = try Enforcer.apply(desired, to: &store)
      var moved = desired
      let place = try #require(moved.chains.firstIndex { $0.base != nil })
      moved.chains[place].base?.priority += 1
      let outcome = try Enforcer.apply(moved, to: &store)
      #expect(outcome.plan.scope == .whole)
      let after = try #require(TemporaryGrantSets(zone: "internet", in: try Self.read(&store)))
      #expect(after.ranges.count == 3)
      #expect(after.ranges.allSatisfy { $0.life.remaining < 3 * 3_600_000 && $0.life.remaining > 3_600_000 })

      // It can be ended early.
      for grant in TemporaryGrant.inForce(
        in: try Self.read(&store), policy: policy, machine: machine)
      {
        let read = try store.read()
        try store.commit(
          grant.endingOperations(on: try #require(read.table)), generation: read.generation)
      }
      #expect(TemporaryGrantSets.all(in: try Self.read(&store)).allSatisfy { $0.ranges.isEmpty })
    }
  }

  @Test func `a temporary grant lets a real packet in until it ends`() throws {
    let policy = try Self.shipped("rootski")
    let desired = try Self.table(policy, "onprem")
    try inNetworkNamespace {
      func shell(_ text: String) throws -> ProgramResult { try run(["sh", "-c", text]) }
      let peer = try shell("unshare -n sleep 30 >/dev/null 2>&1 & echo $!").output.filter(\.isNumber)
      defer { _ = try? shell("kill \(peer)") }
      usleep(200_000)
      let made = try shell(
        """
        set -e
        ip link add eth0 type veth peer name p0
        ip link set p0 netns \(peer)
        ip address add 198.51.100.7/24 dev eth0
        ip link set eth0 up
        nsenter -t \(peer) -n ip address add 198.51.100.9/24 dev p0
        nsenter -t \(peer) -n ip link set p0 up
        """)
      #expect(made.status == 0, "\(made.errors)")
      // If it is let in, the host refuses it at once, because nothing listens; if not, there is no answer.
      func isLetIn() throws -> Bool {
        let tried = try shell(
          "nsenter -t \(peer) -n timeout 1 bash -c 'exec 3<>/dev/tcp/198.51.100.7/9050'")
        return tried.status != 124 && tried.errors.contains("refused")
      }
      #expect(try isLetIn())
      var store = try KernelRuleset()
      _ = try Enforcer.apply(desired, to: &store)
      #expect(try !isLetIn())
      try Self.open("9050/tcp", policy, "onprem", for: "2s", in: &store)
      #expect(try isLetIn())
      usleep(2_200_000)
      #expect(try !isLetIn())
      #expect(try (store.counters()["opened"]?.packets ?? 0) > 0)
    }
  }

  @Test(arguments: ["rootski", "starter"], Restriction.allCases)
  func `a restricted ruleset loads and can be applied in place`(
    _ name: String, _ restriction: Restriction
  ) throws {
    let policy = try Self.shipped(name)
    for machine in policy.machines {
      let desired = try Self.table(policy, machine.name, restriction)
      try inNetworkNamespace {
        var store = try KernelRuleset()
        _ = try Enforcer.apply(try Self.table(policy, machine.name), to: &store)
        #expect(try Enforcer.apply(desired, to: &store).plan.scope == .inPlace)
        #expect(try Enforcer.plan(desired, in: &store).plan.isEmpty)
      }
    }
  }

  private static func packet(
    _ source: String, _ destination: String, _ transport: IPProtocol, _ port: UInt16,
    from own: UInt16 = 40_000,
    in input: String? = nil, out output: String? = nil
  ) throws -> Packet {
    var packet = Packet(
      source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)),
      transport: transport, sourcePort: own, destinationPort: port,
      input: input.flatMap { InterfaceName($0) },
      output: output.flatMap { InterfaceName($0) }, destinationType: input == nil ? .unicast : .local)
    func type(_ name: String?) -> LinkType { name?.hasPrefix("wg") == true ? .linkless : .ethernet }
    (packet.inputType, packet.outputType) = (type(input), type(output))
    return packet
  }

  @Test(arguments: Restriction.allCases) func `only the failsafe grants are in force`(
    _ restriction: Restriction
  ) throws {
    let walk = PacketWalk([try Self.table(try Self.shipped("rootski"), "ec2", restriction)])
    func arrival(_ packet: Packet) -> TraceVerdict {
      walk.trace(packet, hooks: [NFT.hookPrerouting, NFT.hookInput]).verdict
    }
    let open: TraceVerdict = restriction == .none ? .accept : .drop
    #expect(arrival(try Self.packet("10.13.13.10", "10.13.13.1", .tcp, 22, in: "wg0")) == .accept)
    #expect(arrival(try Self.packet("9.9.9.9", "203.0.113.10", .udp, 51820, in: "eth0")) == .accept)
    #expect(arrival(try Self.packet("9.9.9.9", "203.0.113.10", .tcp, 443, in: "eth0")) == open)
    #expect(arrival(try Self.packet("10.13.13.10", "10.13.13.1", .tcp, 8080, in: "wg0")) == open)
    var relayed = try Self.packet("10.13.13.10", "10.13.13.2", .tcp, 5432, in: "wg0")
    relayed.destinationType = .unicast
    #expect(walk.trace(relayed, hooks: [NFT.hookPrerouting]).verdict == open)
    var outward = try Self.packet("172.17.0.2", "9.9.9.9", .tcp, 443, in: "docker0")
    outward.destinationType = .unicast
    #expect(walk.trace(outward, hooks: [NFT.hookPrerouting]).verdict == open)
    outward.output = InterfaceName("eth0")
    #expect(walk.trace(outward, hooks: [NFT.hookForward]).verdict == open)
  }

  @Test(arguments: Restriction.allCases) func `a host in panic opens no connections`(
    _ restriction: Restriction
  ) throws {
    let walk = PacketWalk([try Self.table(try Self.shipped("rootski"), "ec2", restriction)])
    func departure(_ packet: Packet) -> Trace {
      walk.trace(packet, hooks: [NFT.hookOutput, NFT.hookPostrouting])
    }
    let new = departure(try Self.packet("203.0.113.10", "9.9.9.9", .tcp, 443, out: "eth0"))
    #expect(new.verdict == (restriction == .panic ? .drop : .accept))
    if restriction == .panic {
      #expect(new.steps.contains { $0.outcome == .counted("drop-panic-out") })
    }
    var reply = try Self.packet("10.13.13.1", "10.13.13.10", .tcp, 40_000, from: 22, out: "wg0")
    reply.direction = .reply
    reply.state = .established
    #expect(departure(reply).verdict == .accept)
    #expect(
      departure(try Self.packet("203.0.113.10", "9.9.9.9", .udp, 4_500, from: 51820, out: "eth0")).verdict
        == .accept)
    #expect(
      departure(try Self.packet("0.0.0.0", "255.255.255.255", .udp, 67, from: 68, out: "eth0")).verdict
        == .accept)
    #expect(departure(try Self.packet("127.0.0.1", "127.0.0.1", .tcp, 80, out: "lo")).verdict == .accept)
  }

  @Test func `the last resort loads, and lets in only WireGuard's port`() throws {
    let ruleset = PolicyCompiler.lastResort
    #expect(ruleset.chains.flatMap(\.rules).allSatisfy { $0.origin.comment.hasPrefix("built in: ") })
    GoldenPolicy(name: "last resort", path: "", folder: "Tests/Golden/last-resort").expect(
      RulesetText.text(ruleset), recordedAs: "ruleset.txt")
    try inNetworkNamespace {
      var store = try KernelRuleset()
      _ = try Enforcer.apply(Lowering.table(ruleset), to: &store)
    }
    let walk = PacketWalk([Lowering.table(ruleset)])
    func arrival(_ transport: IPProtocol, _ port: UInt16) throws -> TraceVerdict {
      walk.trace(
        try Self.packet("9.9.9.9", "203.0.113.10", transport, port, in: "eth0"),
        hooks: [NFT.hookPrerouting, NFT.hookInput]
      ).verdict
    }
    #expect(try arrival(.udp, 51820) == .accept)
    #expect(try arrival(.tcp, 22) == .drop)
    #expect(try arrival(.udp, 53) == .drop)
  }
}
