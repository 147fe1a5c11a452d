// SPDX-License-Identifier: GPL-3.0-or-later

package import HostAnalysis
package import ImpactAnalysis
package import NetworkModel

/// What works on a host now and will not work after a change, as `plan`, `apply` and `doctor` report it.
package struct ImpactReport: Sendable {
  /// Nil if it could not be determined.
  package let impact: Impact?
  /// What takes away the effect of lines of `translate`, or loses its packets to them.
  package let translations: [DoctorFinding]

  /// A report of an impact.
  package init(_ impact: Impact?, translations: [DoctorFinding] = []) {
    self.impact = impact
    self.translations = translations
  }

  /// What stops working, as a section for people; empty if nothing does.
  package var brokenText: PrintableText {
    let broken = impact?.objections() ?? []
    if broken.isEmpty { return "" }
    let head: PrintableText =
      broken.count == 1
      ? "This works now and will stop working:" : "These work now and will stop working:"
    return PrintableText.coloured(head, .boldRed) + "\n" + Self.text(of: broken)
  }

  /// A section for people; empty if there is nothing to say.
  package var text: PrintableText {
    var text = brokenText
    let others = impact?.findings.filter { $0.weight == .notable } ?? []
    if !others.isEmpty || !translations.isEmpty {
      if !text.isEmpty { text += "\n" }
      text += "Look at this:\n" + Self.text(of: others)
    }
    for finding in translations {
      text += "  \(finding.check.rawValue)  \(finding.found)\n    to change it, \(finding.fix)\n"
    }
    return text
  }

  /// The names of what stops working; nil if nothing does.
  package var names: String? {
    guard let broken = impact?.objections(), !broken.isEmpty else { return nil }
    return broken.map(\.name).joined(separator: ", ")
  }

  /// Why a change is refused, with what to do; nil if nothing stops working that was not accepted by its name.
  package func refusal(accepting names: Set<String>) -> PrintableText? {
    guard let broken = impact?.objections(except: names), !broken.isEmpty else { return nil }
    let list = broken.map(\.name).joined(separator: ", ")
    let options = broken.map { "--accept \($0.name)" }.joined(separator: " ")
    return
      "this would stop working: \(list). Nothing was changed. Correct the policy, try it with --observe, or apply "
      + "with \(options) if that is meant"
  }

  /// The administrators' sessions and the tunnels that would end, for a change that is meant to end everything else.
  package var accessLost: PrintableText? {
    let lost = impact?.objections().filter { ["session", "tunnel"].contains($0.kind) } ?? []
    return lost.isEmpty ? nil : Self.text(of: lost)
  }

  /// Findings, each with its name, the rule that decides, and what to do.
  package static func text(of findings: [Impact.Finding]) -> PrintableText {
    var text: PrintableText = ""
    for finding in findings {
      text += "  \(finding.name)  \(finding.breaks)\n"
      if finding.weight == .essential { text += "    decided by \(finding.because)\n" }
      if let fix = finding.fix { text += "    to keep it, \(fix)\n" }
    }
    return text
  }

  /// The member `translations`.
  package func putTranslations(in object: inout JSONWriter.Object) {
    object.array("translations") { array in
      for finding in translations {
        array.object { object in
          object.put("severity", finding.severity.rawValue)
          object.put("found", finding.found)
          object.put("fix", finding.fix)
        }
      }
    }
  }

  /// The member `impact`; null if it could not be determined.
  package func put(in object: inout JSONWriter.Object) {
    guard let impact else {
      object.null("impact")
      return
    }
    object.array("impact") { array in
      for finding in impact.findings {
        array.object { object in
          object.put("name", finding.name)
          object.put("kind", finding.kind)
          object.put("essential", finding.weight == .essential)
          object.put("breaks", finding.breaks)
          object.put("because", finding.because)
          object.put("fix", finding.fix)
        }
      }
    }
  }
}
