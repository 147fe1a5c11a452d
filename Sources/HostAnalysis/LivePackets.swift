// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
public import PacketWalk
public import PolicyAnalysis
internal import PolicyLanguage

/// The packets of a question as a real host receives them: on its interfaces, to its addresses.
public struct LivePackets: Sendable {
  /// A packet, and the policy's names for its source.
  public struct Asked: Sendable {
    /// The packet as it arrives; without an input interface if the host itself sends it.
    public let packet: Packet
    /// The sender.
    public let source: String
    /// The zone on which it arrives, or the target to which the host sends it.
    public let zone: String
  }

  /// Every packet of the question that can arrive at the host.
  public let asked: [Asked]
  /// Why other packets are not evaluated, as sentences.
  public let notes: [String]

  /// The packets of a question to a host. If `interface` is given, they all arrive on it, whatever its zone. Otherwise each
  /// arrives on the interface of its zone to which the host would reply, if `environment` says so, or on the zone's first.
  public init(
    _ question: Question, of site: CompiledSite, on host: HostSnapshot, by interface: InterfaceName? = nil,
    in environment: (any HostEnvironment)? = nil
  ) {
    self.init(
      question, through: PacketPaths(site, judges: [question.target.machine]), on: host, by: interface,
      in: environment)
  }

  /// The same for many questions to one machine: `paths` is computed once, and must include that machine.
  init(
    _ question: Question, through paths: PacketPaths, on host: HostSnapshot,
    by interface: InterfaceName? = nil, in environment: (any HostEnvironment)? = nil
  ) {
    var asked: [Asked] = []
    var notes: [String] = []
    guard let view = paths.views[question.target.machine] else {
      (self.asked, self.notes) = ([], [])
      return
    }
    let itself = GrantSource.machine(question.target.machine)
    if question.sources.contains(itself), paths.isOutbound(itself, question.target) {
      for family in AddressFamily.allCases {
        guard let address = Self.ownAddress(family, host.interfaces, view),
          let destination = Self.destination(question.target, family, [], host, view, nil)
        else { continue }
        for port in question.service.ports {
          asked += PacketPaths.packets(port, address, destination).map {
            Asked(packet: $0, source: view.machine.name, zone: PolicyWords.text(question.target))
          }
        }
      }
    }
    for source in question.sources where source != itself {
      for arrival in paths.arrivals(source, at: question.target, over: question.over) {
        let all = view.interfaces(of: arrival.zone, among: host.interfaces.filter { $0.name != .loopback })
        guard let first = interface ?? all.first?.name ?? view.interface(of: arrival.zone) else { continue }
        if interface == nil, all.isEmpty {
          notes.append(
            "no interface of \(arrival.zone.name) exists on this host: its packets are assumed to arrive on "
              + "\(first)")
        }
        for address in arrival.sources {
          let expected = Self.expected(address, among: all, in: environment)
          let own = [expected].compactMap { $0 } + all.filter { $0.name != expected?.name }
          let input = interface ?? expected?.name ?? first
          guard
            let destination = Self.destination(
              question.target, address.family, own, host, view, arrival.zone)
          else {
            let wanted = Self.addresses(in: arrival.zone, view).first { $0.family == address.family }
            notes.append(
              wanted.map { "this host does not have the address \($0): packets to it are not evaluated" }
                ?? "this host has no \(address.family == .ipv4 ? "IPv4" : "IPv6") address that can be reached from "
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

  /// The interface to which the host would send a reply to an address; nil if it is none of these.
  private static func expected(
    _ address: IPAddress, among interfaces: [NetworkInterface], in environment: (any HostEnvironment)?
  ) -> NetworkInterface? {
    guard
      let name = environment?.route(
        RouteQuestion(destination: address, source: nil, input: nil)
      ).outputs.first
    else { return nil }
    return interfaces.first { $0.name == name }
  }

  /// The machine's addresses in the tunnel of a zone; none if the zone is not a tunnel.
  private static func addresses(in zone: SiteZone, _ view: SiteView) -> [IPAddress] {
    view.policy.tunnel(named: zone.name).map { view.machine.addresses(in: $0.name) } ?? []
  }

  private static func destination(
    _ target: GrantTarget, _ family: AddressFamily, _ own: [NetworkInterface], _ host: HostSnapshot,
    _ view: SiteView, _ zone: SiteZone?
  ) -> IPAddress? {
    switch target {
    case .zone(_, let name):
      return PacketPaths.hosts(
        in: view.policy.hosts(of: name, on: view.machine).filter { $0.family == family }, from: 2
      ).first
    case .subnet(_, let prefix): return prefix.family == family ? prefix.last : nil
    case .machine: break
    }
    if let zone, zone.kind == .tunnel {
      return addresses(in: zone, view).first { $0.family == family && host.interface(owning: $0) != nil }
    }
    let others = host.interfaces.filter { $0.name != .loopback }
    return ownAddress(family, own + others, view)
  }

  /// The first address of these interfaces that is neither a tunnel's nor link-local.
  private static func ownAddress(
    _ family: AddressFamily, _ interfaces: [NetworkInterface], _ view: SiteView
  ) -> IPAddress? {
    let inTunnels = Set(view.machine.addresses.flatMap(\.addresses))
    let others = interfaces.filter { $0.name != .loopback }
    return others.flatMap(\.addresses).map(\.address).first { address in
      address.family == family && !inTunnels.contains(address)
        && !(family == .ipv6 && address.bits >> 118 == 0x3fa)
    }
  }
}
