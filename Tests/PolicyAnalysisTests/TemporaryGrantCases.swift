// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import PacketWalk
import PolicyAnalysis
import PolicyCompiler
import PolicyLanguage
import Ruleset

/// Whether a table accepts a temporary grant in each zone, and nothing else. As compiled, there are none, so
/// that their rules decide no packet: here one is in place for each zone and family.
struct TemporaryGrantCases {
  private static let port: UInt16 = 7_777

  private var packets: [(open: Packet, closed: Packet, range: TemporaryGrantRange, zone: String)] = []

  /// Creates a temporary grant for each zone and family of a machine.
  init(_ view: SiteView) {
    for zone in view.zones {
      let known = view.anyone(in: zone)
      for family in AddressFamily.allCases {
        // A zone with prefixes also has the link-local sources.
        guard let source = known.first(where: { $0.family == family }) ?? IPAddress("fe80::5"),
          source.family == family,
          let destination = IPAddress(family == .ipv4 ? "203.0.113.9" : "2001:db8::9"),
          let input = view.interface(of: zone)
        else { continue }
        func packet(_ port: UInt16) -> Packet {
          var packet = Packet(
            source: source, destination: destination, transport: .tcp, destinationPort: port, input: input)
          packet.inputType = zone.kind == .tunnel ? .linkless : .ethernet
          return packet
        }
        let range = TemporaryGrantRange(
          family: family, sources: source.bits...source.bits, transport: .tcp, ports: Self.port...Self.port,
          life: ElementLife(timeout: 60_000, comment: "eric: a test"))
        packets.append((packet(Self.port), packet(Self.port + 1), range, zone.identifier))
      }
    }
  }

  /// The number of temporary grants.
  var count: Int { packets.count }

  /// Whether each of them accepts its packet, counts it as `opened`, and accepts no other port.
  func hold(in table: KernelTable) -> Bool {
    var opened = table
    for (_, _, range, zone) in packets {
      guard let sets = TemporaryGrantSets(zone: zone, in: table) else { return false }
      for case .addElements(let set, let elements) in sets.adding([range]) {
        guard let place = opened.sets.firstIndex(where: { $0.name == set.name }) else { return false }
        opened.sets[place].elements = elements
      }
    }
    let walk = PacketWalk([opened])
    return packets.allSatisfy { open, closed, _, _ in
      let hooks = [NFT.hookPrerouting, NFT.hookInput]
      let trace = walk.trace(open, hooks: hooks)
      return trace.verdict == .accept && trace.deciding?.outcome == .counted("opened")
        && [.drop, .reject].contains(walk.trace(closed, hooks: hooks).verdict)
    }
  }
}
