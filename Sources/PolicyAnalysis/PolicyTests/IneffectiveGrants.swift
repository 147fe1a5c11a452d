// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
internal import PacketSets

/// Grants that never let anything in: no packet that they describe is accepted on every machine of its packet path. Such a
/// line was meant to open something, and does not.
public struct IneffectiveGrants: Sendable {
  /// One warning for each such grant, and for each such source of a grant that lets others in.
  public private(set) var warnings: [Diagnostic] = []

  private let policy: Policy
  private var packets: PacketPaths
  private var sources: ZoneSources
  private var walks: RouteWalks

  /// A grant, and the indices of its sources of which it is known that they get in.
  private struct Asked {
    let grant: Grant
    var known: Set<Int>

    /// The sources that need an answer: those that the line names. Of the members of a group, one that gets in is enough.
    var open: [Int] {
      grant.from.indices.filter { index in
        !known.contains(index)
          && (known.isEmpty || grant.wordsFrom.contains(PolicyWords.text(grant.from[index])))
      }
    }
  }

  /// A test that covers a grant shows that it lets something in: only what no test covers is walked. Nearly always a typical
  /// packet gets to the first target; all packets to all targets are walked for the few others.
  init(_ record: GrantCoverage.Record, _ site: CompiledSite) {
    policy = site.policy
    var asked = record.match.grants.enumerated().compactMap { index, grant -> Asked? in
      // What has ended is an error, and is not compiled.
      if let until = grant.until, until < site.today { return nil }
      let one = Asked(grant: grant, known: Set(record.touched[index].map(\.source)))
      return one.open.isEmpty || record.lines.contains(index) ? nil : one
    }
    packets = PacketPaths(
      site, judges: PacketPaths.judges(of: asked.map { ($0.grant.from, [$0.grant.to[0]]) }, in: site.policy))
    sources = ZoneSources(policy, live: site.live)
    walks = RouteWalks(packets)
    for place in asked.indices {
      let grant = asked[place].grant
      while let index = asked[place].open.first(where: { typicalPasses(grant.from[$0], grant) }) {
        asked[place].known.insert(index)
      }
    }
    asked.removeAll { $0.open.isEmpty }
    packets = PacketPaths(
      site, judges: PacketPaths.judges(of: asked.map { ($0.grant.from, $0.grant.to) }, in: site.policy))
    walks = RouteWalks(packets)
    for one in asked.sorted(by: { $0.grant.location < $1.grant.location }) { check(one) }
  }

  private mutating func check(_ asked: Asked) {
    var (asked, grant) = (asked, asked.grant)
    while let index = asked.open.first(where: { letsIn(grant.from[$0], grant) }) { asked.known.insert(index) }
    let without = asked.open.map { grant.from[$0] }
    guard let first = without.first else { return }
    if asked.known.isEmpty { return warn(grant, "this grant never lets anything in", first) }
    for source in without {
      warn(grant, "this grant never lets anything in from \(PolicyWords.text(source))", source)
    }
  }

  /// Whether a typical packet of a source gets to the first target.
  private mutating func typicalPasses(_ source: GrantSource, _ grant: Grant) -> Bool {
    routes(source, grant.to[0]).contains { route in grant.services.contains { passes(route, $0) } }
  }

  /// Whether some packet of a source gets to some target.
  private mutating func letsIn(_ source: GrantSource, _ grant: Grant) -> Bool {
    // A machine reaches itself without the firewall.
    if grant.to.contains(where: { PolicyTestRun.isSelf(source, $0) }) { return true }
    let numbers = RouteWalks.numbers(grant.services, of: policy)
    for target in grant.to {
      let routes = routes(source, target)
      walks.walk(routes, grant.services)
      for route in routes {
        if let asked = walks.ask(route, route.believed), !asked.through(numbers).headers.isEmpty {
          return true
        }
      }
    }
    return false
  }

  /// Whether a typical packet of a service passes.
  private func passes(_ route: TestRoute, _ service: Service) -> Bool {
    let asked = PacketSpace(route.family, input: .present, output: .absent).narrowed([
      (.source, route.believed.sources), (.destination, route.believed.destinations),
      (.service, RouteWalks.numbers([service], of: policy)),
    ])
    let sample = RouteSample(route: route, service: service, packets: packets)
    guard let packet = asked.flatMap({ sample.packet(in: [$0]) }) else { return false }
    let path = sample.path(packet, [:])
    return path.hops.count == route.segments.count && path.refusal == nil
  }

  /// The packet paths, without a machine that forwards a port to the target: it sees the packets with its own address as
  /// their destination.
  private mutating func routes(_ source: GrantSource, _ target: GrantTarget) -> [TestRoute] {
    let forwarding = policy.translations.compactMap { translation -> String? in
      if case .forward(_, target.machine, _) = translation.kind { translation.machine } else { nil }
    }
    return packets.routes(source, target, over: nil, &sources).map { route in
      var route = route
      route.segments.removeAll { $0.machine != target.machine && forwarding.contains($0.machine) }
      return route
    }
  }

  private mutating func warn(_ grant: Grant, _ message: String, _ source: GrantSource) {
    warnings.append(
      Diagnostic(
        severity: .warning, location: grant.location, message: "\(message): \(reason(source, grant))",
        help: "remove it, or correct its ends", sourceLine: nil, length: 1))
  }

  /// Why the packets of a source do not get to the first target: the line that stops one of them, or why there is none.
  private mutating func reason(_ source: GrantSource, _ grant: Grant) -> String {
    guard let target = grant.to.first, let service = grant.services.first else { return "it is empty" }
    for route in routes(source, target) {
      walks.walk([route], [service])
      guard let asked = walks.ask(route, route.whole)?.packets(RouteWalks.numbers([service], of: policy))
      else { continue }
      let sample = RouteSample(route: route, service: service, packets: packets)
      guard let packet = sample.packet(in: [asked]), let hop = sample.path(packet, [0: [asked]]).refusal,
        let view = packets.views[hop.machine]
      else { continue }
      let (place, reason) = (view.because(hop.trace), view.reason(hop.trace))
      return "\(hop.machine) stops its packets: " + (place.hasSuffix(reason) ? place : "\(place) \(reason)")
    }
    return packets.absence(source, target, over: nil).because
  }
}

extension TestRoute {
  /// The packets that a grant is about: of sources whose home is where they arrive, if there are such.
  fileprivate var believed: Ends {
    Ends(
      sources: claimed.sources.isEmpty ? whole.sources : claimed.sources,
      destinations: claimed.destinations.isEmpty ? whole.destinations : claimed.destinations)
  }
}
