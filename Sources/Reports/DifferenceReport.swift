// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
internal import PolicyAnalysis
package import PolicyDifference

/// The difference between two policies, as text, as JSON, and as Markdown for a pull request.
package struct DifferenceReport {
  let old: String
  let new: String
  package let difference: SiteDifference

  /// Creates a report from its parts.
  package init(old: String, new: String, difference: SiteDifference) {
    self.old = old
    self.new = new
    self.difference = difference
  }

  /// A line of the report: reaches that differ in only one property are merged into it.
  private struct Line: Hashable {
    var machines: [String]
    let to: String?
    let services: [String]
    var from: [String]
    let over: String
    let isFromOutside: Bool
  }

  private static func lines(_ reaches: [SiteDifference.Reach]) -> [Line] {
    struct Place: Hashable {
      let machine: String
      let to: String?
      let from: String
      let over: String
      let isFromOutside: Bool
    }
    var services: [Place: [String]] = [:]
    var places: [Place] = []
    for reach in reaches {
      let place = Place(
        machine: reach.machine, to: reach.to, from: reach.from, over: reach.over,
        isFromOutside: reach.isFromOutside)
      if services[place] == nil { places.append(place) }
      let text = Self.service(reach)
      if services[place]?.last != text { services[place, default: []].append(text) }
    }
    let single = places.map { place in
      Line(
        machines: [place.machine], to: place.to, services: services[place] ?? [], from: [place.from],
        over: place.over, isFromOutside: place.isFromOutside)
    }
    return merged(merged(single, \.from), \.machines)
  }

  /// Merges lines that differ only in one list.
  private static func merged(_ lines: [Line], _ list: WritableKeyPath<Line, [String]>) -> [Line] {
    var places: [Line: Int] = [:]
    var result: [Line] = []
    for line in lines {
      var key = line
      key[keyPath: list] = []
      if let place = places[key] {
        result[place][keyPath: list] += line[keyPath: list]
      } else {
        places[key] = result.count
        result.append(line)
      }
    }
    return result
  }

  /// `postgres 5432/tcp`, `9443/tcp`, `ping`
  private static func service(_ reach: SiteDifference.Reach) -> String {
    guard let ports = reach.ports, reach.service.first?.isNumber == false, !reach.service.hasPrefix("any ")
    else {
      return reach.service
    }
    let text = ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
    return "\(reach.service) \(text)/\(reach.transport)"
  }

  /// The maximum number of names in a list.
  private static let longest = 12

  private static func names(_ names: [String], _ separator: String) -> String {
    names.count <= longest
      ? names.joined(separator: separator)
      : names.prefix(longest).joined(separator: separator) + " and \(names.count - longest) more"
  }

  // MARK: Text

  package var text: PrintableText {
    if difference.isEmpty {
      return "No difference: \(old) and \(new) let the same packets pass.\n"
    }
    var text: PrintableText = ""
    text += Self.section("Gained", Self.lines(difference.gained), mark: "!")
    text += Self.clear("May now leave in the clear", difference.clearTextGained, mark: "!")
    text += Self.section("Lost", Self.lines(difference.lost), mark: " ")
    text += Self.clear("No longer leaves in the clear", difference.clearTextLost, mark: " ")
    text += Self.outbound("May now be sent", difference.outboundGained)
    text += Self.outbound("May no longer be sent", difference.outboundLost)
    for kind in PolicyStatement.Kind.allCases {
      let (gained, lost) = Self.titles(kind)
      text += Self.statements(gained, difference.statementsGained.filter { $0.kind == kind })
      text += Self.statements(lost, difference.statementsLost.filter { $0.kind == kind })
    }
    text += "\(summary).\n"
    if hasDanger { text += "! comes from outside every tunnel, or leaves in the clear.\n" }
    return text
  }

  private var hasDanger: Bool {
    difference.gained.contains(where: \.isFromOutside) || !difference.clearTextGained.isEmpty
  }

  private var summary: String {
    func count(_ number: Int, _ what: String) -> String { "\(number) \(what)" }
    return "\(count(difference.gained.count, "gained")), \(count(difference.lost.count, "lost")), on "
      + "\(difference.changedMachines) machine\(difference.changedMachines == 1 ? "" : "s"), "
      + "from \(old) to \(new)"
  }

  private static func section(_ title: String, _ lines: [Line], mark: String) -> PrintableText {
    if lines.isEmpty { return "" }
    var table = AlignedTable([.left(), .left("MACHINE"), .left("SERVICE"), .left("FROM"), .left("OVER")])
    for line in lines {
      let machine = names(line.machines, " ") + (line.to.map { " -> \($0)" } ?? "")
      table.append(
        [
          line.isFromOutside ? mark : "", machine, names(line.services, ", "), names(line.from, " "),
          line.over,
        ], mark == "!" ? (line.isFromOutside ? .boldRed : .green) : .yellow)
    }
    return "\(title)\n\(table.text())\n"
  }

  private static func clear(
    _ title: String, _ lines: [SiteDifference.ClearText], mark: String
  ) -> PrintableText {
    if lines.isEmpty { return "" }
    var table = AlignedTable([.left(), .left("MACHINE"), .left("TO"), .left("SERVICE"), .left("OVER")])
    for line in lines {
      table.append(
        [
          mark, line.machine, line.to, names(line.services, ", "), line.over.joined(separator: " "),
        ], mark == "!" ? .boldRed : .yellow)
    }
    return "\(title)\n\(table.text())\n"
  }

  /// The titles for statements that are new, and for those that are gone.
  private static func titles(_ kind: PolicyStatement.Kind) -> (gained: String, lost: String) {
    switch kind {
    case .translation: ("Translated from now on", "No longer translated")
    case .confinement: ("Confined from now on: sent only by a grant", "No longer confined")
    case .limit: ("Limited from now on", "No longer limited")
    case .refusal: ("Answered with a reset or an ICMP error from now on", "No longer answered")
    }
  }

  private static func statements(_ title: String, _ lines: [PolicyStatement]) -> PrintableText {
    if lines.isEmpty { return "" }
    var table = AlignedTable([.left(), .left("MACHINE"), .left("WHAT")])
    for line in lines { table.append(["", line.machine, line.what]) }
    return "\(title)\n\(table.text())\n"
  }

  private static func outbound(_ title: String, _ lines: [SiteDifference.Outbound]) -> PrintableText {
    if lines.isEmpty { return "" }
    var table = AlignedTable([.left(), .left("FROM"), .left("TO"), .left("SERVICE"), .left("OVER")])
    for line in lines {
      table.append(["", sender(line), line.to, names(line.services, ", "), line.over.joined(separator: " ")])
    }
    return "\(title)\n\(table.text())\n"
  }

  private static func sender(_ line: SiteDifference.Outbound) -> String {
    line.isOfContainers ? "\(line.machine).containers" : line.machine
  }

  // MARK: Markdown

  package var markdown: String {
    var text = "### Who can reach what: `\(Self.code(old))` → `\(Self.code(new))`\n\n"
    if difference.isEmpty {
      return text + "No difference: both compile to rulesets that let the same packets pass.\n"
    }
    text +=
      "**\(difference.gained.count) gained, \(difference.lost.count) lost** on "
      + "\(difference.changedMachines) machine\(difference.changedMachines == 1 ? "" : "s").\n"
    if hasDanger {
      text +=
        "\n> ⚠️ Some packets come from outside every tunnel, or may leave in the clear: check the marked lines.\n"
    }
    text += Self.markdown("Gained", Self.lines(difference.gained), mark: "⚠️")
    text += Self.markdown(
      "May now leave in the clear: no longer covered by `encrypt`", difference.clearTextGained, mark: "⚠️")
    text += Self.markdown("Lost", Self.lines(difference.lost), mark: "")
    text += Self.markdown("No longer leaves in the clear", difference.clearTextLost, mark: "")
    text += Self.markdown("May now be sent", difference.outboundGained)
    text += Self.markdown("May no longer be sent", difference.outboundLost)
    for kind in PolicyStatement.Kind.allCases {
      let (gained, lost) = Self.titles(kind)
      text += Self.markdown(gained, difference.statementsGained.filter { $0.kind == kind })
      text += Self.markdown(lost, difference.statementsLost.filter { $0.kind == kind })
    }
    return text
  }

  private static func markdown(_ title: String, _ lines: [Line], mark: String) -> String {
    if lines.isEmpty { return "" }
    var text = "\n#### \(title)\n\n| | machine | service | from | over |\n|---|---|---|---|---|\n"
    for line in lines {
      let machine = names(line.machines, " ") + (line.to.map { " → \($0)" } ?? "")
      let cells = [
        line.isFromOutside ? mark : "", cell(machine), cell(names(line.services, ", ")),
        cell(names(line.from, " ")), cell(line.over),
      ]
      text += "| \(cells.joined(separator: " | ")) |\n"
    }
    return text
  }

  private static func markdown(_ title: String, _ lines: [SiteDifference.ClearText], mark: String) -> String {
    if lines.isEmpty { return "" }
    var text = "\n#### \(title)\n\n| | machine | to | service | over |\n|---|---|---|---|---|\n"
    for line in lines {
      let cells = [
        mark, cell(line.machine), cell(line.to), cell(names(line.services, ", ")),
        cell(line.over.joined(separator: " ")),
      ]
      text += "| \(cells.joined(separator: " | ")) |\n"
    }
    return text
  }

  private static func markdown(_ title: String, _ lines: [SiteDifference.Outbound]) -> String {
    if lines.isEmpty { return "" }
    let rows = lines.map { line in
      let cells = [sender(line), line.to, names(line.services, ", "), line.over.joined(separator: " ")]
      return "| \(cells.map(cell).joined(separator: " | ")) |\n"
    }
    return "\n#### \(title)\n\n| from | to | service | over |\n|---|---|---|---|\n\(rows.joined())"
  }

  private static func markdown(_ title: String, _ lines: [PolicyStatement]) -> String {
    if lines.isEmpty { return "" }
    let rows = lines.map { "| \(cell($0.machine)) | \(cell($0.what)) |\n" }
    return "\n#### \(title)\n\n| machine | what |\n|---|---|\n\(rows.joined())"
  }

  /// A name in a table, with all markup escaped (CommonMark 0.31, sections 2.4 and 2.5).
  private static func cell(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in PrintableText.of(text).unicodeScalars {
      if "|\\`*_<>[]&~".unicodeScalars.contains(scalar) { result.append("\\") }
      result.append(scalar)
    }
    return String(result)
  }

  /// A name in a code span, which has no escapes: backticks are replaced.
  private static func code(_ text: String) -> String {
    String(String.UnicodeScalarView(PrintableText.of(text).unicodeScalars.map { $0 == "`" ? "'" : $0 }))
  }

  // MARK: JSON

  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/diff/1")
      object.put("old", old)
      object.put("new", new)
      object.put("machines_changed", difference.changedMachines)
      object.array("gained") { array in
        for reach in difference.gained { array.object { Self.write(reach, to: &$0) } }
      }
      object.array("lost") { array in
        for reach in difference.lost { array.object { Self.write(reach, to: &$0) } }
      }
      object.object("clear_text") { object in
        object.array("gained") { array in
          for line in difference.clearTextGained { array.object { Self.write(line, to: &$0) } }
        }
        object.array("lost") { array in
          for line in difference.clearTextLost { array.object { Self.write(line, to: &$0) } }
        }
      }
      object.object("outbound") { object in
        object.array("gained") { array in
          for line in difference.outboundGained { array.object { Self.write(line, to: &$0) } }
        }
        object.array("lost") { array in
          for line in difference.outboundLost { array.object { Self.write(line, to: &$0) } }
        }
      }
      for kind in PolicyStatement.Kind.allCases {
        object.object(kind.rawValue) { object in
          for (key, lines) in [("gained", difference.statementsGained), ("lost", difference.statementsLost)] {
            object.array(key) { array in
              for line in lines where line.kind == kind { array.object { Self.write(line, to: &$0) } }
            }
          }
        }
      }
    }
  }

  private static func write(_ line: PolicyStatement, to object: inout JSONWriter.Object) {
    object.put("machine", line.machine)
    object.put("what", line.what)
  }

  private static func write(_ line: SiteDifference.Outbound, to object: inout JSONWriter.Object) {
    object.put("from", sender(line))
    object.put("to", line.to)
    object.put("services", each: line.services)
    object.put("over", each: line.over)
  }

  package static func write(_ reach: SiteDifference.Reach, to object: inout JSONWriter.Object) {
    object.put("machine", reach.machine)
    object.put("to", reach.to)
    object.put("service", reach.service)
    object.put("port", reach.ports?.lowerBound)
    object.put("last_port", reach.ports?.upperBound)
    object.put("protocol", reach.transport)
    object.put("from", reach.from)
    object.put("addresses", each: reach.addresses)
    object.put("over", reach.over)
    object.put("outside", reach.isFromOutside)
  }

  private static func write(_ line: SiteDifference.ClearText, to object: inout JSONWriter.Object) {
    object.put("machine", line.machine)
    object.put("to", line.to)
    object.put("services", each: line.services)
    object.put("over", each: line.over)
  }
}
