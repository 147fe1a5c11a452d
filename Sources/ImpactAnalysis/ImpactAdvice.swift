// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset

/// Says what would keep an essential flow working. Lines of `allow` were tried: with them, every packet of the flow gets
/// through, and every reply.
struct ImpactAdvice {
  let bridges: [UncoveredBridges.Finding]
  let addresses: [MisplacedAddresses.Finding]
  private let view: SiteView
  private let facts: ImpactFacts
  private var grants: GrantAdvice
  private let trial: GrantTrial

  /// What can be advised.
  enum Extent {
    /// Lines of the policy, and changes of what it says about the host.
    case lines
    /// Only changes of what it says about the host.
    case hosts
  }

  init(_ facts: ImpactFacts, _ view: SiteView, _ today: CalendarDate) {
    self.facts = facts
    self.view = view
    grants = GrantAdvice(view, today: today, live: view.live)
    trial = GrantTrial(view, today: today, live: view.live)
    bridges =
      UncoveredBridges(
        facts.host.interfaces, on: view.machine, of: view.policy, sharedBridges: facts.sharedBridges
      ).findings
    addresses =
      MisplacedAddresses(
        facts.host.interfaces, on: view.machine, of: view.policy, sharedBridges: facts.sharedBridges
      ).findings
  }

  /// What to do, as a clause without a full stop; nil if it is not known. `broken` are the exchanges of the flow that stop
  /// working; `works` says whether the flow works with a table.
  mutating func fix(
    _ flow: EssentialFlow, _ broken: [EssentialFlow.Exchange], _ extent: Extent,
    works: (KernelTable) -> Bool
  ) -> String? {
    let bridge = bridges.first { flow.kind == .guests && $0.bridge.description == flow.subject }
    if bridge == nil, extent == .lines {
      let lines = broken.compactMap { line($0.packet) }.unique
      if !lines.isEmpty, works(trial.view(with: lines).table) {
        return "add to 'allow': \(lines.map(\.text).joined(separator: " and "))"
      }
    }
    if let bridge { return bridge.fix }
    let interfaces = broken.flatMap { [$0.packet.input, $0.packet.output] }.compactMap { $0 }
    return addresses.first { interfaces.contains($0.interface) }?.fix
  }

  /// The line that lets in a packet for this host, or lets out one that it sends; nil for other packets, and if there is
  /// none.
  private mutating func line(_ packet: Packet) -> GrantLine? {
    let isSent = packet.input == nil
    guard let interface = isSent ? packet.output : packet.input, isSent || packet.destinationType != .unicast,
      let zone = isSent ? view.zone(of: interface) : view.zone(of: interface, from: packet.source),
      let service = service(packet.transport, packet.destinationPort)
    else { return nil }
    let refused = RefusedPacket(
      zone: zone, input: interface, source: packet.source, destination: packet.destination,
      transport: packet.transport, port: packet.destinationPort, route: isSent ? .sent : .local)
    guard case .line(let line) = grants.answer(refused, service) else { return nil }
    return line
  }

  /// The service of a packet: by the name that the policy or the catalogue has for it and little else.
  private func service(_ transport: IPProtocol, _ port: UInt16) -> Service? {
    guard transport.hasPorts else { return Service(written: "ip/\(transport.number)") }
    let named = view.service(transport, port).flatMap { name in
      (view.policy.services + ServiceCatalogue.services).first { $0.name == name }
    }
    let isNarrow = named.map { service in
      service.ports.count <= 2
        && service.ports.allSatisfy { if case .ports(_, let range) = $0 { range.count == 1 } else { false } }
    }
    return isNarrow == true ? named : Service(written: "\(port)/\(transport)")
  }
}
