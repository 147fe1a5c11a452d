// SPDX-License-Identifier: GPL-3.0-or-later

public import NetworkModel
internal import Ruleset
internal import PacketWalk
internal import PacketSets

/// A live connection that a change ends, or may end, in the policy's words.
public struct CutFlow: Sendable, Hashable {
  /// The connection.
  public let flow: LiveFlow
  /// Which way it goes.
  public let way: FlowWay
  /// Who opened it: a machine of the policy, this one for what leaves; where none is known, the zone.
  public let machine: String
  /// The zone or tunnel by which it comes or leaves; empty where that is not known.
  public let zone: String
  /// The interface by which it comes or leaves; nil where that is not known.
  public let interface: InterfaceName?
  /// The service by the policy's or the catalogue's name, else `5432/tcp`.
  public let service: String
  /// The line of the policy, or the rule, that let it on until now; nil where nothing did, there being no rules.
  public let because: String?
  /// The line or rule that will refuse it; nil where that is not known.
  public let refusal: String?
  /// Why it cannot be told what becomes of it; nil where it can.
  public let unknown: String?

  init(_ flow: LiveFlow, _ answer: FlowAnswer) {
    self.flow = flow
    way = answer.ends.way
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
    let (one, two) = (left.flow.original, right.flow.original)
    if left.machine != right.machine { return left.machine < right.machine }
    if left.service != right.service { return left.service < right.service }
    if one.source != two.source { return one.source < two.source }
    if one.destination != two.destination { return one.destination < two.destination }
    return (one.sourcePort, one.destinationPort) < (two.sourcePort, two.destinationPort)
  }
}

/// Which way a connection goes, seen from this host.
public enum FlowWay: String, Sendable, Hashable {
  /// To this host, or through it.
  case `in`
  /// From this host.
  case out
}

/// What becomes of a connection.
enum FlowFate {
  case goesOn
  case ends
  /// It cannot be told, for this reason.
  case unknown(String)
}

/// Who opened a connection, and by which way.
struct FlowEnds {
  let way: FlowWay
  let machine: String
  let zone: String
  let interface: InterfaceName?
}

/// What was found of a connection, and of all that no rule tells from it.
struct FlowAnswer {
  let outcome: FlowFate
  package let service: String
  let ends: FlowEnds
  let because: String?
  package let refusal: String?

  init(
    _ outcome: FlowFate, service: String = "",
    _ ends: FlowEnds = FlowEnds(way: .in, machine: "", zone: "", interface: nil), because: String? = nil,
    refusal: String? = nil
  ) {
    self.outcome = outcome
    self.service = service
    self.ends = ends
    self.because = because
    self.refusal = refusal
  }
}

/// All of a connection that a rule of the tables can ask for.
struct FlowQuestion: Hashable {
  private var flow: LiveFlow
  private let original: Int
  private let reply: Int

  init(_ flow: LiveFlow, _ ports: SourcePortClasses) {
    // The opener's port, as it wrote it and as it is translated.
    original = ports.number(of: flow.original.sourcePort)
    reply = ports.number(of: flow.reply.destinationPort)
    var alike = LiveFlow(
      transport: flow.transport, original: flow.original, reply: flow.reply, query: flow.query,
      status: flow.status.intersection([.seenReply, .confirmed, .sourceNAT, .destinationNAT, .offloaded]))
    alike.original.sourcePort = 0
    alike.reply.destinationPort = 0
    alike.query?.identifier = 0
    alike.mark = flow.mark
    self.flow = alike
  }
}

extension LiveFlow {
  /// The next packet of the opener's, as the kernel would see it before any of its rules.
  var nextPacket: Packet {
    var packet = Packet(
      source: original.source, destination: original.destination, transport: transport,
      sourcePort: original.sourcePort, destinationPort: original.destinationPort, input: nil)
    let isAnswered = status.contains(.seenReply)
    // Unanswered, its opener says the same again.
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
