// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
package import PolicyLanguage

/// Finds the line of `allow` that lets a refused packet in. Every line that it gives was tried: the policy was compiled
/// with the line, and the packet was walked and accepted. The answer for equivalent packets is computed once.
package struct GrantAdvice: Sendable {
  /// What would let a packet in.
  package enum Answer: Sendable, Hashable {
    /// This line.
    case line(GrantLine)
    /// No line of `allow`; the reason.
    case none(String)
  }

  /// The limit of cached answers. When it is reached, all are discarded.
  package static let cacheLimit = 1024

  private let view: SiteView
  private let trial: GrantTrial
  private var answers: [PacketClass: Answer] = [:]
  /// How many times a policy was compiled to compute an answer.
  package private(set) var compilations = 0

  /// Advice about the packets of a machine of a policy, on a day.
  package init(_ view: SiteView, today: CalendarDate, live: LiveFacts) {
    self.view = view
    trial = GrantTrial(view, today: today, live: live)
  }

  /// The line that lets a packet of this service in.
  package mutating func answer(_ packet: RefusedPacket, _ service: Service) -> Answer {
    let candidates = GrantCandidates(view, packet)
    let kind = PacketClass(packet, service, candidates, view, trial.live)
    if let known = answers[kind] {
      // The packets of a class differ only in their addresses: each line names its own packet's.
      guard case .line(let line) = known, case .prefix = line.from else { return known }
      return .line(GrantLine(to: line.to, service: line.service, from: .prefix(Prefix(packet.source))))
    }
    let answer = computed(packet, service, candidates)
    if answers.count >= Self.cacheLimit { answers.removeAll(keepingCapacity: true) }
    answers[kind] = answer
    return answer
  }

  private mutating func computed(
    _ packet: RefusedPacket, _ service: Service, _ candidates: GrantCandidates
  ) -> Answer {
    var obstacle: String?
    for (target, source) in candidates.pairs {
      let line = GrantLine(to: target, service: service, from: source)
      compilations += 1
      let (verdict, words) = trial.result(of: line, for: packet)
      if verdict == .accept { return .line(line) }
      obstacle = obstacle ?? "a grant is not enough: \(words)"
    }
    return .none(obstacle ?? candidates.absence)
  }
}

/// What packets have in common if the same line would let them in.
private struct PacketClass: Hashable {
  let zone: String
  let input: InterfaceName
  let route: RefusedPacket.Route
  let service: Service
  let port: UInt16
  let family: AddressFamily
  /// The pairs that can be granted, without the packet's own address.
  let pairs: [Pair]
  /// The zones at home of the source.
  let home: [String]?
  /// The blocked list that has the source.
  let blocked: Int?
  /// The machines that have the source as a public address.
  let endpoints: [String]
  /// The destination of a packet for others, or the machine's own tunnel address to which it is sent.
  let destination: IPAddress?

  struct Pair: Hashable {
    let target: GrantTarget
    /// Nil: the packet's own address.
    let source: GrantSource?
  }

  init(
    _ packet: RefusedPacket, _ service: Service, _ candidates: GrantCandidates, _ view: SiteView,
    _ live: LiveFacts
  ) {
    let policy = view.policy
    zone = packet.zone.name
    input = packet.input
    route = packet.route
    self.service = service
    port = packet.port
    family = packet.source.family
    pairs = candidates.pairs.map { target, source in
      if case .prefix = source {
        Pair(target: target, source: nil)
      } else {
        Pair(target: target, source: source)
      }
    }
    home = view.homes.home(of: Prefix(packet.source))?.zones
    blocked = policy.block.firstIndex { policy.list(named: $0.name)?.holds(packet.source) == true }
    endpoints = policy.machines.filter { machine in
      if case .addresses(let own) = machine.endpoint { return own.contains(packet.source) }
      return live.addresses[machine.name]?.contains(packet.source) == true
    }.map(\.name)
    let isOwn = view.machine.addresses.contains { $0.addresses.contains(packet.destination) }
    destination = packet.route != .local || isOwn ? packet.destination : nil
  }
}
