// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import PolicyAnalysis
internal import PolicyLanguage

/// The packets of a question as a real host would meet them: by interfaces that it has, to addresses that it has.
public struct LivePackets: Sendable {
  /// A packet, and where it comes from in the policy's words.
  public struct Asked: Sendable {
    /// The packet as it arrives.
    public let packet: Packet
    /// Who sends it.
    public let source: String
    /// The zone by which it comes.
    public let zone: String
  }

  /// Every packet of the question that can come to the host.
  public let asked: [Asked]
  /// What keeps others from being asked about.
  public let notes: [String]

  /// The packets of a question to a host. `interface` is one of the host's by which they come, whatever its zone.
  public init(
    _ question: Question, of site: CompiledSite, on host: HostSnapshot, by interface: InterfaceName? = nil
  ) {
    self.init(
      question, through: PacketPaths(site, judges: [question.target.machine]), on: host, by: interface)
  }

  /// The same of many questions to one machine, which `paths` knows.
  init(
    _ question: Question, through paths: PacketPaths, on host: HostSnapshot,
    by interface: InterfaceName? = nil
  ) {
    var asked: [Asked] = []
    var notes: [String] = []
    guard let view = paths.views[question.target.machine] else {
      (self.asked, self.notes) = ([], [])
      return
    }
    for source in question.sources where source != .machine(question.target.machine) {
      for arrival in paths.arrivals(source, at: question.target, over: question.over) {
        let own = view.interfaces(of: arrival.zone, among: host.interfaces.filter { $0.name != .loopback })
        guard let input = interface ?? own.first?.name ?? view.interface(of: arrival.zone) else { continue }
        if interface == nil, own.isEmpty {
          notes.append("no interface of \(arrival.zone.name) exists here: the packets come by \(input)")
        }
        for address in arrival.sources {
          guard
            let destination = Self.destination(
              question.target, address.family, own, host, view, arrival.zone)
          else {
            let wanted = Self.addresses(in: arrival.zone, view).first { $0.family == address.family }
            notes.append(
              wanted.map { "\($0) is no address of this host: what comes for it is not asked about" }
                ?? "this host has no \(address.family == .ipv4 ? "IPv4" : "IPv6") address to be reached at from "
                + arrival.zone.name)
            continue
          }
          for port in question.service.ports {
            for var packet in PacketPaths.packets(port, address, destination) {
              packet.input = input
              asked.append(
                Asked(packet: packet, source: PolicyWords.text(source), zone: arrival.zone.name))
            }
          }
        }
      }
    }
    self.asked = asked
    self.notes = notes.unique
  }

  /// The machine's addresses in the tunnel that a zone is.
  private static func addresses(in zone: SiteZone, _ view: SiteView) -> [IPAddress] {
    view.policy.tunnel(named: zone.name).map { view.machine.addresses(in: $0.name) } ?? []
  }

  private static func destination(
    _ target: GrantTarget, _ family: AddressFamily, _ own: [NetworkInterface], _ host: HostSnapshot,
    _ view: SiteView, _ zone: SiteZone
  ) -> IPAddress? {
    switch target {
    case .zone(_, let name):
      return view.machine.zone(named: name)?.prefixes.first { $0.family == family }.map {
        IPAddress(family: family, bits: $0.last.bits - 2)
      }
    case .subnet(_, let prefix): return prefix.family == family ? prefix.last : nil
    case .machine: break
    }
    let inTunnels = Set(view.machine.addresses.flatMap(\.addresses))
    if zone.kind == .tunnel {
      return addresses(in: zone, view).first { $0.family == family && host.interface(owning: $0) != nil }
    }
    let others = host.interfaces.filter { $0.name != .loopback }
    return (own + others).flatMap(\.addresses).map(\.address).first { address in
      address.family == family && !inTunnels.contains(address)
        && !(family == .ipv6 && address.bits >> 118 == 0x3fa)
    }
  }
}
