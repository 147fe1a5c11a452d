// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PolicyLanguage

/// The targets and sources with which a line of `allow` can name a packet. Only those that the policy language accepts
/// together are given; whether such a line lets the packet in is for `GrantTrial`.
struct GrantCandidates {
  /// Targets with sources, the narrowest first.
  let pairs: [(target: GrantTarget, source: GrantSource)]
  /// Why there is none.
  let absence: String

  init(_ view: SiteView, _ packet: RefusedPacket) {
    let targets = Self.targets(view, packet)
    pairs = targets.flatMap { target in
      Self.sources(view, packet, target).map { (target, $0) }
    }
    absence =
      targets.isEmpty
      ? "no line can name its destination: \(packet.destination) is neither a machine of the policy, nor in its "
        + "'subnets', nor in the prefixes of a zone"
      : packet.zone.kind == .tunnel
        ? "its source is not behind any machine of the policy: add its prefix to a zone or to 'subnets'"
        : "a grant cannot name this source at \(targets[0].machine)"
  }

  /// The targets that contain the destination.
  private static func targets(_ view: SiteView, _ packet: RefusedPacket) -> [GrantTarget] {
    let (own, address) = (view.machine, packet.destination)
    if packet.route == .local { return [.machine(own.name)] }
    let others = view.policy.machines.filter { $0.name != own.name }
    var targets: [GrantTarget] = others.filter { other in
      other.addresses.contains { $0.addresses.contains(address) }
    }.map { .machine($0.name) }
    for machine in [own] + others {
      if machine.subnets.contains(where: { $0.contains(address) }) {
        targets.append(.subnet(machine: machine.name, prefix: Prefix(address)))
      }
      // The wider of the two: only where no subnet contains it.
      if targets.isEmpty {
        targets += machine.zones.filter { zone in
          zone.name != Zone.containers && (machine.name == own.name || zone.prefixOrigin == .written)
            && zone.prefixes.contains { $0.contains(address) }
        }.map { .zone(machine: machine.name, zone: $0.name) }
      }
    }
    // What no machine has behind it is only for what a confined sender sends.
    if targets.isEmpty, isConfined(view, packet) {
      targets = [
        .subnet(machine: own.name, prefix: Prefix(address)), .zone(machine: own.name, zone: Zone.internet),
      ]
    }
    return targets
  }

  /// Whether `confine` names the sender of a packet.
  private static func isConfined(_ view: SiteView, _ packet: RefusedPacket) -> Bool {
    let sender: Confinement.Sender
    switch (packet.route, packet.zone.kind) {
    case (.sent, _): sender = .host
    case (.through, .containers): sender = .containers
    case (.local, _), (.through, _): return false
    }
    return !view.policy.confinements(of: view.machine.name, sender).isEmpty
  }

  /// The sources that name the packet's, at the machine of a target.
  private static func sources(_ view: SiteView, _ packet: RefusedPacket, _ target: GrantTarget)
    -> [GrantSource]
  {
    let (own, policy, address) = (view.machine, view.policy, packet.source)
    let isHere = target.machine == own.name
    if isConfined(view, packet) {
      return [
        packet.route == .sent ? .machine(own.name) : .machineZone(machine: own.name, zone: Zone.containers)
      ]
    }
    if packet.route == .sent { return [] }
    switch packet.zone.kind {
    case .containers: return isHere ? [.zone(packet.zone.name)] : []
    case .tunnel:
      guard let tunnel = policy.tunnel(named: packet.zone.name),
        let receiver = policy.machine(named: target.machine), !receiver.addresses(in: tunnel.name).isEmpty
      else { return [] }
      let peers = policy.machines.filter {
        $0.name != target.machine && !$0.addresses(in: tunnel.name).isEmpty
      }
      if let owner = peers.first(where: { $0.addresses(in: tunnel.name).contains(address) }) {
        return [.machine(owner.name)]
      }
      if tunnel.prefixes.contains(where: { $0.contains(address) }) { return [.tunnel(tunnel.name)] }
      return behind(peers, address)
    case .network, .internet:
      let isNetwork = packet.zone.kind == .network
      if LinkAddress.isOfLink(address) { return isHere && isNetwork ? [.zone(packet.zone.name)] : [] }
      // Another machine does not know this machine's zones: only what this machine routes into the tunnel.
      return isHere ? [.prefix(Prefix(address))] : behind([own], address)
    }
  }

  /// An address as hosts behind one of these machines.
  private static func behind(_ machines: [Machine], _ address: IPAddress) -> [GrantSource] {
    var sources: [GrantSource] = []
    if machines.contains(where: { $0.subnets.contains { $0.contains(address) } }) {
      sources.append(.prefix(Prefix(address)))
    }
    for machine in machines {
      sources += machine.zones.filter { zone in
        // Another machine does not know live prefixes.
        zone.name != Zone.containers && zone.prefixOrigin == .written
          && zone.prefixes.contains { $0.contains(address) }
      }.map { .machineZone(machine: machine.name, zone: $0.name) }
    }
    return sources
  }
}
