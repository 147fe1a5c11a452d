// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import Ruleset
public import PacketWalk

/// Packets and the steps of their walks as text, one line each.
public enum WalkText {
  /// A packet by its source, destination and port.
  public static func text(_ packet: Packet) -> String {
    let ends = "\(packet.transport) \(packet.source) -> \(packet.destination)"
    return packet.transport.hasPorts ? "\(ends) port \(packet.destinationPort)" : ends
  }

  /// A step: the chain, the outcome, and the comment of the rule.
  public static func text(_ step: TraceStep) -> String {
    "\(step.chain): \(text(step.outcome))\(step.comment.map { " (\($0))" } ?? "")"
  }

  /// The outcome of a step, in a few words.
  public static func text(_ outcome: TraceOutcome) -> String {
    switch outcome {
    case .verdict(.jump(let chain)): "jump \(chain)"
    case .verdict(.goto(let chain)): "goto \(chain)"
    case .verdict(let verdict): "\(verdict)"
    case .reject: "reject"
    case .counted(let counter): "counted in \(counter)"
    case .opened(let comment): "temporary grant by \(comment)"
    case .policy(let policy): "policy \(policy)"
    case .undetermined(let expression): "undetermined at \(expression)"
    case .translated(let change):
      "\(change.side) becomes \(change.address.map(\.description) ?? "another")\(change.port.map { " port \($0)" } ?? "")"
    case .marked(let mark): "mark \(mark)"
    case .assumed(let text): "assumed: \(text)"
    case .routed(let answer): "route: \(answer)"
    case .unroutable(let why): "not routed: \(why)"
    }
  }

  /// A packet in one line, with all fields that a rule can match.
  public static func full(_ packet: Packet) -> String {
    var words = ["\(packet.transport) \(packet.source) -> \(packet.destination)"]
    if packet.transport.hasPorts {
      words.append("port \(packet.destinationPort) from port \(packet.sourcePort)")
    }
    if packet.transport == .tcp { words.append("flags 0x\(String(packet.tcpFlags.rawValue, radix: 16))") }
    if packet.transport == .icmp || packet.transport == .icmpv6 { words.append("type \(packet.icmpType)") }
    if let input = packet.input { words.append("in \(input)") }
    if let output = packet.output { words.append("out \(output)") }
    words.append("\(names(packet.state)) \(packet.direction)")
    if packet.status.contains(.destinationNAT) { words.append("dnat") }
    words.append("to a \(packet.destinationType) address")
    return words.joined(separator: ", ")
  }

  private static func names(_ states: ConnectionStates) -> String {
    let names: [(ConnectionStates, String)] = [
      (.invalid, "invalid"), (.established, "established"), (.related, "related"), (.new, "new"),
      (.untracked, "untracked"),
    ]
    return names.filter { states.contains($0.0) }.map(\.1).joined(separator: ",")
  }
}
