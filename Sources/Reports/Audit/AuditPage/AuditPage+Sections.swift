// SPDX-License-Identifier: GPL-3.0-or-later

internal import HostAnalysis
internal import NetworkModel

/// The sections with text: header, findings, temporary grants, and what could not be determined.
extension AuditPage {
  // MARK: Head

  func head(_ title: String) -> Markup {
    var facts: [Markup] = []
    func fact(_ name: String, _ value: Markup) {
      facts.append(
        .element("div", [:], [.element("dt", text: name), .element("dd", [:], [value])]))
    }
    if let machine { fact("Machine", Markup(machine)) }
    if let policy {
      fact("Policy", .element("code", text: policy.path))
      fact("Digest", .element("code", text: policy.digest))
    } else {
      fact("Policy", Markup("none: results are by interface"))
    }
    fact("Enforced", enforcement)
    fact(
      "Audited",
      .element(
        "time", ["datetime": clock.replacingSpaces], text: clock))
    return .element(
      "header", [:],
      [.element("h1", text: title), .element("dl", ["class": "facts"], facts), figures])
  }

  private var enforcement: Markup {
    guard policy != nil else { return Markup("no policy to enforce") }
    switch drift {
    case .none: return Markup("yes: the kernel has the ruleset of the policy")
    case .observing:
      return .element(
        "strong", ["class": "error"],
        text: "no, observe mode: nothing is dropped. The verdicts are those of the rules that are loaded now")
    case .notLoaded:
      return .element(
        "strong", ["class": "error"],
        text: "no: the ruleset is not loaded. The verdicts are those of the rules that are loaded now")
    case .operations(let count):
      return .element(
        "strong", ["class": "error"],
        text:
          "no: the kernel differs by \(Self.counted(count, "operation")). The verdicts are those of the rules "
          + "that are loaded now")
    }
  }

  private var figures: Markup {
    let exposed = exposures.count(where: \.isExposed)
    let undetermined = exposures.count(where: \.isUndetermined)
    func count(_ severity: FindingSeverity) -> Int { findings.count { $0.severity == severity } }
    let figures: [(String, Int, StaticString)] = [
      ("sockets", exposures.count, ""),
      ("exposed", exposed, exposed > 0 ? "error" : ""),
      ("undetermined", undetermined, undetermined > 0 ? "warning" : ""),
      ("errors", count(.error), count(.error) > 0 ? "error" : ""),
      ("warnings", count(.warning), count(.warning) > 0 ? "warning" : ""),
      ("information", count(.information), ""),
    ]
    return .element(
      "dl", ["class": "figures"],
      figures.map { name, number, style in
        let style = style.description
        return .element(
          "div", [:],
          [
            .element("dt", text: name),
            .element("dd", ["class": style.isEmpty ? nil : style], text: "\(number)"),
          ])
      })
  }

  // MARK: Findings

  var findingsSection: Markup {
    var content: [Markup] = [.element("h2", ["id": "findings-heading"], text: "Findings")]
    let ordered = FindingSeverity.allCases.sorted().flatMap { severity in
      findings.filter { $0.severity == severity }
    }
    if ordered.isEmpty {
      content.append(.element("p", text: known > 0 ? "There are no new findings." : "There are no findings."))
    } else {
      content.append(.element("ol", ["class": "findings"], ordered.map(item)))
    }
    if known > 0 {
      let verb = known == 1 ? "is" : "are"
      content.append(
        .element(
          "p", ["class": "dim"],
          text: "\(Self.counted(known, "finding")) of the baseline \(verb) not shown."))
    }
    return .element("section", ["aria-labelledby": "findings-heading"], content)
  }

  private func item(_ finding: AuditFinding) -> Markup {
    let style =
      switch finding.severity {
      case .error: "error"
      case .warning: "warning"
      case .information: "information"
      }
    return .element(
      "li", ["class": style],
      [
        .element(
          "p", ["class": "found"],
          [
            .element("strong", ["class": "severity"], text: finding.severity.rawValue), Markup(" "),
            Markup(finding.found), Markup(" "),
            .element(
              "span", ["class": "check", "title": finding.check.summary], text: finding.check.rawValue),
          ]),
        .element("p", ["class": "fix"], [.element("b", text: "Fix:"), Markup(" \(finding.fix)")]),
      ])
  }

  // MARK: Temporary grants and notes

  var temporaryGrantsSection: Markup {
    list(
      id: "temporary-grants-heading", title: "Temporary grants", temporaryGrants,
      empty: "There are no temporary grants.")
  }

  var notesSection: Markup {
    list(
      id: "notes-heading", title: "What could not be determined", notes,
      empty: "Everything could be determined.")
  }

  private func list(id: StaticString, title: String, _ lines: [String], empty: String) -> Markup {
    .element(
      "section", ["aria-labelledby": id.description],
      [
        .element("h2", ["id": id.description], text: title),
        lines.isEmpty
          ? .element("p", ["class": "dim"], text: empty)
          : .element("ul", ["class": "lines"], lines.map { .element("li", text: $0) }),
      ])
  }

  /// `1 socket`, `2 sockets`
  static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

extension String {
  /// The page's time in the format of the `datetime` attribute: `2026-11-24T18:56:41Z`.
  fileprivate var replacingSpaces: String {
    let parts = split(separator: " ")
    return parts.prefix(2).joined(separator: "T") + "Z"
  }
}
