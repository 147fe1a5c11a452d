// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
public import PolicyLanguage
public import Ruleset
public import PacketWalk
internal import PacketSets

/// Runs the policy's own tests on the compiled rulesets: all packets of a test line, on each machine of their
/// packet path, in both address families.
///
/// A `deny` passes if no packet, with any source, is accepted on every machine. An `allow` passes if every
/// packet is accepted whose source has its home where it arrives.
public struct PolicyTestRun: Sendable {
  /// A test that fails.
  public struct Failure: Sendable {
    /// The place of the test in the policy.
    public let location: SourceLocation
    /// The expectation, in words.
    public let expectation: String
    /// A packet that shows the failure; nil if no packet is possible.
    public let packet: Packet?
    /// The zone of the target's machine from which the packet arrives; nil if no packet is possible.
    public let over: String?
    /// The machine whose verdict differs from the expectation.
    public let machine: String
    /// The walk of the packet on that machine; nil if no packet is possible.
    public let trace: Trace?
    /// Which packets of an `allow` do not pass, in words; nil if none passes, and for a `deny`.
    public let part: String?
    /// The line that decided, or why there is no packet.
    public let because: String
    /// What would make the test pass.
    public let fix: String
  }

  /// The number of expectations that hold. A line has one for each source, target and service.
  public private(set) var passed = 0
  /// The expectations that do not hold, in the order of the lines, up to the limit given to `init`.
  public private(set) var failures: [Failure] = []
  /// The number of expectations that do not hold.
  public private(set) var failed = 0
  /// Which grants the tests cover.
  public var coverage: GrantCoverage { GrantCoverage(record, policy) }
  /// Grants, and sources of grants, that never let anything in.
  public var ineffective: IneffectiveGrants { IneffectiveGrants(record, site) }

  /// The ruleset of a machine on the packet path of some test; nil for other machines.
  public func ruleset(of machine: Machine) -> Ruleset? { view(of: machine)?.ruleset }

  /// The view of a machine on the packet path of some test; nil for other machines.
  package func view(of machine: Machine) -> SiteView? { packets.views[machine.name] }

  /// For so many failures a fix is looked for: each line is tried, which compiles the policy.
  private static let mostFixes = 100

  private let policy: Policy
  private let site: CompiledSite
  private let packets: PacketPaths
  private var record: GrantCoverage.Record
  private let mostFailures: Int

  /// One source and one target of a line.
  private struct Pair {
    let test: PolicyTest
    let source: GrantSource
    let target: GrantTarget
    let routes: [TestRoute]

    /// The routes that an `allow` is about, with the packets that must pass. If the policy excludes every
    /// source, all sources of the first zone.
    var claims: [(route: TestRoute, ends: TestRoute.Ends)] {
      let claims = routes.filter { !$0.claimed.sources.isEmpty && !$0.claimed.destinations.isEmpty }
      if !claims.isEmpty { return claims.map { ($0, $0.claimed) } }
      return routes.filter { $0.zone == routes.first?.zone }.map { route in
        (route, .init(sources: route.whole.sources, destinations: route.claimed.destinations))
      }
    }

    func words(_ expected: String, _ service: Service) -> String {
      "\(PolicyWords.text(source)) \(expected) reach \(service.name) on \(PolicyWords.sentence(target))"
    }
  }

  /// A service and its packets.
  private struct Expected {
    package let service: Service
    let numbers: IntervalSet

    init(_ service: Service, _ policy: Policy) {
      self.service = service
      numbers = RouteWalks.numbers([service], of: policy)
    }
  }

  /// Which tests are run.
  public enum Extent: Sendable, Hashable {
    case all
    /// Those with packets that may pass a machine: what this machine enforces decides no others.
    case crossing(String)
  }

  /// Runs the tests of a site's policy on what its machines enforce. Each stored failure takes some kilobytes
  /// of memory. Failures beyond `mostFailures` are only counted.
  public init(_ site: CompiledSite, _ extent: Extent = .all, keeping mostFailures: Int = .max) {
    self.mostFailures = mostFailures
    policy = site.policy
    self.site = site
    let crossing = extent.crossing(site.policy)
    packets =
      crossing.map { PacketPaths(site, judges: $0.judges, onlyConfinedSend: true) } ?? PacketPaths(site)
    record = GrantCoverage.Record(GrantMatch(policy))
    var sources = ZoneSources(policy, live: site.live)
    var walks = RouteWalks(packets)
    for (place, test) in policy.tests.enumerated() where crossing?.tests.contains(place) ?? true {
      var pairs: [Pair] = []
      for source in test.from {
        for target in test.to where !Self.isSelf(source, target) {
          if let crossing, !crossing.isCrossed(source, target, in: policy) { continue }
          pairs.append(
            Pair(
              test: test, source: source, target: target,
              routes: packets.routes(source, target, over: test.over, &sources)))
        }
      }
      walks.walk(pairs.flatMap(\.routes), test.allow + test.deny)
      let (allowed, denied) = (
        test.allow.map { Expected($0, policy) }, test.deny.map { Expected($0, policy) }
      )
      for pair in pairs {
        if !allowed.isEmpty {
          let asked = pair.claims.compactMap { walks.ask($0.route, $0.ends) }
          for expected in allowed { allow(expected, pair, asked) }
        }
        if !denied.isEmpty {
          let asked = pair.routes.compactMap { walks.ask($0, $0.whole) }
          for expected in denied { deny(expected, pair, asked) }
        }
      }
    }
  }

