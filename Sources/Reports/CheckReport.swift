// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
package import PolicyAnalysis
package import PolicyLanguage
package import PolicyProof
internal import Ruleset

/// The result of `check`, for one or several policy files.
package struct CheckReport {
  /// Whether every policy is valid.
  package var isValid = true
  /// The diagnostics of all files, in the order of the files.
  package var diagnostics: [Diagnostic] = []
  /// The number of expectations that hold.
  var passed = 0
  /// The expectations that do not hold.
  package var failures: [PolicyTestRun.Failure] = []
  /// The number of grants that no test covers.
  var untouched = 0
  /// Combinations of a source, a target and a service: those that a test covers, and all that are granted.
  var combinations = (touched: 0, all: 0)

  /// The proofs that were requested, each with its file.
  package var proofs: [(file: String, proof: Proof)] = []

  /// Whether a policy is not valid, a test failed, or a proof found a counter-example.
  package var hasFinding: Bool {
    !isValid || !failures.isEmpty || proofs.contains { !$0.proof.counterExamples.isEmpty }
  }

  /// Whether there was a warning.
  package var hasWarning: Bool { diagnostics.contains { $0.severity == .warning } }

  /// Creates an empty report.
  package init() {}

  /// The maximum number of warnings about grants without a test, for each file.
  private static let limit = 500

  /// Adds the test results of a file's policy. Returns the warnings about its grants: those that let nothing in, and those
  /// without a test.
  package mutating func add(_ run: PolicyTestRun, _ coverage: GrantCoverage, _ lines: SourceLines)
    -> [Diagnostic]
  {
    passed += run.passed
    failures += run.failures
    untouched += coverage.untouched.count
    combinations.touched += coverage.combinations.touched
    combinations.all += coverage.combinations.all
    let all = coverage.warnings
    var warnings = all.prefix(Self.limit).map { lines.showing($0) }
    if all.count > Self.limit, let last = warnings.last {
      warnings.append(
        Diagnostic(
          severity: .warning, location: last.location,
          message: "\(all.count - Self.limit) more grants that no test covers are not shown",
          help: nil, sourceLine: nil, length: 1))
    }
    warnings = run.ineffective.warnings.map { lines.showing($0) } + warnings
    diagnostics += warnings
    return warnings
  }

  /// The report as a JSON document.
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/check/1")
      object.put("valid", isValid)
      object.array("diagnostics") { array in
        for diagnostic in diagnostics {
          array.object { object in
            object.put("file", diagnostic.location.file)
            object.put("line", diagnostic.location.line)
            object.put("column", diagnostic.location.column)
            object.put("severity", diagnostic.severity.rawValue)
            object.put("message", diagnostic.message)
            object.put("help", diagnostic.help)
          }
        }
      }
      object.object("tests") { object in
        object.put("passed", passed)
        object.put("failed", failures.count)
        object.put("untouched", untouched)
        object.object("combinations") { object in
          object.put("touched", combinations.touched)
          object.put("granted", combinations.all)
        }
      }
      object.array("failures") { array in
        for failure in failures { array.object { Self.write(failure, to: &$0) } }
      }
      if proofs.isEmpty { return }
      object.array("proofs") { array in
        for (file, proof) in proofs {
          array.object { object in
            object.put("file", file)
            ProofReport.write(proof, to: &object)
          }
        }
      }
    }
  }

  private static func write(_ failure: PolicyTestRun.Failure, to object: inout JSONWriter.Object) {
    object.put("file", failure.location.file)
    object.put("line", failure.location.line)
    object.put("expectation", failure.expectation)
    object.put("machine", failure.machine)
    object.put("packet", failure.packet.map(WalkText.text))
    object.put("over", failure.over)
    object.put("verdict", failure.trace?.verdict.rawValue)
    object.put("part", failure.part)
    object.put("because", failure.because)
    object.put("fix", failure.fix)
    object.put("steps", each: (failure.trace?.steps ?? []).map(WalkText.text))
  }
}
