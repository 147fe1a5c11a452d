// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
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

  /// What leaves outside a tunnel, by destination machine.
  static func clearText(
    _ parts: [[PacketSpace]], _ machine: Machine, _ side: ComparedSite
  ) -> [SiteDifference.ClearText] {
    if parts.allSatisfy(\.isEmpty) { return [] }
    let names = ReachNames(side.site.policy, machine)
    struct Row: Hashable {
      let to: String
      let over: [String]
    }
    var rows: [Row: IntervalSet] = [:]
    for (part, space) in parts.enumerated().flatMap({ part, spaces in spaces.map { (part, $0) } }) {
      let over = names.zones.filter {
        $0.kind != .tunnel && !names.inputs($0).isDisjoint(with: space[.output])
      }.map(\.name)
      if over.isEmpty { continue }
      var rest = space[.destination]
      for other in side.site.policy.machines where other.name != machine.name {
        var own = other.addresses.flatMap(\.addresses).map { Prefix($0) } + other.subnets
        if case .addresses(let addresses) = other.endpoint { own += addresses.map { Prefix($0) } }
        let theirs = rest.intersection(PacketSpace.addresses(own, space.family))
        if theirs.isEmpty { continue }
        rest = rest.subtracting(theirs)
        let row = Row(to: other.name, over: over)
        rows[row] = (rows[row] ?? .empty).union(space[.service])
      }
      // To other destinations, containers may always send.
      if part > 0 { continue }
      for prefix in ReachNames.prefixes(rest, space.family).prefix(ReachNames.mostMachines) {
        let row = Row(to: prefix.description, over: over)
        rows[row] = (rows[row] ?? .empty).union(space[.service])
      }
    }
    return rows.map { row, services in
      let all = side.services.names(services)
      return SiteDifference.ClearText(
        machine: machine.name, to: row.to, over: row.over,
        services: all.count > 8 ? ["any except WireGuard's own"] : all.map(\.name))
    }.sorted { ($0.machine, $0.to) < ($1.machine, $1.to) }
  }
}
