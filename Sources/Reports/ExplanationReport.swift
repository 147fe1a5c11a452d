// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
package import PolicyAnalysis
internal import PolicyLanguage
internal import Ruleset
internal import PacketWalk

/// An explanation as text and as JSON.
package struct ExplanationReport {
  let machine: String
  let question: Question
  let explanation: Explanation
  let notes: [String]
  let isLive: Bool

  /// Creates a report from its parts.
  package init(machine: String, question: Question, explanation: Explanation, notes: [String], isLive: Bool) {
    self.machine = machine
    self.question = question
    self.explanation = explanation
    self.notes = notes
    self.isLive = isLive
  }

  // MARK: Text

  package var text: PrintableText {
    var text: PrintableText = ""
    var printed: [(key: [String], packet: String)] = []
    for path in explanation.paths {
      let input = path.packet.input.map(\.description)
      let interface = isLive && input != nil && input != path.zone ? " (\(input ?? ""))" : ""
      let packet = "\(WalkText.text(path.packet)), from \(path.source) over \(path.zone)\(interface)"
      let key = path.hops.flatMap { hop in
        [hop.machine, hop.because]
          + hop.trace.steps.map {
            "\($0.subsystem) \($0.table) \($0.chain) \($0.outcome) \($0.comment ?? $0.text)"
          }
      }
      // If the same rules decided about an earlier packet, its steps are not printed again.
      if let same = printed.first(where: { $0.key == key }) {
        text += "\(packet)\n  \(verdict(path.verdict)), by the same rules as \(same.packet)\n\n"
        continue
      }
      printed.append((key, WalkText.text(path.packet)))
      text += "\(packet)\n"
      let isAlone = path.hops.allSatisfy { $0.machine == machine }
      for hop in path.hops { text += self.text(hop, isAlone ? .without : .with) }
      if let last = path.deciding {
        let place = isAlone ? "" : " \(last.role == .tunnel ? "in" : "on") \(last.machine)"
        let limits = path.assumptions.map { ", \($0)" }.joined()
        text += "  \(verdict(path.verdict))\(place)\(limits): \(Self.because(last))\n"
        if let between = path.alternatives {
          let (one, other) = (verdict(between.matching), verdict(between.otherwise))
          text +=
            between.isChance
            ? "  by chance it is \(one) or \(other)\n"
            : "  it is \(one) if this rule matches, else \(other)\n"
        }
        if !path.otherEnds.isEmpty {
          text += "  by chance it goes to \(path.otherEnds.joined(separator: " or ")) instead\n"
        }
        text += "\n"
      }
    }
    for note in notes { text += "note: \(note)\n" }
    if explanation.paths.count > 1 {
      let all = Set(explanation.paths.map(\.verdict))
      text +=
        all.count == 1
        ? "\(explanation.paths.count) packets with the same verdict: \(verdict(explanation.verdict))\n"
        : "\(explanation.paths.count) packets with different verdicts: \(explanation.paths.count { $0.verdict == .accept }) accepted\n"
    }
    return text
  }

  private static func because(_ hop: Explanation.Hop) -> String {
    if hop.because.hasPrefix("built in") || hop.reason.isEmpty { return hop.because }
    return "\(hop.because) \(hop.reason)"
  }

  private func verdict(_ verdict: TraceVerdict) -> PrintableText {
    let name = verdict == .undetermined ? "cannot be determined" : verdict.rawValue
    return PrintableText.coloured("\(name.uppercased())", verdict == .accept ? .boldGreen : .boldRed)
  }

  /// Whether the name of the machine is printed above the steps of a hop.
  private enum Heading {
    case with
    case without
  }

  private func text(_ hop: Explanation.Hop, _ heading: Heading) -> PrintableText {
    var text: PrintableText = heading == .without ? "" : "  \(Self.role(hop)) \(hop.machine)"
    if hop.role == .tunnel {
      return text + ": \(hop.verdict == .accept ? "" : "refused, ")\(Self.because(hop))\n"
    }
    if heading == .with { text += "\n" }
    var table = AlignedTable([.left(), .left(), .left(), .left()])
    var counter: String?
    for (place, step) in hop.trace.steps.enumerated() {
      // The counter and the verdict of a rule are printed on one line.
      let next = hop.trace.steps.indices.contains(place + 1) ? hop.trace.steps[place + 1] : nil
      if case .counted(let name) = step.outcome, let next, next.source == step.source,
        next.chain == step.chain
      {
        counter = name
        continue
      }
      table.append(Self.cells(step, counter))
      counter = nil
    }
    if hop.trace.steps.isEmpty { table.append(["", "", "no rule matched; default accept", ""]) }
    return text + table.text(indent: heading == .without ? 2 : 4)
  }

  private static func role(_ hop: Explanation.Hop) -> String {
    switch hop.role {
    case .sender: "leaves"
    case .tunnel: "through"
    case .router: "routed by"
    case .hub: "relayed by"
    case .receiver: "arrives at"
    }
  }

  /// The cells of a step: hook, table and chain, outcome, and the rule's comment or text.
  private static func cells(_ step: TraceStep, _ counter: String?) -> [String] {
    let hook = step.hookName ?? ""
    let table =
      step.table.isEmpty || step.table == Ruleset.tableName
      ? "" : (step.subsystem == .legacy ? "legacy " : "") + "\(step.table) "
    let outcome = WalkText.text(step.outcome) + (counter.map { ", counted in \($0)" } ?? "")
    return [hook, "\(table)\(step.chain)", outcome, step.comment ?? step.text]
  }

  // MARK: JSON

  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/explain/1")
      object.put("machine", machine)
      object.put("live", isLive)
      object.put("service", question.service.name)
      object.put("verdict", explanation.verdict.rawValue)
      object.put("because", explanation.deciding?.deciding?.because)
      object.put("reason", explanation.deciding?.deciding?.reason)
      object.array("steps") { array in
        for hop in explanation.deciding?.hops ?? [] {
          for step in hop.trace.steps { array.object { Self.write(step, on: hop.machine, to: &$0) } }
        }
      }
      object.array("packets") { array in
        for path in explanation.paths {
          array.object { object in
            object.put("packet", WalkText.text(path.packet))
            object.put("source", path.packet.source.description)
            object.put("destination", path.packet.destination.description)
            object.put("protocol", path.packet.transport.description)
            object.put("port", path.packet.transport.hasPorts ? path.packet.destinationPort : nil)
            object.put("from", path.source)
            object.put("over", path.zone)
            object.put("interface", isLive ? path.packet.input?.description : nil)
            object.put("verdict", path.verdict.rawValue)
            object.put("because", path.deciding?.because)
            object.put("assumptions", each: path.assumptions)
            object.put("verdict_if_matched", path.alternatives?.matching.rawValue)
            object.put("verdict_otherwise", path.alternatives?.otherwise.rawValue)
            object.put("other_ends", each: path.otherEnds)
            object.array("stops") { array in
              for hop in path.hops {
                array.object { object in
                  object.put("machine", hop.machine)
                  object.put("role", hop.role.rawValue)
                  object.put("verdict", hop.verdict.rawValue)
                  object.put("because", hop.because)
                  object.put("reason", hop.reason)
                  object.array("steps") { array in
                    for step in hop.trace.steps {
                      array.object { Self.write(step, on: hop.machine, to: &$0) }
                    }
                  }
                }
              }
            }
          }
        }
      }
      object.put("notes", each: notes)
    }
  }

  private static func write(_ step: TraceStep, on machine: String, to object: inout JSONWriter.Object) {
    object.put("machine", machine)
    object.put("hook", step.hookName)
    object.put("priority", step.base.map { Int($0.priority) })
    object.put("table", step.table.isEmpty ? nil : step.table)
    object.put("family", step.table.isEmpty ? nil : RuleText.family(step.family))
    object.put("subsystem", step.table.isEmpty ? nil : step.subsystem.rawValue)
    object.put("chain", step.chain)
    object.put("rule", step.rule.map { $0 + 1 })
    object.put("handle", step.handle > 0 ? Int(step.handle) : nil)
    object.put("text", step.text)
    object.put("comment", step.comment)
    object.put("outcome", WalkText.text(step.outcome))
  }
}
