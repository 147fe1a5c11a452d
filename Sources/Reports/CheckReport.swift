// SPDX-License-Identifier: GPL-3.0-or-later

internal import NetworkModel
internal import PacketWalk
package import PolicyAnalysis
package import PolicyLanguage
internal import Ruleset

/// What `check` found, in one policy file or in several.
package struct CheckReport {
  /// Whether every policy is one.
  package var isValid = true
  /// Of all files, in their order.
  package var diagnostics: [Diagnostic] = []
  /// Expectations that hold.
  var passed = 0
  /// Tests that do not hold.
  package var failures: [PolicyTestRun.Failure] = []
  /// Grants that no test goes by.
  var untouched = 0
  /// Combinations of a source, a target and a service that some test goes by, and all that are granted.
  var combinations = (touched: 0, all: 0)

  /// The proofs that were asked for, each with the file that it is of.
  package var proofs: [(file: String, proof: Proof)] = []

  /// A report of nothing yet.
  package init() {}

  /// The most warnings of untouched grants that are told of one file.
  private static let limit = 500

  /// Takes in what the tests of a file's policy said; gives what there is to warn of.
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
          message: "\(all.count - Self.limit) more grants that no test goes by are not shown",
          help: nil, sourceLine: nil, length: 1))
    }
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
