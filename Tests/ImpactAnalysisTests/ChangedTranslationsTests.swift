// SPDX-License-Identifier: GPL-3.0-or-later

import AnalysisTestSupport
import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyLanguage
import Ruleset
import Testing

@testable import ImpactAnalysis

@Suite("Connections whose translation changes")
struct ChangedTranslationsTests {
  private struct Host: HostEnvironment {
    func addressType(_ address: IPAddress, on interface: InterfaceName?) -> AddressType? {
      address.description == "203.0.113.10" || address.description == "10.66.0.1" ? .local : .unicast
    }
    func route(_ question: RouteQuestion) -> RouteAnswer {
      if addressType(question.destination, on: nil) == .local { return .local }
      let name = question.destination.description.hasPrefix("10.66.") ? "wg0" : "eth0"
      return InterfaceName(name).map { .interface($0) } ?? .unknown
    }
    func facts(of interface: InterfaceName) -> InterfaceFacts? {
      InterfaceFacts(index: 1, type: interface.description == "wg0" ? LinkType.linkless.rawValue : 1)
    }
    func translationAddress(on interface: InterfaceName, _ family: AddressFamily) -> IPAddress? {
      IPAddress("203.0.113.10")
    }
  }

  private static func table(_ lines: String) throws -> KernelTable {
    let text = """
      version: 1
      tunnels: { wg0: { prefixes: [10.66.0.0/24], listen: 51820, hub: vps } }
      machines:
        vps: { addresses: { wg0: 10.66.0.1 }, endpoint: 203.0.113.10 }
        home: { addresses: { wg0: 10.66.0.2 } }
        laptop: { addresses: { wg0: 10.66.0.10 } }
      allow:
        - { to: vps.internet, services: [any], from: laptop }
        - { to: vps, services: [https], from: internet }
      \(lines)
      """
    let site = CompiledSite(try policy(text), today: try #require(CalendarDate("2026-11-24")))
    return site.table(of: try #require(site.policy.machine(named: "vps")))
  }

  private static func tuple(_ from: String, _ to: String, _ port: UInt16) throws -> FlowTuple {
    FlowTuple(
      source: try #require(IPAddress(from)), destination: try #require(IPAddress(to)), sourcePort: 40_000,
      destinationPort: port)
  }

  /// One connection through the exit node, one to the forwarded port, one that another program translates, one that
  /// nobody translates.
  private static func flows() throws -> [LiveFlow] {
    let exit = LiveFlow(
      transport: .tcp, original: try tuple("10.66.0.10", "198.51.100.9", 443),
      reply: try tuple("203.0.113.10", "198.51.100.9", 443).inverted, status: [.sourceNAT, .assured])
    let forwarded = LiveFlow(
      transport: .tcp, original: try tuple("198.51.100.7", "203.0.113.10", 443),
      reply: try tuple("198.51.100.7", "10.66.0.2", 8443).inverted, status: [.destinationNAT, .assured])
    let foreign = LiveFlow(
      transport: .tcp, original: try tuple("172.17.0.2", "198.51.100.9", 443),
      reply: try tuple("203.0.113.10", "198.51.100.9", 443).inverted, status: [.sourceNAT, .assured])
    let plain = LiveFlow(
      transport: .tcp, original: try tuple("10.66.0.10", "10.66.0.1", 22),
      reply: try tuple("10.66.0.10", "10.66.0.1", 22).inverted, status: [.assured])
    return [exit, forwarded, foreign, plain]
  }

  private static let masquerade = "  - { at: vps, masquerade: wg0, over: internet }"
  private static func forward(_ port: Int) -> String {
    "  - { at: vps, forward: https, over: internet, to: home, port: \(port) }"
  }

  @Test(
    "are those that a line of 'translate' translated and does not any more, or differently",
    arguments: [
      (masquerade + "\n" + forward(8443), [Int]()), (masquerade, [1]), (forward(8443), [0]),
      (masquerade + "\n" + forward(9443), [1]), (forward(8443) + "\n" + masquerade, []), ("", [0, 1]),
    ])
  func changed(lines: String, ended: [Int]) throws {
    let flows = try Self.flows()
    let old = try Self.table("translate:\n\(Self.masquerade)\n\(Self.forward(8443))")
    let new = try Self.table(lines.isEmpty ? "" : "translate:\n\(lines)")
    let found = ChangedTranslations.find(
      among: flows, others: [], from: old, to: new, order: nil, in: Host())
    #expect(found == ended.map { flows[$0] })
    #expect(
      ChangedTranslations.find(among: flows, others: [], from: nil, to: old, order: nil, in: Host()).isEmpty)
    // Tables that translate alike are not compared with connections at all.
    if ended.isEmpty, lines.hasPrefix(Self.masquerade) { #expect(old.translations == new.translations) }
  }
}
