// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PolicyCompiler
public import PolicyLanguage
public import RulesetModel

/// The policy's own tests, run on what the policy compiles to: each packet that a line speaks of, judged on each machine
/// on its way, in both address families.
public struct PolicyTestRun: Sendable {
  /// A test that does not hold.
  public struct Failure: Sendable {
    /// The line of `tests`.
    public let location: SourceLocation
    /// What was expected of which service, in words.
    public let expectation: String
    /// The packet that shows it; nil where no packet could be made.
    public let packet: Packet?
    /// The machine that decided otherwise.
    public let machine: String
    /// The packet's way on that machine; nil where no packet could be made.
    public let trace: Trace?
    /// The line that decided, or why there is no packet.
    public let because: String
    /// What would make the test hold.
    public let fix: String
  }

  /// Expectations that hold: one for each source, target and service of a line.
  public private(set) var passed = 0
  /// What does not hold, in the order of the lines: the first of them, where fewer are kept.
  public private(set) var failures: [Failure] = []
  /// How many expectations do not hold.
  public private(set) var failed = 0
  /// What the tests' packets went by.
  public var coverage: GrantCoverage { GrantCoverage(record, policy) }

  /// What a machine that some test's packets met enforces; nil for others.
  public func ruleset(of machine: Machine) -> Ruleset? { packets.views[machine.name]?.ruleset }

  private let policy: Policy
  private let packets: Journeys
  private var record: GrantCoverage.Record
  private let mostFailures: Int

  /// Runs the tests of a site's policy on what its machines enforce. Each failure that is kept takes some kilobytes of
  /// memory; those beyond `mostFailures` are counted.
  public init(_ site: CompiledSite, keeping mostFailures: Int = .max) {
    self.mostFailures = mostFailures
    policy = site.policy
    packets = Journeys(site)
    record = GrantCoverage.Record(GrantMatch(policy))
    for test in policy.tests {
      for source in test.from {
        for target in test.to where !Self.isSelf(source, target) {
          let arrivals = packets.arrivals(source, at: target, over: test.over)
          for service in test.allow { allow(service, test, source, target, arrivals) }
          for service in test.deny { deny(service, test, source, target, arrivals) }
        }
      }
    }
  }

  /// A machine does not send to itself through its firewall: groups that meet themselves leave it out.
  private static func isSelf(_ source: GrantSource, _ target: GrantTarget) -> Bool {
    if case .machine(let name) = source, case .machine(name) = target { true } else { false }
  }

  /// Every packet must be let in.
  private mutating func allow(
    _ service: Service, _ test: PolicyTest, _ source: GrantSource, _ target: GrantTarget,
    _ arrivals: [Journeys.Arrival]
  ) {
    let words = "\(PolicyWords.text(source)) may reach \(service.name) on \(PolicyWords.sentence(target))"
    var isEmpty = true
    for port in service.ports {
      for journey in packets.journeys(arrivals, source, target, port) {
        isEmpty = false
        guard let stop = journey.refusal else {
          note(journey, source, target, port)
          continue
        }
        let fix = TestFix(
          policy: policy, match: record.match, source: source, target: target, service: service,
          journey: journey)
        fail(test, words, journey, stop) { fix.toAllow(port, stoppedBy: $0) }
        return
      }
    }
    if isEmpty {
      failed += 1
      guard failures.count < mostFailures else { return }
      failures.append(
        Failure(
          location: test.location, expectation: words, packet: nil, machine: target.machine, trace: nil,
          because: "no packet can go this way: the two share no tunnel, or no address family on it",
          fix: "give both an address of one family in a tunnel, or name the way with 'over'"))
    } else {
      passed += 1
    }
  }

  /// No packet may be let in.
  private mutating func deny(
    _ service: Service, _ test: PolicyTest, _ source: GrantSource, _ target: GrantTarget,
    _ arrivals: [Journeys.Arrival]
  ) {
    for port in service.ports {
      for journey in packets.journeys(arrivals, source, target, port) where journey.refusal == nil {
        guard let last = journey.stops.last else { continue }
        note(journey, source, target, port)
        let words =
          "\(PolicyWords.text(source)) may not reach \(service.name) on \(PolicyWords.sentence(target))"
        let fix = TestFix(
          policy: policy, match: record.match, source: source, target: target, service: service,
          journey: journey)
        fail(test, words, journey, last) { fix.toDeny(port, letInBy: $0) }
        return
      }
    }
    passed += 1
  }

  private mutating func note(
    _ journey: Journey, _ source: GrantSource, _ target: GrantTarget, _ port: ServicePort
  ) {
    let decided = journey.stops.last.flatMap { stop in packets.views[stop.machine]?.decision(stop.trace) }
    record.note(source, target, port, journey, decidedBy: decided?.lines ?? [])
  }

  private mutating func fail(
    _ test: PolicyTest, _ words: String, _ journey: Journey, _ stop: Journey.Stop,
    _ fix: (SiteView.Decision) -> String
  ) {
    guard let view = packets.views[stop.machine] else { return }
    failed += 1
    guard failures.count < mostFailures else { return }
    let (place, reason) = (view.because(stop.trace), view.reason(stop.trace))
    failures.append(
      Failure(
        location: test.location, expectation: words, packet: journey.packet, machine: stop.machine,
        trace: stop.trace, because: place.hasSuffix(reason) ? place : "\(place) \(reason)",
        fix: fix(view.decision(stop.trace))))
  }
}
