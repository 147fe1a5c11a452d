// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import Ruleset
internal import PacketWalk
internal import PacketSets

/// A live connection that a change of the ruleset ends or may end, with the policy's names for it.
public struct CutFlow: Sendable, Hashable {
  /// The connection.
  public let flow: LiveFlow
  /// Its direction.
  public let direction: FlowDirection
  /// The opener: a machine of the policy (this machine for outbound connections), or the zone if no machine is known.
  public let machine: String
  /// The zone or tunnel on which it arrives or leaves; empty if that is not known.
  public let zone: String
  /// The interface on which it arrives or leaves; nil if that is not known.
  public let interface: InterfaceName?
  /// The service's name in the policy or in the catalogue, else `5432/tcp`.
  public let service: String
  /// The line of the policy, or the rule, that accepted it until now; nil if no rules were loaded.
  public let because: String?
  /// The line or rule that will refuse it; nil if that is not known.
  public let refusal: String?
  /// Why the result cannot be determined; nil if it can.
  public let unknown: String?

  init(_ flow: LiveFlow, _ answer: FlowAnswer) {
    self.flow = flow
    direction = answer.ends.direction
    machine = answer.ends.machine
    zone = answer.ends.zone
    interface = answer.ends.interface
    service = answer.service
    because = answer.because
    refusal = answer.refusal
    unknown = if case .unknown(let reason) = answer.outcome { reason } else { nil }
  }
}

extension CutFlow: Comparable {
  /// By machine, service and source.
  public static func < (left: Self, right: Self) -> Bool {
    (left.machine, left.service, left.flow.original) < (right.machine, right.service, right.flow.original)
  }
}

/// The direction of a connection, seen from this host.
public enum FlowDirection: String, Sendable, Hashable {
  /// To this host, or through it.
  case `in`
  /// From this host.
  case out
}

/// What a change does to a connection.
enum FlowOutcome {
  /// The connection continues.
  case continues
  /// The connection is cut.
  case ends
  /// The result cannot be determined, for this reason.
  case unknown(String)
}

/// The opener of a connection, and the interface on which it arrives or leaves.
struct FlowEnds {
  let direction: FlowDirection
  let machine: String
  let zone: String
  let interface: InterfaceName?
}

/// The result for a connection, and for all others that no rule distinguishes from it.
struct FlowAnswer {
  let outcome: FlowOutcome
  package let service: String
  let ends: FlowEnds
  let because: String?
  package let refusal: String?

  init(
    _ outcome: FlowOutcome, service: String = "",
    _ ends: FlowEnds = FlowEnds(direction: .in, machine: "", zone: "", interface: nil),
    because: String? = nil,
    refusal: String? = nil
  ) {
    self.outcome = outcome
    self.service = service
    self.ends = ends
    self.because = because
    self.refusal = refusal
  }
}

/// All properties of a connection that a rule of the tables can match: equal keys have the same result.
struct FlowQuestion: Hashable {
  private var flow: LiveFlow
  private let original: Int
  private let reply: Int

  init(_ flow: LiveFlow, _ ports: SourcePortClasses) {
    // The opener's port, before and after NAT.
    original = ports.number(of: flow.original.sourcePort)
    reply = ports.number(of: flow.reply.destinationPort)
    var normalized = LiveFlow(
      transport: flow.transport, original: flow.original, reply: flow.reply, query: flow.query,
      status: flow.status.intersection([.seenReply, .confirmed, .sourceNAT, .destinationNAT, .offloaded]))
    normalized.original.sourcePort = 0
    normalized.reply.destinationPort = 0
    normalized.query?.identifier = 0
    normalized.mark = flow.mark
    self.flow = normalized
  }
}

extension LiveFlow {
  /// The opener's next packet, as the kernel sees it before any rule.
  var nextPacket: Packet {
    var packet = Packet(
      source: original.source, destination: original.destination, transport: transport,
      sourcePort: original.sourcePort, destinationPort: original.destinationPort, input: nil)
    let isAnswered = status.contains(.seenReply)
    // Without a reply, the opener retransmits its first packet, which is a SYN: `tcpFlags` keeps its default.
    if transport == .tcp, isAnswered { packet.tcpFlags = .ack }
    packet.state = isAnswered ? .established : .new
    packet.status = ConnectionStatus(rawValue: status.rawValue)
    packet.connectionMark = mark
    packet.flow = Flow(original: original, reply: reply)
    if let query {
      packet.icmpType = query.type
      packet.icmpCode = query.code
    }
    return packet
  }
}
