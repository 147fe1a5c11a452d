// SPDX-License-Identifier: GPL-3.0-or-later

import NetworkModel
import Testing

@testable import PolicyAnalysis
@testable import HostAnalysis

/// One thing that is done to a healthy host, and what has to be found then: nothing where `severity` is nil.
struct DoctorCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let check: DoctorCheck
  let severity: FindingSeverity?
  /// What the finding has to say, all of it.
  var says: [String] = []
  /// What its fix has to say.
  var fix = ""
  let spoil: @Sendable (inout HostFixture) -> Void

  init(
    _ text: String, _ check: DoctorCheck, _ severity: FindingSeverity?, _ says: [String] = [],
    fix: String = "",
    _ spoil: @escaping @Sendable (inout HostFixture) -> Void
  ) {
    testDescription = text
    self.check = check
    self.severity = severity
    self.says = says
    self.fix = fix
    self.spoil = spoil
  }

  /// Judges the case: exactly one finding of the check, or none and no gap either.
  func judge() throws {
    var patient = HostFixture()
    spoil(&patient)
    let diagnosis = try patient.diagnosis()
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
