// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyAnalysis
internal import PolicyLanguage
internal import PacketSets

/// Names for packet spaces in a policy's words.
extension SiteComparison {
  private struct PathKey: Hashable {
    let zone: Int
    let family: AddressFamily
    let to: [String]
  }

  static func named(
    _ spaces: [PacketSpace], _ machine: Machine, _ side: ComparedSite, _ place: Place
  ) -> [SiteDifference.Reach] {
    if spaces.isEmpty { return [] }
    let names = ReachNames(side.site.policy, machine)
    var paths: [PathKey: [(sources: IntervalSet, services: IntervalSet)]] = [:]
    for space in spaces {
      let to = place == .beyond ? names.destinations(space[.destination], space.family) : []
      for (index, zone) in names.zones.enumerated()
      where !names.inputs(zone).isDisjoint(with: space[.input]) {
        let path = PathKey(zone: index, family: space.family, to: to)
        let sources = names.sources(space[.source], of: zone, space.family)
        if !sources.isEmpty { paths[path, default: []].append((sources, space[.service])) }
      }
    }
    struct Row: Hashable {
      let zone: Int
      let to: [String]
      let from: String
    }
    var rows: [Row: (services: IntervalSet, addresses: Set<String>)] = [:]
    for (path, parts) in paths {
      let zone = names.zones[path.zone]
      for (sources, services) in bySources(parts) {
        for source in names.sources(sources, path.family, in: zone) {
          let row = Row(zone: path.zone, to: path.to, from: source.name)
          rows[row, default: (.empty, [])].services = (rows[row]?.services ?? .empty).union(services)
          if source.prefixes.count <= ReachNames.mostMachines {
            rows[row]?.addresses.formUnion(source.prefixes.map(\.description))
          }
        }
      }
    }
    return rows.flatMap { row, reach -> [SiteDifference.Reach] in
      let zone = names.zones[row.zone]
      return side.services.names(reach.services).map { service in
        SiteDifference.Reach(
          machine: machine.name, to: row.to.isEmpty ? nil : row.to.joined(separator: " "),
          service: service.name, transport: service.transport, ports: service.ports, from: row.from,
          addresses: reach.addresses.sorted(), over: zone.name,
          isFromOutside: (zone.kind == .internet || (zone.kind != .tunnel && row.from == zone.name))
            && !service.name.hasPrefix("tunnel "))
      }
    }
  }

  /// Splits overlapping parts so that each service is listed once, with all its sources.
  private static func bySources(_ parts: [(sources: IntervalSet, services: IntervalSet)]) -> [(
    IntervalSet, IntervalSet
  )] {
    let cuts = Set(
      parts.flatMap { $0.services.intervals.flatMap { [$0.lower, $0.upper + 1] } }
    ).sorted()
    var result: [IntervalSet: [(UInt128, UInt128)]] = [:]
    for (lower, next) in zip(cuts, cuts.dropFirst()) {
      let sources = IntervalSet.union(parts.filter { $0.services.contains(lower) }.map(\.sources))
      if !sources.isEmpty { result[sources, default: []].append((lower, next - 1)) }
    }
    return result.map { ($0.key, IntervalSet(ranges: $0.value)) }
  }

  /// A destination of outbound packets, and where they leave.
  private struct Departure: Hashable {
    let to: String
    let over: [String]
  }

