// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
public import NetworkModel
public import PacketWalk
public import PolicyAnalysis
public import PolicyLanguage
public import Ruleset

/// What works on a host now, and will not work after a change of the wgfence table.
///
/// Every essential flow of the host is walked, packet and reply, through everything that the kernel has loaded: with
/// the present wgfence table, and with the new one. What works before and not afterwards is a finding. Addresses and
/// bridges that do not fit the policy are findings too.
public struct Impact: Sendable {
  /// Something that will not work any more.
  public struct Finding: Sendable, Hashable {
    /// Its name, by which a user accepts it: `tunnel:wg0`, `guests:virbr0`.
    public let name: String
    /// What it is for: a kind of essential flow, `addresses` or `zone`.
    public let kind: String
    /// Whether a change must not be made without a user's consent.
    public let weight: Weight
    /// What stops working, as a clause without a full stop.
    public let breaks: String
    /// The line of the policy, or the rule, that decides, with its reason.
    public let because: String
    /// What would keep it working, as a clause without a full stop; nil if it is not known.
    public let fix: String?
    /// The packets of the flow that do not get through any more, in words; empty for a finding that is not about
    /// packets.
    public let packets: [String]

    /// Creates a finding from its parts.
    package init(
      name: String, kind: String, weight: Weight, breaks: String, because: String, fix: String?,
      packets: [String] = []
    ) {
      self.name = name
      self.kind = kind
      self.weight = weight
      self.breaks = breaks
      self.because = because
      self.fix = fix
      self.packets = packets
    }
  }

  /// The weight of a finding.
  public enum Weight: Sendable, Hashable {
    /// Something works now, and will not work afterwards.
    case essential
    /// A user should know it.
    case notable
  }

  /// What stops working, in the order of the flows, then what else a user should know.
  public private(set) var findings: [Finding] = []
  /// What cannot be determined, as sentences.
  public private(set) var gaps: [String] = []
  /// The exchanges that the walk cannot evaluate: names of flows with packets in words, `tunnel:wg0 to the peer at …`.
  public private(set) var undetermined: Set<String> = []
  /// The number of packets that were walked.
  public private(set) var packets = 0

  /// The consequences that are known already; none for a change that has none.
  package init(findings: [Finding] = [], gaps: [String] = []) {
    self.findings = findings
    self.gaps = gaps
  }

  /// Evaluates a change. `others` are the tables of other programs; `observed` is the present wgfence table, nil if it is
  /// not loaded; `desired` is the new one. `order` is the order of base chains with equal priorities. `view` is the
  /// machine after the change.
  public init(
    _ facts: ImpactFacts, on view: SiteView, others: [KernelTable], from observed: KernelTable?,
    to desired: KernelTable, order: HookOrder? = nil, on today: CalendarDate,
    in environment: any HostEnvironment
  ) {
    gaps = facts.gaps
    // What drops nothing ends nothing.
    if desired.mode == .observing { return }
    let before = PacketWalk(others + (observed.map { [$0.withOrigins(of: desired)] } ?? []), order: order)
    let after = PacketWalk(others + [desired], order: order)
    var advice = ImpactAdvice(facts, view, today)
    // A line is advice for the policy: it does not help a lock-down, a panic or a stored ruleset.
    let isPolicy = desired == view.table
    for flow in EssentialFlows(facts, tunnels: Set(view.policy.tunnels.map(\.name)), in: environment).all {
      let broken = flow.exchanges.compactMap { exchange in
        evaluate(exchange, of: flow, before, after, view, environment).map { (exchange, $0) }
      }
      guard let (exchange, because) = broken.first else { continue }
      let more = broken.count - 1
      // Every exchange that worked must work again.
      let working = flow.exchanges.filter { last(of: $0, before, environment).verdict == .accept }
      let fix = advice.fix(flow, broken.map(\.0), isPolicy ? .lines : .hosts) { table in
        let trial = PacketWalk(others + [table], order: order)
        return working.allSatisfy { last(of: $0, trial, environment).verdict == .accept }
      }
      findings.append(
        Finding(
          name: flow.name, kind: flow.kind.rawValue, weight: .essential,
          breaks: "\(flow.loss): \(exchange.words)\(more > 0 ? ", and \(more) more" : "")", because: because,
          fix: fix, packets: broken.map(\.0.words)))
    }
    addNotable(advice, facts, view)
  }

  /// The findings that need a user's consent, without those that were accepted by their names.
  public func objections(except accepted: Set<String> = []) -> [Finding] {
    findings.filter { $0.weight == .essential && !accepted.contains($0.name) }
  }

  private mutating func addNotable(_ advice: ImpactAdvice, _ facts: ImpactFacts, _ view: SiteView) {
    let known = Set(findings.map(\.name))
    func add(_ name: String, _ kind: String, _ breaks: String, _ fix: String?) {
      guard !known.contains(name) else { return }
      findings.append(
        Finding(
          name: name, kind: kind, weight: .notable, breaks: breaks, because: view.policy.path, fix: fix,
          packets: []))
    }
    for bridge in advice.bridges {
      add("guests:\(bridge.bridge)", EssentialFlow.Kind.guests.rawValue, bridge.found, bridge.fix)
    }
    for address in advice.addresses {
      add("addresses:\(address.interface)", "addresses", address.found, address.fix)
    }
    let names = facts.host.interfaces.map(\.name)
    for zone in view.machine.zones where zone.name != Zone.containers {
      if zone.interfaces.contains(where: { pattern in names.contains { pattern.matches($0) } }) { continue }
      add(
        "zone:\(zone.name)", "zone",
        "no interface of this host is in the zone '\(zone.name)' of \(view.machine.name)",
        "correct 'interfaces' of the zone, if it should exist now: this host has \(names.filter { $0 != .loopback }.sorted().map(\.description).joined(separator: ", "))"
      )
    }
  }

  /// Why an exchange stops working; nil if it does not.
  private mutating func evaluate(
    _ exchange: EssentialFlow.Exchange, of flow: EssentialFlow, _ before: PacketWalk, _ after: PacketWalk,
    _ view: SiteView, _ environment: any HostEnvironment
  ) -> String? {
    let old = last(of: exchange, before, environment)
    // What does not work now cannot stop working.
    if old.verdict == .drop || old.verdict == .reject { return nil }
    let new = last(of: exchange, after, environment)
    switch (old.verdict, new.verdict) {
    case (_, .accept): return nil
    case (.accept, .drop), (.accept, .reject):
      let (because, reason) = (view.because(new), view.reason(new))
      return because.hasSuffix(reason) ? because : "\(because) \(reason)"
    default:
      undetermined.insert("\(flow.name) \(exchange.words)")
      gaps.append("it is not known whether this keeps working: \(exchange.words)")
      return nil
    }
  }

  /// The walk of the reply to an exchange's packet; that of the packet if it does not get through or is not answered.
  private mutating func last(
    of exchange: EssentialFlow.Exchange, _ walk: PacketWalk, _ environment: any HostEnvironment
  ) -> Trace {
    let trace = Self.walk(exchange.packet, exchange.path, walk, environment)
    packets += 1
    guard trace.verdict == .accept, exchange.answer == .reply, let reply = trace.reply else { return trace }
    packets += 1
    return Self.walk(reply, exchange.path, walk, environment)
  }

  private static func walk(
    _ packet: Packet, _ path: EssentialFlow.Path, _ walk: PacketWalk, _ environment: any HostEnvironment
  ) -> Trace {
    if packet.input == nil { return walk.departure(packet, in: environment) }
    return path == .bridged
      ? walk.bridging(packet, in: environment) : walk.arrival(packet, in: environment)
  }
}
