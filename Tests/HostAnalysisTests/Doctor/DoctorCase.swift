// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

/// A test case: one change to a healthy host, and the expected finding; no finding if `severity` is nil.
struct DoctorCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let check: DoctorCheck
  let severity: FindingSeverity?
  /// Parts that the text of the finding must contain.
  var says: [String] = []
  /// A part that the fix must contain.
  var fix = ""
  let change: @Sendable (inout HostFixture) -> Void

  init(
    _ text: String, _ check: DoctorCheck, _ severity: FindingSeverity?, _ says: [String] = [],
    fix: String = "",
    _ change: @escaping @Sendable (inout HostFixture) -> Void
  ) {
    testDescription = text
    self.check = check
    self.severity = severity
    self.says = says
    self.fix = fix
    self.change = change
  }

  /// Runs the case: exactly one finding of the check is expected, or no finding and no gap.
  func judge() throws {
    var host = HostFixture()
    change(&host)
    let diagnosis = try host.diagnosis()
    let findings = diagnosis.findings.filter { $0.check == check }
    guard let severity = severity else {
      #expect(findings.isEmpty)
      #expect(diagnosis.passed.contains { $0.check == check }, "\(diagnosis.notMade)")
      return
    }
    #expect(findings.count == 1, "\(findings)")
    let finding = try #require(findings.first)
    #expect(finding.severity == severity, "\(finding)")
    for text in says { #expect(finding.found.contains(text), "\(finding.found)") }
    #expect(finding.fix.contains(fix), "\(finding.fix)")
    #expect(!finding.lookedAt.isEmpty && !finding.fix.isEmpty)
    #expect(!diagnosis.passed.contains { $0.check == check })
  }
}