  /// Whether source and target are the same machine. Its packets to itself do not pass the firewall, so a
  /// group that is both source and target skips this pair.
  static func isSelf(_ source: GrantSource, _ target: GrantTarget) -> Bool {
    if case .machine(let name) = source, case .machine(name) = target { true } else { false }
  }

  /// Checks that every packet is accepted.
  private mutating func allow(_ expected: Expected, _ pair: Pair, _ routes: [RouteWalks.Asked]) {
    var hasPackets = false
    var parts: [MissingSources.Part] = []
    var failing: (asked: RouteWalks.Asked, missing: RouteWalks.Asked.Missing)?
    for asked in routes {
      guard let packets = asked.packets(expected.numbers) else { continue }
      hasPackets = true
      let missing = asked.missing(expected.numbers)
      let passing = missing.isEmpty ? [packets] : asked.through(expected.numbers).headers
      note(passing, asked.route, pair, expected.service)
      if failing == nil, let first = missing.first { failing = (asked, first) }
      parts.append(
        MissingSources.Part(
          zone: asked.route.zone.name, family: asked.route.family, whole: asked.route.whole.sources,
          claimed: packets.keeping(MissingSources.fields),
          missing: missing.flatMap(\.spaces).map { $0.keeping(MissingSources.fields) }))
    }
    let service = expected.service
    guard hasPackets else { return failWithoutPacket(pair, pair.words("may", service)) }
    guard let (asked, missing) = failing else {
      passed += 1
      return
    }
    let sample = RouteSample(route: asked.route, service: service, packets: packets)
    let spaces = [missing.segment: missing.spaces]
    let path = sample.packet(in: missing.spaces).map { sample.path($0, spaces) }
    guard let path, let hop = path.refusal ?? path.hops.last else {
      return failWithoutPacket(pair, pair.words("may", service))
    }
    let fix = fix(pair, path, PathTrial(site: site, sample: sample, packet: path.packet, spaces: spaces))
    fail(pair, pair.words("may", service), path, hop, MissingSources.text(parts, pair.source)) {
      fix.toAllow(stoppedBy: $0)
    }
  }

  /// Checks that no packet is accepted.
  private mutating func deny(_ expected: Expected, _ pair: Pair, _ routes: [RouteWalks.Asked]) {
    let service = expected.service
    let words = pair.words("may not", service)
    var hasPackets = false
    for asked in routes {
      guard asked.packets(expected.numbers) != nil else { continue }
      hasPackets = true
      let through = asked.through(expected.numbers)
      let sample = RouteSample(route: asked.route, service: service, packets: packets)
      guard let packet = sample.packet(in: through.headers) else { continue }
      note(through.headers, asked.route, pair, service)
      let segments = Dictionary(
        uniqueKeysWithValues: through.segments.enumerated().map { ($0.offset, $0.element) })
      let path = sample.path(packet, segments)
      guard let last = path.hops.last else { return failWithoutPacket(pair, words) }
      let fix = fix(
        pair, path, PathTrial(site: site, sample: sample, packet: packet, spaces: segments))
      return fail(pair, words, path, last, nil) { fix.toDeny(letInBy: $0) }
    }
    if hasPackets { passed += 1 } else { failWithoutPacket(pair, words) }
  }

  /// Records accepted packets for the coverage.
  private mutating func note(
    _ passing: [PacketSpace], _ route: TestRoute, _ pair: Pair, _ service: Service
  ) {
    if passing.isEmpty { return }
    record.note(passing, to: pair.target, of: service, by: route.isOutbound ? nil : route.zone)
    // A target behind a machine can be granted as part of a zone or subnet: the deciding counter names the
    // line.
    if case .machine = pair.target { return }
    let sample = RouteSample(route: route, service: service, packets: packets)
    guard let packet = sample.packet(in: passing), let hop = sample.path(packet, [:]).hops.last,
      let decided = packets.views[hop.machine]?.decision(hop.trace)
    else { return }
    record.note(decidedBy: decided.lines)
  }

  private func fix(_ pair: Pair, _ path: PacketPath, _ trial: PathTrial) -> TestFix {
    TestFix(
      policy: policy, match: record.match, source: pair.source, target: pair.target,
      service: trial.sample.service, path: path, trial: trial)
  }

  private mutating func fail(
    _ pair: Pair, _ words: String, _ path: PacketPath, _ hop: PacketPath.Hop, _ part: String?,
    _ fix: (SiteView.Decision) -> String
  ) {
    guard let view = packets.views[hop.machine] else { return failWithoutPacket(pair, words) }
    failed += 1
    guard failures.count < mostFailures else { return }
    let (place, reason) = (view.because(hop.trace), view.reason(hop.trace))
    failures.append(
      Failure(
        location: pair.test.location, expectation: words, packet: path.packet, over: path.zone.name,
        machine: hop.machine, trace: hop.trace, part: part,
        because: place.hasSuffix(reason) ? place : "\(place) \(reason)",
        fix: failures.count < Self.mostFixes
          ? fix(view.decision(hop.trace)) : "fix the failures above first: nothing was looked for here"))
  }

  /// Fails a test that matches no packet: it would pass with every policy.
  private mutating func failWithoutPacket(_ pair: Pair, _ words: String) {
    failed += 1
    guard failures.count < mostFailures else { return }
    let (because, fix) = packets.absence(pair.source, pair.target, over: pair.test.over)
    failures.append(
      Failure(
        location: pair.test.location, expectation: words, packet: nil, over: nil,
        machine: pair.target.machine, trace: nil, part: nil, because: because, fix: fix))
  }
}
