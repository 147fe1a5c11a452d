// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import HostAnalysis
import ImpactAnalysis
import NetworkModel
import PolicyAnalysis
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
    #expect(try Self.object(Self.apply(1, cut: unread).json)["cut"] is NSNull)
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
}