  /// The services of packets by destination and by where they leave. `rest` are the names of addresses of no machine.
  private static func departures(
    _ spaces: [PacketSpace], _ machine: Machine, _ side: ComparedSite, over kinds: Set<SiteZone.Kind>,
    rest named: (IntervalSet, AddressFamily) -> [String]
  ) -> [(Departure, services: [String])] {
    let names = ReachNames(side.site.policy, machine)
    var rows: [Departure: IntervalSet] = [:]
    for space in spaces {
      let over = names.zones.filter {
        kinds.contains($0.kind) && !names.inputs($0).isDisjoint(with: space[.output])
      }.map(\.name)
      if over.isEmpty { continue }
      func add(_ to: String) {
        let row = Departure(to: to, over: over)
        rows[row] = (rows[row] ?? .empty).union(space[.service])
      }
      var rest = space[.destination]
      for other in side.site.policy.machines where other.name != machine.name {
        var own = other.addresses.flatMap(\.addresses).map { Prefix($0) } + other.subnets
        if case .addresses(let addresses) = other.endpoint { own += addresses.map { Prefix($0) } }
        let theirs = rest.intersection(PacketSpace.addresses(own, space.family))
        if theirs.isEmpty { continue }
        rest = rest.subtracting(theirs)
        add(other.name)
      }
      for name in named(rest, space.family) { add(name) }
    }
    return rows.map { row, services in
      let all = side.services.names(services)
      return (row, all.count > 8 ? ["any except WireGuard's own"] : all.map(\.name))
    }.sorted { ($0.0.to, $0.0.over.joined()) < ($1.0.to, $1.0.over.joined()) }
  }

  /// What leaves outside a tunnel, by destination machine: of the machine itself, and of its containers, which may always
  /// send to other destinations.
  static func clearText(
    _ parts: [[PacketSpace]], _ machine: Machine, _ side: ComparedSite
  ) -> [SiteDifference.ClearText] {
    let rows = parts.enumerated().flatMap { part, spaces in
      departures(spaces, machine, side, over: [.network, .internet, .containers]) { rest, family in
        if part > 0 { return [] }
        var (rest, names) = (rest, [String]())
        for tunnel in side.site.policy.tunnels {
          let inside = PacketSpace.addresses(tunnel.prefixes, family)
          if !rest.isDisjoint(with: inside) { names.append("other addresses in \(tunnel.name)") }
          rest = rest.subtracting(inside)
        }
        return names + ReachNames.prefixes(rest, family).prefix(ReachNames.mostMachines).map(\.description)
      }
    }
    return rows.map { row, services in
      SiteDifference.ClearText(machine: machine.name, to: row.to, over: row.over, services: services)
    }.unique.sorted { ($0.machine, $0.to) < ($1.machine, $1.to) }
  }

  /// What a machine that is confined and its containers send, by destination.
  static func outbound(
    _ parts: [[PacketSpace]], _ machine: Machine, _ side: ComparedSite
  ) -> [SiteDifference.Outbound] {
    struct Row: Hashable {
      let to: String
      let services: [String]
    }
    return parts.enumerated().flatMap { part, spaces in
      let spaces = spaces.compactMap { $0.narrowed(.service, outside: side.services.wireGuard) }
      let rows = departures(spaces, machine, side, over: [.tunnel, .network, .internet]) { rest, family in
        var names: [String] = []
        var rest = rest
        for tunnel in side.site.policy.tunnels {
          let inside = PacketSpace.addresses(tunnel.prefixes, family)
          if !rest.isDisjoint(with: inside) { names.append("\(tunnel.name)") }
          rest = rest.subtracting(inside)
        }
        let prefixes = ReachNames.prefixes(rest, family)
        // Everything but some addresses is very many prefixes.
        return names
          + (prefixes.count > mostDestinations || prefixes.contains { $0.length == 0 }
            ? [anywhereElse] : prefixes.map(\.description))
      }
      var over: [Row: Set<String>] = [:]
      for (row, services) in rows {
        over[Row(to: row.to, services: services.unique), default: []].formUnion(row.over)
      }
      return over.map { row, zones in
        SiteDifference.Outbound(
          machine: machine.name, isOfContainers: part > 0, to: row.to, over: zones.sorted(),
          services: row.services)
      }.sorted { ($0.to, $0.over.joined(separator: " ")) < ($1.to, $1.over.joined(separator: " ")) }
    }
  }

  /// The maximum number of prefixes that are listed as destinations.
  private static let mostDestinations = 6
  private static let anywhereElse = "anywhere else"
}
