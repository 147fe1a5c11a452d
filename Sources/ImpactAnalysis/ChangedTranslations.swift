// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import Ruleset

/// The live connections whose addresses the wgfence table translated, and would now translate differently or not at all. A
/// connection keeps its translation until it ends, so these must be ended.
public enum ChangedTranslations {
  /// Finds them among tracked connections. The first packet of each is walked as it would be walked with the old table and
  /// with the new one. `others` are the tables of other programs, `order` that of chains with equal priorities.
  public static func find(
    among flows: [LiveFlow], others: [KernelTable], from old: KernelTable?, to new: KernelTable?,
    order: HookOrder?, in environment: any HostEnvironment
  ) -> [LiveFlow] {
    guard let old else { return [] }
    let before = PacketWalk(others + [old], order: order)
    let after = PacketWalk(others + (new.map { [$0] } ?? []), order: order)
    return flows.filter { flow in
      guard !flow.status.isDisjoint(with: [.sourceNAT, .destinationNAT]),
        let packet = firstPacket(flow, environment)
      else { return false }
      let translated = own(before, packet, environment)
      return !translated.isEmpty && translated != own(after, packet, environment)
    }
  }

  /// What the wgfence table translates a packet to.
  private static func own(
    _ walk: PacketWalk, _ packet: Packet, _ environment: any HostEnvironment
  ) -> [Translation] {
    let trace =
      packet.input == nil ? walk.departure(packet, in: environment) : walk.arrival(packet, in: environment)
    return trace.steps.compactMap { step in
      guard step.table == Ruleset.tableName, step.family == NFT.familyInet,
        case .translated(let translation) = step.outcome
      else { return nil }
      return translation
    }
  }

  /// The first packet of a connection; without an input interface this host sent it. Nil if it is not known where it came
  /// from.
  private static func firstPacket(_ flow: LiveFlow, _ environment: any HostEnvironment) -> Packet? {
    let sent = flow.original
    var packet = Packet(
      source: sent.source, destination: sent.destination, transport: flow.transport,
      sourcePort: sent.sourcePort,
      destinationPort: sent.destinationPort, input: nil)
    if flow.transport == .tcp { packet.tcpFlags = .syn }
    if environment.addressType(sent.source, on: nil) == .local { return packet }
    let route = environment.route(RouteQuestion(destination: sent.source, source: nil, input: nil))
    guard let input = route.outputs.first else { return nil }
    packet.input = input
    packet.destinationType = environment.addressType(sent.destination, on: nil) ?? .unicast
    return packet
  }
}
