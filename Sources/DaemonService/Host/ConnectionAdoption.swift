// SPDX-License-Identifier: GPL-3.0-or-later

internal import Enforcement
internal import ImpactAnalysis
internal import LinuxHost
internal import Netlink
internal import NetworkModel
internal import PacketWalk
internal import Ruleset

/// Makes conntrack know this host's live connections before the first ruleset is loaded.
enum ConnectionAdoption {
  /// What an adoption did or would do.
  struct Found: Sendable {
    /// The connections that conntrack tracks now.
    let tracked: [LiveFlow]
    /// The entries that the adoption creates and replaces.
    let adopted: AdoptedConnections
    /// What is not known, as sentences.
    let gaps: [String]
  }

  /// Reads this thread's network namespace, and finds what must be adopted before this ruleset is loaded. Needs
  /// CAP_NET_ADMIN; changes nothing.
  static func find(before desired: KernelTable) throws(HostReadError) -> Found {
    var tracked: [LiveFlow] = []
    if !Conntrack.isEmpty { _ = try Conntrack.list { tracked.append($0) } }
    let (namespaces, gaps) = try ConnectionReader.read()
    let adopted = AdoptedConnections(
      namespaces, tracked: tracked, desired: desired, interfaces: try LinkTable.read().interfaces,
      in: try LiveHostEnvironment())
    return Found(tracked: tracked, adopted: adopted, gaps: gaps)
  }

  /// Adopts what must be adopted before this ruleset is loaded. Returns sentences about what could not be done.
  static func adopt(before desired: KernelTable) -> [String] {
    do throws(HostReadError) {
      let found = try find(before: desired)
      for flow in found.adopted.reversed { _ = try Conntrack.delete(flow) }
      for flow in found.adopted.created { _ = try Conntrack.create(flow) }
      return found.gaps
    } catch {
      return ["connections that began before the ruleset may end: they could not be adopted: \(error)"]
    }
  }
}

extension ControllerEnvironment {
  /// Adopts the connections of this thread's network namespace.
  func adoptConnections(before desired: KernelTable) {
    for gap in ConnectionAdoption.adopt(before: desired) { say(.warning, "\(gap)") }
  }

  /// Ends the connections of this thread's network namespace whose translation changed.
  func endTranslatedConnections(from old: KernelTable, to new: KernelTable) {
    do {
      var tracked: [LiveFlow] = []
      if !Conntrack.isEmpty { _ = try Conntrack.list { tracked.append($0) } }
      let others = try LoadedTables.read().filter {
        $0.name != Ruleset.tableName || $0.family != NFT.familyInet
      }
      let ended = ChangedTranslations.find(
        among: tracked, others: others, from: old, to: new, order: try HookOrder.read(),
        in: try LiveHostEnvironment())
      for flow in ended { _ = try Conntrack.delete(flow) }
      if !ended.isEmpty {
        let connections = ended.count == 1 ? "1 connection was" : "\(ended.count) connections were"
        say(.warning, "\(connections) ended: their addresses are translated differently now")
      }
    } catch {
      say(.warning, "connections may keep an address translation that the policy no longer has: \(error)")
    }
  }
}
