// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import LinuxHost
internal import Netlink
package import NetworkModel
internal import PacketWalk
package import PolicyAnalysis
package import PolicyLanguage
internal import Ruleset
internal import HostAnalysis
internal import Enforcement

/// Walks packets through everything that this kernel has loaded, and explains their verdicts.
package struct LiveExplanation {
  package let explanation: Explanation
  /// Conditions of the answer, and what was not walked.
  package let notes: [String]

  /// The interface with a name; nil if the name is a zone or a tunnel of the policy.
  package static func interface(named name: String?, _ policy: Policy, _ machine: Machine) -> InterfaceName? {
    guard let name, policy.tunnel(named: name) == nil, name != Zone.internet,
      machine.zone(named: name) == nil
    else { return nil }
    return InterfaceName(name)
  }

  /// Walks packets to a machine of a site, which is this host. `interface` is the one on which they arrive; nil if
  /// none was named.
  package init(
    _ question: Question, of site: CompiledSite, on machine: Machine, by interface: InterfaceName?
  ) throws {
    let host = try HostReader.snapshot()
    if let interface, host.interface(named: interface) == nil {
      throw Refusal("'\(interface)' is neither a zone or tunnel of the policy nor an interface of this host")
    }
    let view = site.view(of: machine)
    let tables = try LoadedTables.read().withOrigins(of: view.table)
    let order = try HookOrder.read()
    let environment = try LiveHostEnvironment()
    let spots = BlindSpotReader.read(order: order)
    var walk = PacketWalk(tables, order: order, besides: spots)
    walk.findsAlternatives = true
    let now = Int64(time(nil))
    let packets = LivePackets(question, of: site, on: host, by: interface, in: environment)
    var notes = packets.notes
    if !tables.contains(where: { $0.name == Ruleset.tableName && $0.family == NFT.familyInet }) {
      notes.append("no wgfence ruleset is loaded in this kernel")
    }
    explanation = Explanation(
      paths: packets.asked.map { asked in
        var packet = asked.packet
        packet.time = now
        return Explanation.path(
          packet,
          packet.input == nil
            ? walk.departure(packet, in: environment) : walk.arrival(packet, in: environment),
          from: asked.source, over: asked.zone, on: view)
      })
    let ends = explanation.paths.filter { $0.verdict == .accept }.flatMap(\.hops).map(\.trace.packet?.output)
    for spot in spots {
      switch spot {
      // They see what the rules accept: later packets that the host forwards, and packets for its sockets.
      case .flowtable where ends.contains { $0 != nil }, .socketLookup where ends.contains(nil):
        notes.append(spot.description)
      case .unseen: notes.append(spot.description)
      default: break
      }
    }
    self.notes = notes
  }
}
