// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
internal import PolicyLanguage
internal import RulesetModel

/// Which grants of a policy, and which of their parts, speak of a test's packet: by the policy's words alone.
struct GrantMatch {
  /// A source, a target and a service of a grant, by their places in it.
  struct Combination: Hashable {
    let source: Int
    let target: Int
    let service: Int
  }

  /// The lines of `allow`, then those of `failsafe`.
  let grants: [Grant]
  private let policy: Policy
  private let byTarget: [GrantTarget: [Int]]
  private let byLine: [Int: [Int]]

  init(_ policy: Policy) {
    self.policy = policy
    grants = policy.grants + policy.failsafe
    var byTarget: [GrantTarget: [Int]] = [:]
    var byLine: [Int: [Int]] = [:]
    // Nobody asks where there is no test, and apply is not to wait for it.
    for (index, grant) in grants.enumerated() where !policy.tests.isEmpty {
      for target in grant.to { byTarget[target, default: []].append(index) }
      byLine[grant.location.line, default: []].append(index)
    }
    self.byTarget = byTarget
    self.byLine = byLine
  }

  /// The grants that begin on these lines.
  func grants(onLines lines: [Int]) -> [Int] { lines.flatMap { byLine[$0] ?? [] } }

  /// The combinations of each grant that let in a source's packet to a target, by port, on the way that it takes.
  func combinations(_ source: GrantSource, _ target: GrantTarget, _ port: ServicePort, _ journey: Journey)
    -> [(grant: Int, combinations: [Combination])]
  {
    (byTarget[target] ?? []).compactMap { index in
      let grant = grants[index]
      let services = grant.services.indices.filter { service in
        grant.services[service].ports.contains { Self.covers($0, port) }
      }
      if services.isEmpty { return nil }
      let sources = grant.from.indices.filter { covers(grant.from[$0], source, journey) }
      guard !sources.isEmpty, let place = grant.to.firstIndex(of: target) else { return nil }
      return (
        index,
        sources.flatMap { source in
          services.map { Combination(source: source, target: place, service: $0) }
        }
      )
    }
  }

  /// Whether what a grant names is, or holds, a test's source that comes by this way.
  private func covers(_ granted: GrantSource, _ source: GrantSource, _ journey: Journey) -> Bool {
    let isTunnel = journey.zone.kind == .tunnel
    return switch granted {
    case .machine, .machineZone: granted == source && (isTunnel || Self.isOwnZone(source, journey.zone))
    case .tunnel(let name): isTunnel && journey.zone.name == name.description
    case .zone(let name): !isTunnel && journey.zone.name == name
    case .prefix(let prefix): !isTunnel && prefix.contains(journey.packet.source)
    case .list(let name):
      !isTunnel && policy.list(named: name).map { $0.holds(journey.packet.source) } == true
    }
  }

  private static func isOwnZone(_ source: GrantSource, _ zone: SiteZone) -> Bool {
    if case .machineZone(_, zone.name) = source { true } else { false }
  }

  private static func covers(_ wide: ServicePort, _ narrow: ServicePort) -> Bool {
    switch (wide, narrow) {
    case (.ports(let one, let range), .ports(let two, let inner)):
      one == two && range.lower <= inner.upper && inner.lower <= range.upper
    case (.protocol(let one), .protocol(let two)): one == two
    case (.echoRequest, .echoRequest): true
    case (.ports, _), (.protocol, _), (.echoRequest, _): false
    }
  }
}
