// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import PacketSets
public import PacketWalk
public import PolicyAnalysis
internal import PolicyLanguage
public import Ruleset

/// The live connections that a change of the ruleset ends.
public struct CutFlows: Sendable {
  /// Connections that the ruleset accepts now and refuses after the change.
  public var cut: [CutFlow] = []
  /// Connections for which that cannot be determined.
  public var undetermined: [CutFlow] = []
  /// The number of connections that were evaluated.
  public var flows = 0
  /// The number of different questions among them, each walked once.
  public var questions = 0

  /// Creates a result without connections.
  public init() {}
}

/// Finds the live connections that a change of the wgfence table ends. For each connection, the opener's next packet
/// is walked through the present table and through the new one, as the kernel would see that packet now. Replies
/// depend on the opener's packets and are not evaluated. Other programs' tables are assumed not to change.
///
/// Connections that no rule can distinguish are evaluated once: those that differ only in their opener's port.
public struct FlowJudge {
  private let view: SiteView
  private let environment: any HostEnvironment
  private let before: PacketWalk
  private let after: PacketWalk
  private let ports: SourcePortClasses
  private var answers: [FlowQuestion: FlowAnswer] = [:]
  private var found = CutFlows()

  /// Creates a judge for a change. `observed` is the present wgfence table, nil if it is not loaded and everything
  /// passes; `desired` is the new one. `environment` answers for the host's routes and addresses.
  public init(
    _ view: SiteView, from observed: KernelTable?, to desired: KernelTable,
    in environment: any HostEnvironment
  ) {
    self.view = view
    self.environment = environment
    before = PacketWalk(observed.map { [$0.withOrigins(of: desired)] } ?? [])
    after = PacketWalk([desired])
    ports = SourcePortClasses((observed.map { [$0] } ?? []) + [desired])
  }

  /// Evaluates one more connection.
  public mutating func take(_ flow: LiveFlow) {
    guard flow.isAlive else { return }
    found.flows += 1
    let question = FlowQuestion(flow, ports)
    let answer: FlowAnswer
    if let known = answers[question] {
      answer = known
    } else {
      answer = judge(flow)
      answers[question] = answer
    }
    switch answer.outcome {
    case .continues: break
    case .ends: found.cut.append(CutFlow(flow, answer))
    case .unknown: found.undetermined.append(CutFlow(flow, answer))
    }
  }

  /// The result, in order of machine, service and source.
  public func result() -> CutFlows {
    var result = found
    result.questions = answers.count
    result.cut.sort()
    result.undetermined.sort()
    return result
  }

  // MARK: One connection

  private func judge(_ flow: LiveFlow) -> FlowAnswer {
    let (source, destination) = (flow.original.source, flow.original.destination)
    let isOwn = environment.addressType(source, on: nil) == .local
    if source.isLoopback || (isOwn && environment.addressType(destination, on: nil) == .local) {
      return FlowAnswer(.continues)
    }
    if isOwn {
      let route = environment.route(
        RouteQuestion(destination: flow.reply.source, source: source, input: nil))
      guard let output = route.outputs.first else { return FlowAnswer(.continues) }
      var packet = flow.nextPacket
      packet.output = nil
      let zone = view.zone(of: output)?.name ?? output.description
      return compare(
        before.departure(packet, in: environment), after.departure(packet, in: environment), flow,
        FlowEnds(direction: .out, machine: view.machine.name, zone: zone, interface: output))
    }
    // The connection is assumed to arrive on the interface to which its replies are routed.
    let isScoped = source.family == .ipv6 && source.bits >> 118 == 0x3fa
    let route =
      isScoped
      ? RouteAnswer.unknown
      : environment.route(RouteQuestion(destination: source, source: flow.reply.source, input: nil))
    guard let input = route.outputs.first else {
      return FlowAnswer(
        .unknown("the interface on which it arrives is not known"), service: service(flow),
        FlowEnds(direction: .in, machine: source.description, zone: "", interface: nil))
    }
    var packet = flow.nextPacket
    packet.input = input
    packet.destinationType = environment.addressType(destination, on: nil) ?? .unicast
    let zone = view.zone(of: input, from: source)
    return compare(
      before.arrival(packet, in: environment), after.arrival(packet, in: environment), flow,
      FlowEnds(
        direction: .in, machine: zone.map { view.sender(source, in: $0) } ?? input.description,
        zone: zone?.name ?? input.description, interface: input))
  }

  private func compare(_ old: Trace, _ new: Trace, _ flow: LiveFlow, _ ends: FlowEnds) -> FlowAnswer {
    let outcome: FlowOutcome
    switch (old.verdict, new.verdict) {
    case (.drop, _), (.reject, _), (_, .accept): return FlowAnswer(.continues)
    case (.accept, .drop), (.accept, .reject):
      outcome =
        flow.status.contains(.offloaded)
        ? .unknown("a flowtable forwards its packets past the rules") : .ends
    case (.undetermined, _): outcome = .unknown(Self.reason(old))
    case (.accept, .undetermined): outcome = .unknown(Self.reason(new))
    }
    return FlowAnswer(
      outcome, service: service(flow), ends,
      because: old.verdict == .accept && old.steps.contains { !$0.table.isEmpty } ? view.because(old) : nil,
      refusal: new.verdict == .undetermined ? nil : view.because(new))
  }

  private static func reason(_ trace: Trace) -> String {
    guard let step = trace.steps.last else { return "" }
    return "it depends on \(step.place): \(WalkText.text(step.outcome))"
  }

  private func service(_ flow: LiveFlow) -> String {
    let transport = flow.transport
    if transport.hasPorts {
      let port = flow.original.destinationPort
      return view.service(transport, port) ?? "\(port)/\(transport)"
    }
    if let query = flow.query {
      return query.type == 8 || query.type == 128 ? "ping" : "\(transport) type \(query.type)"
    }
    return "ip/\(transport.number)"
  }
}
