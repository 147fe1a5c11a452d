// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PolicyAnalysis
import PolicyLanguage
import PacketWalk
import Testing

@Suite("Explanation") struct ExplanationTests {
  private static let site: @Sendable () throws -> CompiledSite = {
    CompiledSite(try shippedPolicy("rootski"), today: try #require(CalendarDate("2026-11-24")))
  }

  private static func ask(
    _ machine: String, from: String, to: String, destination: String? = nil, over: String? = nil,
    _ reach: Explanation.Reach = .machine
  ) throws -> Explanation {
    let site = try site()
    let asked = try #require(site.policy.machine(named: machine))
    return Explanation(
      try Question(site.policy, machine: asked, from: from, to: to, destination: destination, over: over),
      of: site, reach)
  }

  @Test("follows a packet through an exit node, and a forwarded one to its receiver")
  func beyondTheMachine() throws {
    func ask(_ policy: String, _ machine: String, _ from: String, _ to: String, _ destination: String?) throws
      -> Set<TraceVerdict>
    {
      let site = CompiledSite(
        try shippedPolicy(policy), today: try #require(CalendarDate("2026-11-24")))
      let asked = try #require(site.policy.machine(named: machine))
      let question = try Question(
        site.policy, machine: asked, from: from, to: to, destination: destination, over: nil)
      return Set(Explanation(question, of: site, .across).paths.map(\.verdict))
    }
    #expect(try ask("exit-node", "vps", "laptop", "https", "internet") == [.accept])
    #expect(try ask("exit-node", "vps", "guest", "https", "internet") == [.accept])
    #expect(try ask("exit-node", "vps", "guest", "ssh", "internet") == [.drop])
    #expect(try ask("exit-node", "vps", "internet", "https", "internet") == [.drop])
    #expect(try ask("port-forward", "vps", "internet", "443/tcp", nil) == [.accept])
    // Each machine on the way decides by its own rules.
    func stops(_ from: String, _ service: String, _ destination: String = "internet") throws -> [[String]] {
      let site = CompiledSite(
        try shippedPolicy("exit-node"), today: try #require(CalendarDate("2026-11-24")))
      let vps = try #require(site.policy.machine(named: "vps"))
      let question = try Question(
        site.policy, machine: vps, from: from, to: service, destination: destination, over: nil)
      return Explanation(question, of: site, .across).paths.map { path in
        path.hops.map { "\($0.machine) \($0.role.rawValue) \($0.verdict)" }
      }
    }
    // For an address it is the same: WireGuard sends it to the machine, because some grant says so.
    for destination in ["internet", "198.51.100.66"] {
      let paths = try stops("laptop", "https", destination)
      #expect(!paths.isEmpty)
      for path in paths {
        #expect(path == ["laptop sender accept", "wg0 tunnel accept", "vps receiver accept"])
      }
    }
    for path in try stops("guest", "ssh") {
      #expect(path == ["guest sender accept", "wg0 tunnel accept", "vps receiver drop"])
    }
    #expect(try ask("port-forward", "home", "vps.internet", "8443/tcp", nil) == [.accept])
    #expect(try ask("port-forward", "home", "vps.internet", "443/tcp", nil) == [.drop])
    #expect(try ask("two-sites-same-numbers", "south", "10.50.1.0/24", "postgres", "10.50.2.20") == [.accept])
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let machine: String
    let from: String
    let to: String
    var destination: String?
    var over: String?
    let verdict: TraceVerdict
    let because: String
    var testDescription: String { "\(from) to \(to) on \(machine) \(destination ?? "") \(over ?? "")" }
  }

  @Test(
    "names the deciding line",
    arguments: [
      Case(
        machine: "onprem", from: "laptop-eric", to: "postgres", verdict: .accept,
        because: "policies/rootski.yaml:38"),
      Case(
        machine: "onprem", from: "admins", to: "22/tcp", verdict: .accept, because: "policies/rootski.yaml:58"
      ),
      Case(
        machine: "onprem", from: "10.13.13.10", to: "postgres", verdict: .accept,
        because: "policies/rootski.yaml:38"),
      Case(machine: "onprem", from: "internet", to: "postgres", verdict: .drop, because: "built in"),
      Case(
        machine: "ec2", from: "internet", to: "web", verdict: .accept, because: "policies/rootski.yaml:46"),
      Case(
        machine: "ec2", from: "webhooks", to: "9443/tcp", verdict: .accept,
        because: "policies/rootski.yaml:48"),
      Case(machine: "onprem", from: "lan", to: "nfs", verdict: .accept, because: "policies/rootski.yaml:40"),
      Case(machine: "onprem", from: "wg0", to: "ssh", verdict: .drop, because: "policies/rootski.yaml:5"),
      Case(
        machine: "onprem", from: "ec2", to: "printing", destination: "lan", verdict: .accept,
        because: "policies/rootski.yaml:51"),
      Case(
        machine: "onprem", from: "ec2", to: "9443/udp", over: "internet", verdict: .drop,
        because: "policies/rootski.yaml:55"),
      Case(
        machine: "onprem", from: "198.51.100.200", to: "51820/udp", verdict: .drop,
        because: "policies/rootski.yaml:34"),
    ])
  func decides(_ test: Case) throws {
    let explanation = try Self.ask(
      test.machine, from: test.from, to: test.to, destination: test.destination, over: test.over)
    #expect(explanation.verdict == test.verdict)
    let hop = try #require(explanation.deciding?.deciding)
    #expect(hop.because.hasPrefix(test.because), "\(hop.because) \(hop.reason)")
    #expect(!hop.trace.steps.isEmpty)
  }

  @Test("has a packet for each family and port")
  func packets() throws {
    let paths = try Self.ask("onprem", from: "admins", to: "docker-swarm").paths
    // Two laptops, two families, four ports and ESP.
    #expect(paths.count == 2 * 2 * 5)
    #expect(Set(paths.map(\.packet.family)) == [.ipv4, .ipv6])
  }

  @Test("covers the sender, the tunnel and the hub, and names the one that refuses")
  func across() throws {
    func roles(_ explanation: Explanation) -> [String] {
      explanation.paths[0].hops.map { "\($0.role) \($0.machine) \($0.verdict)" }
    }
    #expect(
      try roles(Self.ask("onprem", from: "laptop-eric", to: "postgres", .across)) == [
        "sender laptop-eric accept", "tunnel wg0 accept", "hub ec2 accept", "receiver onprem accept",
      ])
    // The hub refuses what the receiver would refuse.
    #expect(
      try roles(Self.ask("onprem", from: "laptop-eric", to: "nfs", .across)) == [
        "sender laptop-eric accept", "tunnel wg0 accept", "hub ec2 drop",
      ])
    #expect(
      try roles(Self.ask("onprem", from: "ec2", to: "postgres", over: "internet", .across)) == [
        "sender ec2 reject"
      ])
    #expect(
      try roles(Self.ask("ec2", from: "onprem.lan", to: "traefik-ui", .across)) == [
        "router onprem accept", "tunnel wg0 accept", "receiver ec2 accept",
      ])
    // No machine has this address in the tunnel: it is in no peer's AllowedIPs.
    let stranger = try Self.ask("onprem", from: "wg0", to: "ssh", .across)
    #expect(roles(stranger) == ["tunnel wg0 drop"])
    #expect(stranger.deciding?.deciding?.because.contains("AllowedIPs") == true)
  }

  @Test(
    "rejects an unknown word",
    arguments: [
      ("laptop-erik", "ssh", nil, nil, "did you mean 'laptop-eric'?"),
      ("internet", "postgers", nil, nil, "did you mean 'postgres'?"),
      ("internet", "0/tcp", nil, nil, "not a service"), ("internet", "80", nil, nil, "not a service"),
      ("internet", "99999/tcp", nil, nil, "not a service"),
      ("internet", "9-8/tcp", nil, nil, "not a service"),
      ("", "ssh", nil, nil, "not a machine"), ("10.13.13.1/24", "ssh", nil, nil, "not a machine"),
      ("internet", "ssh", "dmz", nil, "neither a zone of onprem"),
      ("internet", "ssh", nil, "wg1", "neither a tunnel"),
    ] as [(String, String, String?, String?, String)])
  func refuses(_ from: String, _ to: String, _ destination: String?, _ over: String?, _ words: String) throws
  {
    let error = try #require(throws: QuestionError.self) {
      try Self.ask("onprem", from: from, to: to, destination: destination, over: over)
    }
    #expect(error.description.contains(words), "\(error)")
  }
}
