// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketSets
internal import PacketWalk
internal import PolicyAnalysis
internal import Ruleset

/// Walks the first packets of flows through tables, and keeps the outcomes: ports that no rule distinguishes are walked
/// once.
///
/// A class because of the outcomes that it keeps. It must be used on the thread of its environment.
final class ImportWalk {
  /// The first packet of a flow that arrives at the host.
  struct Question: Hashable {
    var input: InterfaceName
    var source: IPAddress
    var destination: IPAddress
    var transport: IPProtocol
    var port: UInt16 = 0
    var sourcePort = SourcePortSamples.usual
  }

  /// What happens to the packet.
  enum Verdict: Hashable {
    case accepted
    /// A rule drops or rejects it.
    case refused
    /// It depends on what the walk cannot evaluate.
    case undetermined
    /// The kernel drops it whatever the rules are: it has no route, or its source is impossible there.
    case unreachable
  }

  struct Outcome {
    let verdict: Verdict
    /// What decided.
    let because: String
    /// The rates within which the packet is assumed to be.
    let limits: [String]
    /// The interface by which a forwarded packet leaves; nil if it is for the host.
    let output: InterfaceName?
    /// The destination after all translations.
    let destination: IPAddress
    let port: UInt16
    /// Whether the source is translated: the rule, and whether it takes the address of the output interface.
    let masquerade: String?
  }

  let classes: DestinationPortClasses
  private let walk: PacketWalk
  private let environment: any HostEnvironment
  private var known: [Question: Outcome] = [:]

  init(_ tables: [KernelTable], order: HookOrder?, environment: any HostEnvironment) {
    classes = DestinationPortClasses(tables)
    walk = PacketWalk(tables, order: order)
    self.environment = environment
  }

  func outcome(_ question: Question) -> Outcome {
    var key = question
    if question.transport.hasPorts { key.port = classes.number(of: question.port) }
    if let outcome = known[key] { return outcome }
    let packet = Packet(
      source: question.source, destination: question.destination, transport: question.transport,
      sourcePort: question.sourcePort, destinationPort: question.port, input: question.input)
    let outcome = outcome(of: packet)
    known[key] = outcome
    return outcome
  }

  /// The outcome of a packet as it is stated.
  func outcome(of packet: Packet) -> Outcome {
    let trace = walk.arrival(packet, in: environment)
    let verdict: Verdict =
      switch (trace.verdict, trace.steps.last?.outcome) {
      case (.accept, _): .accepted
      case (.undetermined, _): .undetermined
      case (_, .unroutable): .unreachable
      case (.drop, _), (.reject, _): .refused
      }
    return Outcome(
      verdict: verdict, because: Self.because(trace),
      limits: verdict == .accepted ? Self.limits(trace) : [], output: trace.packet?.output,
      destination: trace.packet?.destination ?? packet.destination,
      port: trace.packet?.destinationPort ?? packet.destinationPort, masquerade: Self.masquerade(trace))
  }

  /// The rates that an accepted packet is assumed not to exceed. Those of rules that only log do not count.
  private static func limits(_ trace: Trace) -> [String] {
    trace.steps.compactMap { step in
      guard case .assumed(let text) = step.outcome, text.hasPrefix("within "),
        step.source.map({ !$0.logs }) ?? true
      else { return nil }
      return String(text.dropFirst("within ".count))
    }.unique
  }

  /// What decided, and why: the line of a policy has a reason, the rule of another table is its own.
  private static func because(_ trace: Trace) -> String {
    let (because, reason) = (TraceWords.because(trace), TraceWords.reason(trace))
    return because.hasPrefix("policy.yaml") && !reason.isEmpty ? "\(because) \(reason)" : because
  }

  private static func masquerade(_ trace: Trace) -> String? {
    trace.steps.first { step in
      if case .translated(let translation) = step.outcome { translation.side == .source } else { false }
    }?.place
  }
}

extension KernelRule {
  /// Whether the rule logs packets.
  var logs: Bool {
    expressions.contains { expression in
      switch expression {
      case .log: true
      case .opaque(let name, let data):
        switch OpaqueExpression(name, data) {
        case .target(let target, _, _): ["LOG", "NFLOG", "ULOG"].contains(target)
        default: name == "log"
        }
      default: false
      }
    }
  }
}
