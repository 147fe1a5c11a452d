// SPDX-License-Identifier: GPL-3.0-or-later

package import Enforcement
internal import PolicyDifference
package import Reports

/// The report for programs of an edit of the policy file.
package struct EditReport {
  private let policy: String
  private let outcome: Outcome

  /// How an edit ended.
  package enum Outcome {
    /// The copy is as the file: nothing was done.
    case unchanged
    /// The new text is in force and in the file.
    case confirmed(Trial)
    /// The trial was not confirmed: what was in force before is in force again, and the copy stays.
    case notConfirmed(Trial, copy: String)
  }

  /// What was put in force on trial.
  package struct Trial {
    let candidate: Candidate
    let difference: DifferenceReport
    let result: FirewallResult

    /// A trial of these parts.
    package init(_ candidate: Candidate, _ difference: DifferenceReport, _ result: FirewallResult) {
      self.candidate = candidate
      self.difference = difference
      self.result = result
    }
  }

  /// A report of an edit of a policy file that ended.
  package init(_ policy: String, _ outcome: Outcome) {
    self.policy = policy
    self.outcome = outcome
  }

  /// `wgfence/edit/1`
  package var json: String {
    JSONWriter.object { object in
      object.put("schema", "wgfence/edit/1")
      object.put("policy", policy)
      switch outcome {
      case .unchanged: put("unchanged", copy: nil, nil, in: &object)
      case .confirmed(let trial): put("confirmed", copy: nil, trial, in: &object)
      case .notConfirmed(let trial, let copy): put("not-confirmed", copy: copy, trial, in: &object)
      }
    }
  }

  private func put(_ word: String, copy: String?, _ trial: Trial?, in object: inout JSONWriter.Object) {
    object.put("outcome", word)
    object.put("copy", copy)
    object.put("machine", trial?.candidate.machine)
    object.put("digest", trial?.candidate.digest)
    object.put("operations", trial?.result.operations ?? 0)
    object.put("generation", trial?.result.generation)
    for (key, changes) in [
      ("gained", trial?.difference.difference.gained), ("lost", trial?.difference.difference.lost),
    ] {
      object.array(key) { array in
        for reach in changes ?? [] { array.object { DifferenceReport.write(reach, to: &$0) } }
      }
    }
  }
}
