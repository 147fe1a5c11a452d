// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PolicyCompiler
internal import PolicyLanguage
public import RulesetModel

/// A listening socket, and who reaches it through a ruleset.
public struct Exposure: Sendable, Hashable {
  /// The socket.
  public let listener: Listener
  /// The policy's or the catalogue's name for its port, where it has one.
  public let service: String?
  /// By zone, in the order of the zones; empty for a socket that only this host can reach.
  public let reachable: [Reach]
  /// Whether a zone that is not a tunnel reaches it though no grant names that zone for its port.
  public let isExposed: Bool

  /// Sources of one zone that fare alike.
  public struct Reach: Sendable, Hashable {
    /// The zone where the packets arrive.
    public let zone: String
    /// Names of machines, prefixes or lists; `anyone` for whom nothing names.
    public let from: [String]
    /// What befalls them.
    public let verdict: TraceVerdict
    /// The line of the policy that decided, or what is built in.
    public let because: String
    /// What that line is about.
    public let reason: String
  }

  /// Judges a listener through a machine's ruleset. `host` tells the addresses that a wildcard socket answers on.
  public init(of listener: Listener, host: HostSnapshot, through view: SiteView) {
    self.listener = listener
    service = view.service(listener.protocol, listener.port)
    if listener.isLoopbackOnly {
      reachable = []
      isExposed = false
      return
    }
    var reaches: [Reach] = []
    var isExposed = false
    for zone in view.zones where Self.listens(listener, in: zone, view) {
      guard let interface = listener.boundInterface ?? view.interface(of: zone) else { continue }
      var fates: [(name: String, verdict: TraceVerdict, because: String, reason: String)] = []
      for source in Self.sources(in: zone, view) {
        let traces = source.addresses.filter { listener.serves($0.family) }.compactMap { address -> Trace? in
          guard let destination = Self.destination(listener, address.family, zone, host, view) else {
            return nil
          }
          let packet = Packet(
            source: address, destination: destination, transport: listener.protocol,
            destinationPort: listener.port,
            input: interface)
          return view.arrival(packet)
        }
        guard let trace = traces.min(by: { Self.openness($0.verdict) > Self.openness($1.verdict) }) else {
          continue
        }
        fates.append((source.name, trace.verdict, view.because(trace), view.reason(trace)))
        if zone.kind != .tunnel, trace.verdict == .accept, !view.isGranted(trace) { isExposed = true }
      }
      for fate in fates {
        let same = reaches.lastIndex {
          $0.zone == zone.name && $0.verdict == fate.verdict && $0.because == fate.because
        }
        let from = (same.map { reaches[$0].from } ?? []) + [fate.name]
        let reach = Reach(
          zone: zone.name, from: from, verdict: fate.verdict, because: fate.because, reason: fate.reason)
        if let same { reaches[same] = reach } else { reaches.append(reach) }
      }
    }
    reachable = reaches
    self.isExposed = isExposed
  }

  private static func openness(_ verdict: TraceVerdict) -> Int {
    switch verdict {
    case .accept: 3
    case .undetermined: 2
    case .reject: 1
    case .drop: 0
    }
  }

  private static func listens(_ listener: Listener, in zone: SiteZone, _ view: SiteView) -> Bool {
    guard let interface = listener.boundInterface else { return true }
    return view.zone(of: interface)?.name == zone.name
  }

  /// Who may send from a zone: in a tunnel its machines and the networks behind them, elsewhere those whom a grant
  /// names, and anyone.
  private static func sources(in zone: SiteZone, _ view: SiteView) -> [(name: String, addresses: [IPAddress])]
  {
    if zone.kind == .tunnel {
      guard let tunnel = view.policy.tunnel(named: zone.name),
        !view.machine.addresses(in: tunnel.name).isEmpty
      else { return [("anyone", view.anyone(in: zone))] }
      var sources = view.policy.machines.compactMap { machine -> (name: String, addresses: [IPAddress])? in
        let addresses = machine.addresses(in: tunnel.name)
        return machine.name == view.machine.name || addresses.isEmpty ? nil : (machine.name, addresses)
      }
      for case .machineZone(let name, let zoneName) in Set(view.policy.grants.flatMap(\.from))
      where name != view.machine.name {
        guard let prefixes = view.policy.machine(named: name)?.zone(named: zoneName)?.prefixes else {
          continue
        }
        sources.append(
          (
            "\(name).\(zoneName)",
            prefixes.map(\.last).map { IPAddress(family: $0.family, bits: $0.bits - 1) }
          ))
      }
      return sources.sorted { $0.name < $1.name }
    }
    var sources: [(name: String, addresses: [IPAddress])] = [("anyone", view.anyone(in: zone))]
    for source in Set((view.policy.grants + view.policy.failsafe).flatMap(\.from)) {
      switch source {
      case .prefix(let prefix): sources.append((prefix.description, [prefix.address]))
      case .list(let name):
        let prefixes = view.policy.list(named: name)?.prefixes ?? []
        sources.append(
          (
            name,
            AddressFamily.allCases.compactMap { family in prefixes.first { $0.family == family }?.address }
          ))
      case .machine, .tunnel, .zone, .machineZone: break
      }
    }
    // Where a zone says which sources may appear in it, others are not asked about.
    let possible = sources.compactMap { source -> (name: String, addresses: [IPAddress])? in
      let own = source.addresses.filter { address in
        zone.prefixes.isEmpty || zone.prefixes.contains { $0.contains(address) }
      }
      return own.isEmpty ? nil : (source.name, own)
    }
    return possible.sorted { ($0.name == "anyone" ? "" : $0.name) < ($1.name == "anyone" ? "" : $1.name) }
  }

  /// The address under which a source of this zone would call the socket.
  private static func destination(
    _ listener: Listener, _ family: AddressFamily, _ zone: SiteZone, _ host: HostSnapshot, _ view: SiteView
  ) -> IPAddress? {
    if !listener.isWildcard { return listener.address.family == family ? listener.address : nil }
    if zone.kind == .tunnel, let tunnel = view.policy.tunnel(named: zone.name) {
      return view.machine.addresses(in: tunnel.name).first { $0.family == family }
    }
    let inTunnel = Set(view.policy.tunnels.flatMap { view.machine.addresses(in: $0.name) })
    let own = host.interfaces.filter { $0.name != .loopback && view.zone(of: $0.name)?.name == zone.name }
    let others = host.interfaces.filter { $0.name != .loopback }
    let addresses = (own + others).flatMap(\.addresses).map(\.address)
    // A host without addresses of this family is not reached by it; where nothing is known, any address stands for it.
    if let known = addresses.first(where: { $0.family == family && !inTunnel.contains($0) }) { return known }
    return addresses.isEmpty ? view.anyone(in: zone).first { $0.family == family } : nil
  }
}
