// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import HostAnalysis
import ImpactAnalysis
import NetworkModel
import PolicyAnalysis
import PolicyDifference
import PolicyLanguage
import PolicyProof
import Ruleset
import Testing

@testable import Reports

@Suite("What a change of the ruleset is reported as")
struct ChangeReportTests {
  static let nothing = CutReport(found: CutFlows(), now: 0)

  static func apply(
    _ operations: Int, _ storage: ApplyReport.Storage = .stored, trial: String? = nil,
    cut: CutReport = nothing
  ) -> ApplyReport {
    ApplyReport(
      policy: "p.yaml", machine: "host", digest: "d", operations: operations, generation: 7,
      storage: storage, trial: trial, cut: cut)
  }

  static func object(_ json: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
  }

  @Test("an apply says how much was sent, and when it goes back")
  func applied() throws {
    #expect(Self.apply(0).text.description == "The kernel equalled the policy already; nothing was sent.\n")
    #expect(
      Self.apply(1).text.description
        == "Applied p.yaml as host: 1 operation in one transaction, read back equal (generation 7).\n")
    let trial = Self.apply(2, trial: "60s").text.description
    #expect(trial.contains("2 operations") && trial.contains("It goes back in 60s unless"))
    let object = try Self.object(Self.apply(2, .failed).json)
    #expect(object["stored"] as? Bool == false && object["operations"] as? Int == 2)
    #expect((object["cut"] as? [Any])?.isEmpty == true)
  }

  @Test("connections that could not be read are null, not none")
  func unread() throws {
    let unread = CutReport(found: nil, now: 0)
    #expect(unread.text.isEmpty)
    let object = try Self.object(Self.apply(1, cut: unread).json)
    for key in ["cut", "undetermined", "adopted", "untracked"] { #expect(object[key] is NSNull, "\(key)") }
  }

  @Test("a plan lists what is added and removed")
  func plan() throws {
    let chain = KernelChain(name: "c", base: nil, rules: [])
    let desired = KernelTable(family: NFT.familyInet, name: "wgfence", chains: [chain])
    let report = PlanReport(
      Plan(desired: desired, observed: nil), to: desired, before: nil, generation: 3, cut: Self.nothing,
      impact: ImpactReport(nil))
    #expect(
      report.text.description.contains("2 to add, 0 to remove, in one transaction, the table being new."))
    #expect(try Self.object(report.json)["operations"] as? Int == 2)
    let same = PlanReport(
      Plan(desired: desired, observed: desired), to: desired, before: desired, generation: 3,
      cut: Self.nothing,
      impact: ImpactReport(nil))
    #expect(same.text.description == "The kernel equals the policy: nothing to change.\n")
  }

  @Test("a plan says what takes away the effect of a translation")
  func translations() throws {
    let desired = KernelTable(family: NFT.familyInet, name: "wgfence")
    let finding = DoctorFinding(
      .otherTranslation, .warning, lookedAt: "1 line", found: "ip nat DOCKER rule 2 translates 443/tcp first",
      fix: "publish that port elsewhere")
    let report = PlanReport(
      Plan(desired: desired, observed: desired), to: desired, before: desired, generation: 3,
      cut: Self.nothing, impact: ImpactReport(nil, translations: [finding]))
    #expect(
      report.text.description.hasPrefix(
        """
        Look at this:
          other-translation  ip nat DOCKER rule 2 translates 443/tcp first
            to change it, publish that port elsewhere
        """), "\(report.text)")
    let listed = try Self.object(report.json)["translations"] as? [[String: String]]
    #expect(listed?.first?["severity"] == "warning" && listed?.count == 1)
  }

  @Test("a rejection is told with the exit status that goes with it")
  func rejections() {
    let location = SourceLocation(file: "p.yaml", line: 3, column: 1)
    let error = Diagnostic(
      severity: .error, location: location, message: "wrong", help: nil, sourceLine: nil, length: 1)
    let cases: [(PolicyRejection, status: Int32, sentence: String)] = [
      (.unreadable(reason: "gone"), 1, "p.yaml: gone"),
      (.invalid([error]), 2, "p.yaml is not valid: 1 error"),
      (.tooMuchWork("12 packets"), 1, "p.yaml is too much work: 12 packets"),
      (.failedTests([], count: 3), 2, "3 of the tests of p.yaml failed"),
      (.lockedOut(explanation: "you"), 2, "you"),
    ]
    for (rejection, status, sentence) in cases {
      let text = PolicyRejectionText(rejection, path: "p.yaml")
      #expect(text.exitStatus == status && text.sentence == sentence)
    }
    #expect(
      PolicyRejectionText(.failedTests([], count: 3), path: "p.yaml").report.description
        == "3 more are not shown: run wgfence check\n")
  }

  // MARK: Colours

  /// The colours of the cells of the line that has all these words; nil if there is none.
  static func colour(_ text: PrintableText, of words: String...) -> String? {
    let lines = text.text(columns: nil, colours: .written).split(separator: "\n")
    let found = lines.first { line in words.allSatisfy { line.contains($0) } }
    guard let line = found else { return nil }
    // Each cell begins with its colour, and ends with 0.
    let parts = line.split(separator: "\u{1b}[").filter { $0.contains("m") }
    return Set(parts.map { $0.prefix { $0 != "m" } }.filter { $0 != "0" }).sorted().joined(separator: " ")
  }

  @Test("the rows of a plan's operations are green where they add, and yellow where they remove")
  func planColours() throws {
    func table(_ name: String) -> KernelTable {
      KernelTable(
        family: NFT.familyInet, name: "wgfence", chains: [KernelChain(name: name, base: nil, rules: [])])
    }
    let (before, desired) = (table("old"), table("new"))
    let report = PlanReport(
      Plan(desired: desired, observed: before), to: desired, before: before, generation: 3,
      cut: Self.nothing, impact: ImpactReport(nil), detail: .verbose)
    #expect(Self.colour(report.text, of: "+", "new") == "32")
    #expect(Self.colour(report.text, of: "-", "old") == "33")
    #expect(!report.text.description.contains("\u{1b}"))
  }

  @Test(
    "the rows of a difference are bold red where the outside gains, green for other gains, yellow for losses")
  func differenceColours() throws {
    func site(_ lines: String) throws -> CompiledSite {
      let text = """
        version: 1
        tunnels: { wg0: { prefixes: [10.0.0.0/24], listen: 51820 } }
        machines:
          server: { addresses: { wg0: 10.0.0.1 }, endpoint: 192.0.2.1 }
          laptop: { addresses: { wg0: 10.0.0.2 }, endpoint: 192.0.2.2 }
        \(lines)
        """
      let today = CalendarDate(secondsSince1970: 1_795_500_000)
      let decoded = PolicyDecoder.decode(bytes: Array(text.utf8), path: "p.yaml", today: today) { _ in
        .unreadable(reason: "none")
      }
      return CompiledSite(try #require(decoded.policy, "\(decoded.diagnostics)"), today: today)
    }
    let old = try site(
      "allow:\n  - { to: server, services: [7001/tcp], from: laptop }\n"
        + "encrypt:\n  - { between: [server, laptop], tunnel: wg0 }")
    let new = try site(
      "allow:\n  - { to: server, services: [7002/tcp], from: laptop }\n"
        + "  - { to: server, services: [7003/tcp], from: internet, because: for all }")
    let report = DifferenceReport(old: "old", new: "new", difference: SiteDifference(from: old, to: new))
    #expect(Self.colour(report.text, of: "7001/tcp", "laptop") == "33")
    #expect(Self.colour(report.text, of: "7002/tcp", "laptop") == "32")
    #expect(Self.colour(report.text, of: "!", "7003/tcp", "internet") == "31;1")
    #expect(Self.colour(report.text, of: "!", "server", "any") == "31;1")
    #expect(!report.text.description.contains("\u{1b}"))
  }
}
