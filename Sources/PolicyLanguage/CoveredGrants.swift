// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel

/// Finds grants that say nothing that another one does not say.
struct CoveredGrants {
  private struct Ends: Hashable {
    let target: GrantTarget
    let source: GrantSource
  }

  /// How many pairs of source and target of a grant are indexed; a wider grant is looked at for every other one.
  private static let indexed = 256
  /// How many grants one is held against, at most: a policy of ten thousand lines is to be read in milliseconds.
  private static let candidateLimit = 64

  /// The grants that another covers, by index, each with that other one. Of equals the first stays.
  static func find(in grants: [Grant], of policy: Policy) -> [(Int, by: Int)] {
    guard grants.count > 1 else { return [] }
    let tunnels = soleTunnels(of: policy)
    var byEnds: [Ends: [Int]] = [:]
    byEnds.reserveCapacity(grants.count)
    var wide: [Int] = []
    for (index, grant) in grants.enumerated() {
      guard grant.to.count * grant.from.count <= indexed else {
        wide.append(index)
        continue
      }
      for target in grant.to {
        for source in grant.from { byEnds[Ends(target: target, source: source), default: []].append(index) }
      }
    }
    var result: [(Int, by: Int)] = []
    for (index, grant) in grants.enumerated() {
      guard let target = grant.to.first, let source = grant.from.first else { continue }
      var candidates = byEnds[Ends(target: target, source: source)] ?? []
      if case .machine(let name) = source, let tunnel = tunnels[name] {
        candidates += byEnds[Ends(target: target, source: .tunnel(tunnel))] ?? []
      }
      let other = (candidates.prefix(candidateLimit) + wide.prefix(candidateLimit)).first { other in
        other != index && covers(grants[other], grant, tunnels)
          // Of two that cover each other, the later one is told of.
          && (other < index || !covers(grant, grants[other], tunnels))
      }
      if let other { result.append((index, by: other)) }
    }
    return result
  }

  /// For each machine that is in one tunnel only, that tunnel.
  private static func soleTunnels(of policy: Policy) -> [String: InterfaceName] {
    var result: [String: InterfaceName] = [:]
    for machine in policy.machines where machine.addresses.count == 1 {
      result[machine.name] = machine.addresses[0].tunnel
    }
    return result
  }

  private static func covers(_ wide: Grant, _ narrow: Grant, _ tunnels: [String: InterfaceName]) -> Bool {
    if let end = wide.until {
      guard let other = narrow.until, other <= end else { return false }
    }
    return narrow.to.allSatisfy { wide.to.contains($0) }
      && narrow.services.allSatisfy { service in
        wide.services.contains { $0.name == service.name }
          || service.ports.allSatisfy { port in wide.services.contains { covers($0, port) } }
      }
      && narrow.from.allSatisfy { source in wide.from.contains { covers($0, source, tunnels) } }
  }

  private static func covers(_ service: Service, _ port: ServicePort) -> Bool {
    service.ports.contains { own in
      switch (own, port) {
      case (.ports(let one, let range), .ports(let two, let inner)):
        one == two && range.lower <= inner.lower && inner.upper <= range.upper
      case (.protocol(let one), .protocol(let two)): one == two
      case (.echoRequest, .echoRequest): true
      case (.ports, _), (.protocol, _), (.echoRequest, _): false
      }
    }
  }

  private static func covers(
    _ wide: GrantSource, _ narrow: GrantSource, _ tunnels: [String: InterfaceName]
  ) -> Bool {
    if wide == narrow { return true }
    switch (wide, narrow) {
    case (.tunnel(let tunnel), .machine(let name)): return tunnels[name] == tunnel
    case (.prefix(let one), .prefix(let two)): return one.contains(two)
    case (.machine, _), (.tunnel, _), (.zone, _), (.machineZone, _), (.prefix, _), (.list, _): return false
    }
  }
}
