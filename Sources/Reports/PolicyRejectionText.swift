// SPDX-License-Identifier: GPL-3.0-or-later

package import NetworkModel
internal import PolicyAnalysis
internal import PolicyCompiler
internal import PolicyLanguage
package import PolicyProof

/// Why a policy is not put in force, for people: a sentence, and the report behind it.
package struct PolicyRejectionText {
  private let rejection: PolicyRejection
  /// The policy's file, as it was named.
  private let path: String

  /// The text of the rejection of a file.
  package init(_ rejection: PolicyRejection, path: String) {
    self.rejection = rejection
    self.path = path
  }

  /// One sentence, as the daemon writes it.
  package var sentence: String {
    switch rejection {
    case .unreadable(let reason): path.isEmpty ? reason : "\(path): \(reason)"
    case .invalid(let errors):
      "\(path) is not valid: \(errors.count) error\(errors.count == 1 ? "" : "s")"
    case .tooMuchWork(let limit): "\(path) is too much work: \(limit)"
    case .noMachine(let error): error.description
    case .failedTests(_, let count): "\(count) of the tests of \(path) failed"
    case .disproved(let proof, let machine): ProofReport.refusal(proof, machine: machine)
    case .lockedOut(let explanation): explanation
    }
  }

  /// The same, for the user whose `apply` it refuses.
  package var answer: PrintableText {
    switch rejection {
    case .unreadable, .invalid, .tooMuchWork, .noMachine: "\(sentence)"
    case .failedTests(_, let count): "\(count) of the policy's own tests failed; nothing was changed"
    case .disproved: "\(sentence); nothing was changed"
    case .lockedOut:
      "\(sentence); nothing was changed. Grant it (failsafe is the place), or say --force"
    }
  }

  /// Diagnostics, failed tests or counter-examples; empty where the sentence says all.
  package var report: PrintableText {
    switch rejection {
    case .invalid(let errors): return DiagnosticText().render(errors)
    case .failedTests(let failures, let count):
      let more = count - failures.count
      return TestFailureText(lines: nil).render(failures)
        + (more > 0 ? "\(more) more are not shown: run wgfence check\n" : "")
    case .disproved(let proof, _): return ProofReport.text(proof, path: path)
    case .unreadable, .tooMuchWork, .noMachine, .lockedOut: return ""
    }
  }

  /// The exit status of a verb that it ends: 2 where the policy itself is at fault, or would lock out who applies it.
  package var exitStatus: Int32 {
    switch rejection {
    case .invalid, .failedTests, .lockedOut: 2
    case .unreadable, .tooMuchWork, .noMachine, .disproved: 1
    }
  }
}
