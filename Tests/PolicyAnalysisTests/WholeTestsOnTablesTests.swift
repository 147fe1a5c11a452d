// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import Testing

/// Runs tests of a policy on machines with a changed ruleset, to check the part of each machine on the packet
/// path.
@Suite("A policy's tests on tables with an extra rule") struct WholeTestsOnTablesTests {
  private static let text = """
    version: 1
    tunnels: { wg0: { prefixes: [10.1.0.0/24, "fd01::/64"], listen: 51820, hub: hub } }
    machines:
      hub: { addresses: { wg0: [10.1.0.1, "fd01::1"] } }
      server:
        addresses: { wg0: [10.1.0.2, "fd01::2"] }
        subnets: [192.168.7.0/24]
        zones: { lan: { interfaces: [eth1, "en*"], prefixes: [192.168.7.0/24] } }
      office:
        addresses: { wg0: [10.1.0.3, "fd01::3"] }
        subnets: [172.16.5.0/24]
        zones: { desks: { interfaces: [eth2], prefixes: [172.16.5.0/24] } }
      laptop: { addresses: { wg0: [10.1.0.10, "fd01::10"] } }
    allow:
      - { to: server, services: [ssh], from: [laptop, office.desks] }
      - { to: server, services: [web], from: lan }
    tests:
    """

  /// The failures of a test if these machines have this rule at the beginning of these chains.
  private func failures(_ test: String, _ changes: [(machine: String, chains: [String], rule: KernelRule)])
    throws
    -> [PolicyTestRun.Failure]
  {
    let policy = try policy("\(Self.text)\n  - \(test)\n")
    var site = CompiledSite(policy, today: try #require(CalendarDate("2026-11-24")))
    for (name, names, rule) in changes {
      var table = site.table(of: try #require(policy.machine(named: name)))
      for chain in names {
        let place = try #require(table.chains.firstIndex { $0.name == chain })
        table.chains[place].rules.insert(rule, at: 0)
      }
      site.replaced[name] = table
    }
    return PolicyTestRun(site).failures
  }

  private let accept = KernelRule(expressions: [.verdict(.accept)])
  private static let everywhere = ["sources", "ingress", "input", "forward"]

  @Test("a deny passes if one machine on the path refuses, and fails if each accepts")
  func relayed() throws {
    let test = "{ from: laptop, to: server, deny: [postgres] }"
    #expect(try failures(test, []).isEmpty)
    #expect(try failures(test, [("server", Self.everywhere, accept)]).isEmpty)
    #expect(try failures(test, [("hub", Self.everywhere, accept)]).isEmpty)
    let both = try failures(
      test, [("server", Self.everywhere, accept), ("hub", Self.everywhere, accept)])
    #expect(both.map(\.machine) == ["server"])
    #expect(both.first?.trace?.verdict == .accept)
  }

  @Test("packets of the hub itself do not pass its forward chain, and relayed packets do")
  func hubItself() throws {
    let change = [(machine: "server", chains: Self.everywhere, rule: accept)]
    let found = try failures("{ from: wg0, to: server, deny: [postgres] }", change)
    #expect(found.map(\.packet?.source) == [IPAddress("10.1.0.1")])
    #expect(try failures("{ from: laptop, to: server, deny: [postgres] }", change).isEmpty)
  }

  @Test(
    "an allow fails on the machine that refuses a part, and names the part", arguments: ["hub", "office"])
  func refusedOnTheWay(machine: String) throws {
    // ip saddr 172.16.5.64-172.16.5.127 drop
    let rule = KernelRule(expressions: [
      .meta(key: MetaKey.family.rawValue, destination: 1),
      .compare(operation: NFT.equal, source: 1, data: [2]),
      .payload(base: NFT.payloadNetwork, offset: 12, length: 4, destination: 1),
      .bitwise(source: 1, destination: 1, mask: [255, 255, 255, 192], xor: [0, 0, 0, 0]),
      .compare(operation: NFT.equal, source: 1, data: [172, 16, 5, 64]), .verdict(.drop),
    ])
    let test = "{ from: office.desks, to: server, allow: [ssh] }"
    #expect(try failures(test, []).isEmpty)
    let found = try failures(test, [(machine, ["forward"], rule)])
    #expect(found.map(\.machine) == [machine])
    #expect(found.first?.part == "172.16.5.64/26 is not let in")
    #expect(found.first?.packet?.source == IPAddress("172.16.5.64"))
    #expect(found.first?.trace?.verdict == .drop)
  }

  @Test("every interface of a zone is checked, and the failing one is walked")
  func interfaces() throws {
    let name = try #require(InterfaceName("enp9s0"))
    func rule(_ verdict: VerdictCode) -> KernelRule {
      KernelRule(expressions: [
        .meta(key: MetaKey.inputName.rawValue, destination: 1),
        .compare(operation: NFT.equal, source: 1, data: SetKey.interface(name)), .verdict(verdict),
      ])
    }
    let denied = try failures(
      "{ from: lan, to: server, deny: [ssh] }", [("server", ["sources", "ingress"], rule(.accept))])
    #expect(denied.map(\.trace?.verdict) == [.accept])
    let allowed = try failures(
      "{ from: lan, to: server, allow: [web] }", [("server", ["ingress"], rule(.drop))])
    #expect(allowed.map(\.trace?.verdict) == [.drop])
  }
}
