// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketSets
import PacketWalk
import PolicyAnalysis
import TemporaryGrants
import PolicyCompiler
import PolicyLanguage
import Ruleset
import Testing

@Suite struct TemporaryGrantRequestTests {
  private func request(_ service: String, from: String, on machine: String = "onprem") throws
    -> TemporaryGrantRequest
  {
    let policy = try shippedPolicy("rootski")
    return try TemporaryGrantRequest(
      policy, machine: try #require(policy.machine(named: machine)), service: service, from: from,
      lasting: try GrantDuration("30m"), who: "eric", because: "a demo")
  }

  private func words(_ request: TemporaryGrantRequest) -> [String] {
    request.parts.flatMap { part in
      part.ranges.map { range in
        let sources = range.prefixes.map(\.description).joined(separator: ",")
        return
          "\(part.zone.name) \(sources) \(range.transport) \(range.ports.lowerBound)-\(range.ports.upperBound)"
      }
    }
  }

  @Test func `a machine is its tunnel addresses, in the tunnel`() throws {
    #expect(
      try words(request("postgres", from: "laptop-eric")) == [
        "wg0 10.13.13.10 tcp 5432-5432", "wg0 fd13:13::10 tcp 5432-5432",
      ])
  }

  @Test func `a hub that relays the packets is named, unless it is the only source`() throws {
    for source in ["laptop-eric", "admins", "wg0"] {
      #expect(try request("8080/tcp", from: source).relays.map(\.hub) == ["ec2"], "\(source)")
    }
    for source in ["ec2", "fleet", "lan", "internet", "198.51.100.0/24"] {
      #expect(try request("8080/tcp", from: source).relays.isEmpty, "\(source)")
    }
    #expect(try request("8080/tcp", from: "laptop-eric", on: "ec2").relays.isEmpty)
  }

  @Test func `a group is its machines without this one`() throws {
    let words = try words(request("9000-9009/tcp", from: "fleet"))
    #expect(words.allSatisfy { $0.hasPrefix("wg0 ") && $0.hasSuffix(" tcp 9000-9009") })
    #expect(words.contains { $0.contains(" 10.13.13.1 ") })
    #expect(!words.contains { $0.contains(" 10.13.13.2 ") })
  }

  @Test func `a prefix is opened in every network that can contain it, and not for guests`() throws {
    #expect(
      try words(request("ssh", from: "198.51.100.0/24")).map { $0.prefix { $0 != " " } } == ["internet"])
    #expect(
      try words(request("ssh", from: "192.168.1.7")).map { $0.prefix { $0 != " " } } == ["lan", "internet"])
  }

  @Test func `a zone is everyone in it, and the internet gives a warning`() throws {
    let request = try request("ssh", from: "internet")
    #expect(words(request) == ["internet 0.0.0.0/0 tcp 22-22", "internet ::/0 tcp 22-22"])
    #expect(request.warnings == ["'ssh' will be open to everyone on the internet for 30m"])
    #expect(try self.request("ssh", from: "lan").warnings.isEmpty)
  }

  static let refused: [(service: String, from: String, word: String)] = [
    ("postgers", "admins", "did you mean 'postgres'?"),
    ("postgres", "laptop-erik", "did you mean 'laptop-eric'?"),
    ("ping", "admins", "has no port"), ("gre", "admins", "has no ports"), ("ipsec", "admins", "has no ports"),
    ("ssh", "onprem", "is this machine"), ("ssh", "ec2.lan", "routes into the tunnel"),
    ("ssh", "10.13.13.10", "write laptop-eric"), ("ssh", "10.13.13.0/25", "name a machine, or the tunnel"),
    ("ssh", "webhooks", "is a list"), ("ssh", "300.0.0.1", "not an address"),
  ]

  @Test(arguments: refused) func `what cannot be opened is refused with a message`(
    service: String, from: String, word: String
  ) throws {
    let error = #expect(throws: TemporaryGrantError.self) { try request(service, from: from) }
    #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    ("90s", 90), ("30m", 1_800), ("2h", 7_200), ("1h30m", 5_400), ("7d", 604_800), ("1s", 1),
    ("168h", 604_800),
  ]) func `a duration is parsed and printed`(text: String, seconds: UInt64) throws {
    #expect(try GrantDuration(text).milliseconds == seconds * 1_000)
    #expect(try GrantDuration(GrantDuration(text).description).milliseconds == seconds * 1_000)
  }

  @Test(arguments: [
    "", "30", "m", "0s", "30x", "8d", "169h", "30m1h", "1h1h", "-5m", "1.5h", "99999999999999999999s", "٣m",
  ]) func `an invalid or too long duration is refused`(text: String) {
    #expect(throws: TemporaryGrantError.self) { try GrantDuration(text) }
  }

  /// A machine's table with a request applied to it.
  private func opened(_ request: TemporaryGrantRequest, _ policy: Policy, _ machine: Machine) throws
    -> KernelTable
  {
    let today = try #require(CalendarDate("2026-11-24"))
    var table = Lowering.table(try PolicyCompiler.compile(policy, machine: machine.name, today: today))
    for case .addElements(let set, let elements) in try request.operations(on: table) {
      let place = try #require(table.sets.firstIndex { $0.name == set.name })
      table.sets[place].elements = elements
    }
    return table
  }

  @Test func `grants in force are listed in the policy's words`() throws {
    let policy = try shippedPolicy("rootski")
    let machine = try #require(policy.machine(named: "onprem"))
    let table = try opened(try request("web", from: "198.51.100.0/24"), policy, machine)
    let found = TemporaryGrant.inForce(in: table, policy: policy, machine: machine)
    #expect(found.map(\.zone) == ["internet"])
    let grant = try #require(found.last)
    #expect(grant.sources.map(\.description) == ["198.51.100.0/24"])
    #expect(grant.services == ["web"])
    #expect(grant.remaining.description == "30m")
    #expect(grant.who == "eric")
    #expect(grant.because == "a demo")
    let ending = grant.endingOperations(on: table)
    #expect(ending.allSatisfy { $0.sense == .remove } && ending.count == 1)
  }

  @Test func `a packet of a temporary grant is accepted and explained, others are dropped`() throws {
    let policy = try shippedPolicy("rootski")
    let machine = try #require(policy.machine(named: "onprem"))
    let table = try opened(try request("9999/tcp", from: "198.51.100.0/24"), policy, machine)
    let today = try #require(CalendarDate("2026-11-24"))
    let site = CompiledSite(policy, today: today, replacing: ["onprem": table])
    let view = site.view(of: machine)
    func ask(_ source: String, _ port: UInt16) throws -> Trace {
      var packet = Packet(
        source: try #require(IPAddress(source)), destination: try #require(IPAddress("203.0.113.9")),
        transport: .tcp, sourcePort: 40_000, destinationPort: port, input: InterfaceName("eth0"),
        destinationType: .local)
      packet.tcpFlags = .syn
      return view.arrival(packet)
    }
    let trace = try ask("198.51.100.77", 9999)
    #expect(trace.verdict == .accept)
    #expect(view.reason(trace) == "temporary grant by eric: a demo")
    #expect(try ask("198.51.101.1", 9999).verdict == .drop)
    #expect(try ask("198.51.100.77", 9998).verdict == .drop)
    // The space walk decides every packet.
    let ends = SpaceWalk(table).ends(
      of: [PacketSpace(.ipv4, input: .present, output: .absent)], hook: NFT.hookPrerouting, .accepted)
    #expect(!ends.contains { $0.verdict == .undetermined })
  }
}
