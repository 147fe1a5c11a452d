// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
package import PacketWalk
package import PolicyLanguage
internal import Ruleset

/// Tries lines of `allow`: compiles the policy with a line, and walks packets through the result.
package struct GrantTrial: Sendable {
  private let policy: Policy
  private let machine: Machine
  private let today: CalendarDate
  let live: LiveFacts

  /// Trials on a machine of a policy, on a day.
  package init(_ view: SiteView, today: CalendarDate, live: LiveFacts) {
    policy = view.policy
    machine = view.machine
    self.today = today
    self.live = live
  }

  /// The machine as it would be with this line.
  package func view(with line: GrantLine) -> SiteView { view(with: [line]) }

  /// The machine as it would be with these lines.
  package func view(with lines: [GrantLine]) -> SiteView {
    let granting = lines.reduce(policy) { $0.granting($1.grant(in: policy.path)) }
    return CompiledSite(granting, today: today, live: live).view(of: machine)
  }

  /// What happens to a packet if the policy has this line, and why.
  package func result(of line: GrantLine, for refused: RefusedPacket) -> (
    verdict: TraceVerdict, words: String
  ) {
    let view = view(with: line)
    var packet = Packet(
      source: refused.source, destination: refused.destination, transport: refused.transport,
      destinationPort: refused.port, input: refused.input)
    let trace: Trace
    switch refused.route {
    case .local: trace = view.arrival(packet)
    case .through(let output):
      packet.destinationType = .unicast
      trace = view.passage(packet, to: output ?? exit(line.to, refused.input, view))
    case .sent: trace = view.departure(packet, by: refused.input)
    }
    let decision = view.decision(trace)
    // In observe mode, a packet that no grant lets in is counted as refused, and accepted.
    let isRefused = trace.verdict == .accept && decision.cause != nil
    return (isRefused ? .drop : trace.verdict, "\(view.reason(trace)) (\(view.because(trace)))")
  }

  /// The interface on which a packet leaves for a target behind this machine.
  private func exit(_ target: GrantTarget, _ input: InterfaceName, _ view: SiteView) -> InterfaceName {
    let zone: SiteZone?
    switch target {
    case _ where target.machine != machine.name:
      let other = policy.machine(named: target.machine)
      zone = view.zones.first { zone in
        zone.kind == .tunnel && other?.addresses.contains { $0.tunnel.description == zone.name } == true
      }
    case .machine: zone = nil
    case .zone(_, let name): zone = view.zone(named: name)
    case .subnet(_, let prefix):
      zone =
        view.zones.first { $0.prefixes.contains { $0.contains(prefix) } } ?? view.zone(named: Zone.internet)
    }
    return zone.flatMap { view.interface(of: $0) } ?? input
  }
}
