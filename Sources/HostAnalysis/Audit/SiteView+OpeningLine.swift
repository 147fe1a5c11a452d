// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
internal import PolicyAnalysis
internal import PolicyLanguage

extension SiteView {
  /// A line that opens a port of this machine to whole zones; nil if none of them can be granted. It was tried with a
  /// packet of each zone that it names.
  func line(opening port: UInt16, _ transport: IPProtocol, to zones: [String]) -> String? {
    guard let service = Service(written: "\(port)/\(transport)") else { return nil }
    // No grant that ends is wanted here, so the day does not matter.
    let trial = GrantTrial(self, today: CalendarDate(secondsSince1970: 0), live: live)
    let sources = zones.filter { name in
      guard let zone = zone(named: name), let input = interface(of: zone) else { return false }
      let isTunnel = zone.kind == .tunnel
      let source: GrantSource = isTunnel ? zone.interfaces.first.map(Self.tunnel) ?? .zone(name) : .zone(name)
      let line = GrantLine(to: .machine(machine.name), service: service, from: source)
      return ends(in: zone).contains { from, to in
        let packet = RefusedPacket(
          zone: zone, input: input, source: from, destination: to, transport: transport, port: port,
          route: .local)
        return trial.result(of: line, for: packet).verdict == .accept
      }
    }
    if sources.isEmpty { return nil }
    return
      "- { to: \(machine.name), services: [\(service.name)], from: [\(sources.joined(separator: ", "))] }"
  }

  private static func tunnel(_ pattern: InterfacePattern) -> GrantSource {
    switch pattern {
    case .exact(let name), .beginning(let name): .tunnel(name)
    }
  }

  /// Sources in a zone, and addresses of this machine that they reach there.
  private func ends(in zone: SiteZone) -> [(IPAddress, IPAddress)] {
    AddressFamily.allCases.compactMap { family in
      guard zone.kind == .tunnel, let tunnel = policy.tunnel(named: zone.name) else {
        return anyone(in: zone).first { $0.family == family }.flatMap { source in
          IPAddress(family == .ipv4 ? "192.0.2.77" : "2001:db8::77").map { (source, $0) }
        }
      }
      let own = machine.addresses(in: tunnel.name).first { $0.family == family }
      let other = tunnel.prefixes.first { $0.family == family }.map {
        IPAddress(family: family, bits: $0.address.bits + ($0.last.bits - $0.address.bits) / 2)
      }
      guard let own, let other, own != other else { return nil }
      return (other, own)
    }
  }
}
