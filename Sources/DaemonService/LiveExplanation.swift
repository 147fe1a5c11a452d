// SPDX-License-Identifier: GPL-3.0-or-later

internal import LinuxHost
internal import Netlink
package import NetworkModel
internal import PacketWalk
package import PolicyAnalysis
package import PolicyLanguage
internal import Ruleset
internal import HostAnalysis
internal import Enforcement

/// Walks packets through everything that this kernel has loaded, to explain what becomes of them.
package struct LiveExplanation {
  package let explanation: Explanation
  /// What the answer depends on, and what was not walked.
  package let notes: [String]

  /// The interface of a name, where the name is no zone and no tunnel of the policy.
  package static func interface(named name: String?, _ policy: Policy, _ machine: Machine) -> InterfaceName? {
    guard let name, policy.tunnel(named: name) == nil, name != Zone.internet,
      machine.zone(named: name) == nil
    else { return nil }
    return InterfaceName(name)
  }

  /// Asks about packets to a machine of a site, which this host is. `interface` is the one by which they come, where that
  /// is named.
  package init(
    _ question: Question, of site: CompiledSite, on machine: Machine, by interface: InterfaceName?
  ) throws {
    let host = try HostReader.snapshot()
    if let interface, host.interface(named: interface) == nil {
      throw Refusal("'\(interface)' is no zone or tunnel of the policy, and no interface of this host")
    }
    var socket = try NFTablesSocket()
    let tables = try socket.readAll()
    let order = try HookOrder.read()
    let environment = try LiveHostEnvironment()
    let walk = PacketWalk(tables, order: order)
    let packets = LivePackets(question, of: site, on: host, by: interface)
    var notes = packets.notes
    if !tables.contains(where: { $0.name == Ruleset.tableName && $0.family == NFT.familyInet }) {
      notes.append("no ruleset of wgfence is loaded in this kernel")
    }
    if !walk.unwalked.isEmpty {
      notes.append("not walked, and might drop it: \(walk.unwalked.joined(separator: ", "))")
    }
    let view = site.view(of: machine)
    self.notes = notes
    explanation = Explanation(
      ways: packets.asked.map { asked in
        Explanation.way(
          asked.packet, walk.arrival(asked.packet, in: environment), from: asked.source, over: asked.zone,
          on: view)
      })
  }
}
