// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel
internal import OutboundAnalysis
internal import PacketWalk

/// What the host and its guests send.
extension AuditReport {
  // MARK: Text

  /// More connections than these are not listed for people.
  private static let mostConnections = 20

  /// The senders with what they may send, then the connections to other hosts.
  var outboundText: PrintableText {
    if outbound.senders.isEmpty { return "" }
    var text: PrintableText = "\nOutbound traffic\n"
    for sender in outbound.senders { text += self.text(sender) }
    if outbound.connections.isEmpty { return text }
    text += "\nConnections to other hosts\n"
    var table = AlignedTable(["WHO", "TO", "SERVICE", "VERDICT", "BECAUSE"].map { .left($0) })
    let ordered = OutboundConnectionWords.ordered(outbound.connections)
    for connection in ordered.prefix(Self.mostConnections) {
      let words = OutboundConnectionWords(connection)
      table.append(
        columns: [
          OutboundWords.folded(words.who, width: 22), OutboundWords.folded(words.to, width: 16),
          OutboundWords.folded(words.service, width: 12), [words.verdict],
          OutboundWords.folded(because(words.judgement), width: 18),
        ])
    }
    text += table.text(indent: 2)
    if ordered.count > Self.mostConnections {
      text += "  and \(ordered.count - Self.mostConnections) more\n"
    }
    return text
  }

  private func because(_ judgement: OutboundJudgement) -> String {
    OutboundWords(OutboundSender(kind: .host, scope: .listed), machine: machine, policy: policy?.path)
      .because(judgement)
  }

  private func text(_ sender: OutboundSender) -> PrintableText {
    let words = OutboundWords(sender, machine: machine, policy: policy?.path)
    let confinement = words.confinement.map { " (\($0))" } ?? ""
    let rows = words.rows
    var text: PrintableText = ""
    for (place, line) in OutboundWords.folded(words.who, width: 74).enumerated() {
      text += place == 0 ? "  \(line)\n" : "      \(line)\n"
    }
    let scope = "\(words.scope)\(confinement)\(rows.isEmpty ? "" : ":")"
    for (place, line) in OutboundWords.folded(scope, width: 72).enumerated() {
      text += place == 0 ? "    \(line)\n" : "      \(line)\n"
    }
    var table = AlignedTable(["TO", "SERVICES", "BY", "BECAUSE"].map { .left($0) })
    for row in rows {
      let columns = [
        OutboundWords.lines(row.to, width: 26, most: 6),
        OutboundWords.lines(row.services, width: 20, most: 4),
        [row.interface.description], OutboundWords.folded(words.because(row.judgement), width: 26),
      ]
      table.append(columns: columns)
    }
    text += table.text(indent: 6)
    return text
  }

  // MARK: JSON

  func writeOutbound(to object: inout JSONWriter.Object) {
    object.object("outbound") { object in
      object.array("senders") { array in
        for sender in outbound.senders { array.object { Self.write(sender, to: &$0) } }
      }
      object.array("connections") { array in
        for connection in outbound.connections { array.object { Self.write(connection, to: &$0) } }
      }
    }
  }

  private static func write(_ sender: OutboundSender, to object: inout JSONWriter.Object) {
    object.put("kind", sender.kind.rawValue)
    object.put("interfaces", each: sender.interfaces.map(\.description))
    object.put("guests", each: sender.guests)
    object.array("confined_by") { array in
      for entry in sender.confinements {
        array.object { object in
          object.put("line", entry.place)
          if let towards = entry.towards {
            object.put("towards", each: towards.map(\.description))
          } else {
            object.null("towards")
          }
        }
      }
    }
    object.put("scope", sender.scope.rawValue)
    for (name, reaches) in [("allowed", sender.allowed), ("refused", sender.refused)] {
      object.array(name) { array in
        for reach in reaches { array.object { write(reach, to: &$0) } }
      }
    }
  }

  private static func write(_ reach: OutboundSender.Reach, to object: inout JSONWriter.Object) {
    object.put("to", each: reach.to)
    object.put("families", each: reach.families.map { $0 == .ipv4 ? "ipv4" : "ipv6" })
    object.put("services", each: reach.services)
    object.put("interface", reach.interface.description)
    object.put("zone", reach.zone)
    write(reach.judgement, to: &object)
  }

  private static func write(_ judgement: OutboundJudgement, to object: inout JSONWriter.Object) {
    object.put("verdict", judgement.verdict.rawValue)
    object.put("because", judgement.because)
    object.put("reason", judgement.reason)
    object.put("standing", judgement.standing.rawValue)
  }

  private static func write(_ connection: OutboundConnection, to object: inout JSONWriter.Object) {
    object.put("process", connection.process?.name)
    object.put("pid", connection.process?.pid)
    object.put("user", connection.process?.userID)
    object.put("unit", connection.process?.unit)
    object.put("container", connection.container?.description)
    object.put("namespace", connection.place.description)
    object.put("protocol", connection.transport.description)
    object.put("destination", connection.destination.description)
    object.put("port", connection.port)
    object.put("receiver", connection.receiver)
    object.put("service", connection.service)
    object.put("count", connection.count)
    write(connection.now, to: &object)
    if let policy = connection.policy {
      object.object("by_policy") { write(policy, to: &$0) }
    } else {
      object.null("by_policy")
    }
    object.put("refused", connection.isRefused)
    object.put("advice", connection.advice)
  }
}

extension AlignedTable {
  /// Adds a row whose cells have several lines.
  fileprivate mutating func append(columns: [[String]]) {
    for line in 0..<(columns.map(\.count).max() ?? 0) {
      append(columns.map { line < $0.count ? $0[line] : "" })
    }
  }
}
